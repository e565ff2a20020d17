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
const split = fc
  .record({
    shared: fc.double({ min: 1e-4, max: 10, noNaN: true }),
    alone: fc.double({ min: 1e-4, max: 10, noNaN: true }),
  })
  .map(({ shared, alone }) => ({ seconds: shared + alone, records: 1, parts: 1, aloneSeconds: alone }));

describe('the estimate for another machine', () => {
  it('is what was measured for a machine like this', () => {
    fc.assert(
      fc.property(machine, fc.oneof(measured, split), (here, plan) => {
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
    expect(estimateOn(there, here, { seconds: 1, records: 100, parts: 8 }).seconds).toBe(0.25);
  });

  it('never makes faster what one thread computes alone, and has split queries take turns', () => {
    fc.assert(
      fc.property(machine, machine, split, (there, here, plan) => {
        const sameClock = { ...there, gigahertz: here.gigahertz };
        const { seconds, recordsPerSecond } = estimateOn(sameClock, here, plan);
        expect(seconds).toBeGreaterThanOrEqual(plan.aloneSeconds);
        expect(recordsPerSecond).toBeCloseTo(1 / seconds, 9);
      }),
    );
    // cnn_square: 64 ms of its first layer on two threads, 191 ms on one (ADR 0010).
    const here = { cores: 2, gigahertz: undefined };
    const plan = { seconds: 0.255, records: 1, parts: 1, aloneSeconds: 0.191 };
    expect(estimateOn({ cores: 48, gigahertz: 3.1 }, here, plan).seconds).toBeCloseTo(0.223, 9);
    expect(estimateOn({ cores: 3, gigahertz: 3.1 }, here, plan).seconds).toBeCloseTo(0.255, 9);
  });

  it("covers the article's two types", () => {
    expect(instanceTypes.slice(0, 2).map(({ name, virtualProcessors }) => [name, virtualProcessors])).toEqual([
      ['ml.m5.xlarge', 4],
      ['ml.m5.24xlarge', 96],
    ]);
  });
});
