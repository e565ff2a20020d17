import type { PlanMode } from '../artifact/outcomes.ts';
import { AppError } from '../error.ts';
import type { Steps } from '../progress.ts';
import type { CandidateReport, PlannedBody, PlannedMode, RefusedMode } from './body-planner.ts';

/** A mode's plan with what was weighed for it. */
export interface ModePlan {
  readonly plan: PlannedMode;
  readonly candidates: readonly CandidateReport[];
}

/**
 * Plans every wanted mode. Where several are wanted, one that is impossible is left out.
 * @throws {AppError} plan.impossible where none has a plan: what the first one lacks
 */
export function* planEachMode(
  modes: readonly PlanMode[],
  planMode: (mode: PlanMode) => Steps<ModePlan>,
): Steps<PlannedBody> {
  const planned: ModePlan[] = [];
  const refused: (RefusedMode & { readonly error: AppError })[] = [];
  for (const mode of modes) {
    try {
      planned.push(yield* planMode(mode));
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'plan.impossible') throw error;
      refused.push({ mode, reason: error.message, error });
    }
  }
  const [first] = refused;
  if (planned.length === 0 && first !== undefined) throw first.error;
  return {
    plans: planned.map(({ plan }) => plan),
    candidates: planned.flatMap(({ candidates }) => candidates),
    ...(refused.length === 0 ? {} : { refused: refused.map(({ mode, reason }) => ({ mode, reason })) }),
  };
}
