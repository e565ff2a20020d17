import { describe, expect, it } from 'vitest';
import type { PlanOutcome } from '../artifact/outcomes.ts';
import { estimateJob } from './job-estimate.ts';
import type { ClientPlan } from './plan.ts';

/** What the estimate looks at. */
function planOf(mode: 'latency' | 'throughput', shape: Partial<ClientPlan>): ClientPlan {
  const estimate = { blockSeconds: 2, queryBytes: 1000, resultBytes: 100 };
  return { mode, blockRecords: 100, canariesPerBlock: 4, blocksPerQuery: 1, estimate, ...shape } as ClientPlan;
}

function measuredOf(bytes: { readonly query: number; readonly result: number }, seconds: number): PlanOutcome {
  return { bytes, seconds: { encrypt: seconds, evaluate: 10 * seconds, decrypt: seconds } } as PlanOutcome;
}

describe('the estimate of a job', () => {
  it('is of whole blocks, canaries beside the records counted out', () => {
    const plan = planOf('throughput', {});
    expect(estimateJob(plan, 96, undefined)).toEqual({
      queries: 1,
      bytes: { queries: 1000, results: 100 },
      seconds: 2,
    });
    expect(estimateJob(plan, 97, undefined).bytes).toEqual({ queries: 2000, results: 200 });
  });

  it('takes of a measured query only the blocks that are needed', () => {
    const plan = planOf('throughput', { blocksPerQuery: 8 });
    const measured = measuredOf({ query: 8000, result: 800 }, 4);
    const job = estimateJob(plan, 3 * 96, measured);
    expect(job).toEqual({
      queries: 1,
      bytes: { queries: 3000, results: 300 },
      seconds: 18,
      parts: { encrypt: 1.5, evaluate: 15, decrypt: 1.5 },
    });
    expect(estimateJob(plan, 9 * 96, measured)).toMatchObject({ queries: 2, bytes: { queries: 9000, results: 900 } });
  });

  it('takes for latency what was measured of one record', () => {
    const plan = planOf('latency', { blocksPerQuery: 8 });
    expect(estimateJob(plan, 97, measuredOf({ query: 1100, result: 110 }, 1)).bytes).toEqual({
      queries: 2200,
      results: 220,
    });
  });

  it('counts canary queries where a query is one record', () => {
    const plan = planOf('latency', { circuit: 'trees-bits', blockRecords: 1, canariesPerBlock: 0 });
    expect(estimateJob(plan, 1, undefined).queries).toBe(2);
    expect(estimateJob(plan, 16, undefined)).toMatchObject({ queries: 18, seconds: 36 });
  });
});
