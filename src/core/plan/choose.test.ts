import { describe, expect, it } from 'vitest';
import { choosePlan } from './choose.ts';
import type { ClientPlan } from './plan.ts';

/** What the choice looks at. */
function plan(mode: 'latency' | 'throughput', blockRecords: number, estimate: ClientPlan['estimate']): ClientPlan {
  const circuit = mode === 'latency' ? 'trees-bits' : 'trees-records';
  return { mode, circuit, blockRecords, canariesPerBlock: 0, blocksPerQuery: 1, estimate } as ClientPlan;
}

const lone = plan('latency', 1, { blockSeconds: 0.2, queryBytes: 156e3, resultBytes: 130e3 });
const many = plan('throughput', 8189, { blockSeconds: 3.6, queryBytes: 189e6, resultBytes: 132e3 });

describe('the plan for a number of records', () => {
  it('is the one whose computing ends sooner on this machine', () => {
    // Two threads share a block of either: 9 times 0.2 s are as long as half of 3.6 s.
    expect(choosePlan([lone, many], 8, false)).toBe(lone);
    expect(choosePlan([lone, many], 10, false)).toBe(many);
  });

  it('counts what travels where queries leave this machine', () => {
    expect(choosePlan([many, lone], 30, true)).toBe(lone);
    expect(choosePlan([many, lone], 1000, true)).toBe(many);
  });

  it('is the only one there is', () => {
    expect(choosePlan([many], 1, true)).toBe(many);
  });
});
