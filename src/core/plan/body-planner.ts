import type { PlanMode } from '../artifact/outcomes.ts';
import type { Body, Feature, Task } from '../model/ir.ts';
import type { Agreement } from '../table/accuracy.ts';
import type { PlannedRanges } from '../table/range.ts';
import type { LayerFit } from './activations.ts';
import type { ClientPlan, ServerPlan } from './plan.ts';
import type { TensorWriter } from './tensors.ts';

/** What a planner of one family of bodies gets. */
export interface BodyRequest<Kind extends Body = Body> {
  readonly body: Kind;
  readonly task: Task;
  /** What each feature is made of. */
  readonly features: readonly Feature[];
  readonly ranges: PlannedRanges;
  /** rows x features, preprocessed. */
  readonly calibration: Float64Array;
  readonly rows: number;
  /** The plaintext model's scores of the calibration rows, rows x outputs. */
  readonly scores: Float64Array;
  /** What score errors are measured against. */
  readonly scoreScale: number;
  readonly modes: readonly PlanMode[];
  readonly reveal: 'nothing' | 'thresholds';
  readonly maxError: number;
  readonly minAgreement: number;
  /** canaryPool x features. */
  readonly canaries: Float64Array;
  /** Takes the server's numbers. */
  readonly tensors: TensorWriter;
}

/** One way that was weighed, for `--explain` and the report. */
export interface CandidateReport {
  readonly mode: PlanMode;
  readonly circuit: string;
  readonly parameters: string;
  readonly predicted: {
    readonly blockSeconds: number;
    readonly queryBytes: number;
    readonly resultBytes: number;
    readonly recordSeconds: number;
    readonly scoreDeviation: number;
    /** Of {@link PlannedMode}. */
    readonly memoryBytes: number;
  };
}

/** A mode's plan, both sides. */
export interface PlannedMode {
  readonly client: ClientPlan;
  readonly server: ServerPlan;
  /** Resident memory of the evaluator with one block on the way (memory.ts). */
  readonly memoryBytes: number;
  /** The clear twin of what the server computes: rows x inputs preprocessed features to rows x outputs scores. */
  readonly twin: (features: Float64Array, rows: number) => Float64Array;
  /** Where the plan was fitted to calibration rows: how it agrees on rows that it was not fitted to. */
  readonly heldOut?: Agreement;
}

/** A wanted mode that has no plan, and why. */
export interface RefusedMode {
  readonly mode: PlanMode;
  readonly reason: string;
}

export interface PlannedBody {
  readonly plans: readonly PlannedMode[];
  readonly candidates: readonly CandidateReport[];
  /** Modes left out, where others were wanted too and have plans. */
  readonly refused?: readonly RefusedMode[];
  /** Of a network: what its activations became. */
  readonly activations?: readonly LayerFit[];
}
