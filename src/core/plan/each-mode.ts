import type { PlanMode } from '../artifact/outcomes.ts';
import { AppError } from '../error.ts';
import type { Steps } from '../progress.ts';
import type { CandidateReport, PlannedBody, PlannedMode, RefusedMode } from './body-planner.ts';

/** A mode's plan with what was weighed for it. */
export interface ModePlan {
  readonly plan: PlannedMode;
  readonly candidates: readonly CandidateReport[];
}

type Refusal = RefusedMode & { readonly error: AppError };

/**
 * Plans every wanted mode. Where several are wanted, one that is impossible is left out.
 * @throws {AppError} plan.impossible where none has a plan: what each lacks
 */
export function* planEachMode(
  modes: readonly PlanMode[],
  planMode: (mode: PlanMode) => Steps<ModePlan>,
): Steps<PlannedBody> {
  const planned: ModePlan[] = [];
  const refused: Refusal[] = [];
  for (const mode of modes) {
    try {
      planned.push(yield* planMode(mode));
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'plan.impossible') throw error;
      refused.push({ mode, reason: error.message, error });
    }
  }
  if (planned.length === 0) throw noPlan(refused);
  return {
    plans: planned.map(({ plan }) => plan),
    candidates: planned.flatMap(({ candidates }) => candidates),
    ...(refused.length === 0 ? {} : { refused: refused.map(({ mode, reason }) => ({ mode, reason })) }),
  };
}

/** The other mode is advice only where it was not tried. */
function noPlan(refused: readonly Refusal[]): AppError {
  const [first, second] = refused;
  if (first === undefined) throw new RangeError('no mode was asked for');
  const { message, hint = '' } = first.error;
  if (second !== undefined) return new AppError('plan.impossible', `${message} ${second.reason}`, { hint });
  const other = first.mode === 'latency' ? 'throughput' : 'latency';
  return new AppError('plan.impossible', message, { hint: `${hint} Or try --mode ${other}.`.trim() });
}
