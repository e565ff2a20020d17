import type { PlanOutcome } from '../artifact/outcomes.ts';
import { likelyQueries } from './canaries.ts';
import { computingSeconds } from './choose.ts';
import { blockCapacity, isOneRecord, queryCapacity, type ClientPlan } from './plan.ts';

/** What a job will be, as far as it can be told before. */
export interface JobEstimate {
  /** Of a plan with whole queries as canaries the most likely number. */
  readonly queries: number;
  /** All queries and all results; evaluation keys not counted. */
  readonly bytes: { readonly queries: number; readonly results: number };
  /** To encrypt, evaluate and decrypt, one after the other; nothing of lines and of starting a server. */
  readonly seconds: number;
  /** The parts of it, where the plan was measured. */
  readonly parts?: { readonly encrypt: number; readonly evaluate: number; readonly decrypt: number };
}

/**
 * @param records at least one
 * @param measured the plan as its proof measured it, on the machine that compiled; without it the built-in cost table is taken
 */
export function estimateJob(plan: ClientPlan, records: number, measured: PlanOutcome | undefined): JobEstimate {
  const isLone = isOneRecord(plan);
  const blocks = isLone ? likelyQueries(records) : Math.ceil(records / blockCapacity(plan));
  const queries = isLone ? blocks : Math.ceil(records / queryCapacity(plan));
  if (measured === undefined) {
    const { queryBytes, resultBytes } = plan.estimate;
    return {
      queries,
      bytes: { queries: blocks * queryBytes, results: blocks * resultBytes },
      seconds: computingSeconds(plan, blocks),
    };
  }
  // One record was timed for latency, which is one block; a full query for throughput.
  const share = blocks / (plan.mode === 'latency' ? 1 : plan.blocksPerQuery);
  const { bytes, seconds } = measured;
  const parts = {
    encrypt: share * seconds.encrypt,
    evaluate: share * seconds.evaluate,
    decrypt: share * seconds.decrypt,
  };
  return {
    queries,
    bytes: { queries: Math.round(share * bytes.query), results: Math.round(share * bytes.result) },
    seconds: parts.encrypt + parts.evaluate + parts.decrypt,
    parts,
  };
}
