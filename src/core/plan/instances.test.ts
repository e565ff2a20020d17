import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { estimateOn, instanceTypes, type MachineKind } from './instances.ts';

const machine = fc.record({
  cores: fc.integer({ min: 1, max: 64 }),
  gigahertz: fc.option(fc.double({ min: 1, max: 5, noNaN: true }), { nil: undefined }),
});
const measured = fc.record({
  seconds: fc.double({ min: 1e-4, max: 1e3, noNaN: true }),
  records: fc.integer({ min: 1, max: 8192 }),
  parts: fc.integer({ min: 1, max: 64 }),
});

describe('the estimate for another machine', () => {
  it('is what was measured for a machine like this', () => {
    fc.assert(
      fc.property(machine, measured, (here, plan) => {
        expect(estimateOn(here, here, plan).seconds).toBeCloseTo(plan.seconds, 9);
      }),
    );
  });

  it('is never slower with more cores, and eight are the most that help', () => {
    fc.assert(
      fc.property(machine, machine, measured, (here, there, plan) => {
        const cores = (count: number): MachineKind => ({ ...there, cores: count });
        const few = estimateOn(cores(2), here, plan);
        const many = estimateOn(cores(8), here, plan);
        expect(many.seconds).toBeLessThanOrEqual(few.seconds);
        expect(many.recordsPerSecond).toBeCloseTo(4 * few.recordsPerSecond, 6);
        expect(estimateOn(cores(96), here, plan)).toEqual(many);
      }),
    );
  });

  it('follows the clock, where both are known', () => {
    const here = { cores: 2, gigahertz: 3 };
    const plan = { seconds: 1, records: 100, parts: 1 };
    expect(estimateOn({ cores: 2, gigahertz: 1.5 }, here, plan)).toEqual({ seconds: 2, recordsPerSecond: 100 });
    expect(estimateOn({ cores: 2, gigahertz: 1.5 }, { ...here, gigahertz: undefined }, plan).seconds).toBe(1);
  });

  it('does not spread a single block that is not split', () => {
    const here = { cores: 2, gigahertz: undefined };
    const there = { cores: 48, gigahertz: 3.1 };
    expect(estimateOn(there, here, { seconds: 1, records: 100, parts: 1 })).toEqual({
      seconds: 1,
      recordsPerSecond: 800,
    });
    expect(estimateOn(there, here, { seconds: 1, records: 1, parts: 8 }).seconds).toBe(0.25);
  });

  it("covers the article's two types", () => {
    expect(instanceTypes.slice(0, 2).map(({ name, virtualProcessors }) => [name, virtualProcessors])).toEqual([
      ['ml.m5.xlarge', 4],
      ['ml.m5.24xlarge', 96],
    ]);
  });
});
