import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { below, blockShapes, drawBlock, isCanaryQuery, likelyQueries, querySizes, type Slot } from './canaries.ts';
import { weylWords } from './ranges.ts';

const random = (): number => randomInt(2 ** 32);
const count = (slots: readonly Slot[], kind: Slot['kind']): number => slots.filter((slot) => slot.kind === kind).length;

describe('the slots of a block', () => {
  it('hold every record of the query once and at least the promised canaries', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 80 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 300 }),
        (blockRecords, canariesPerBlock, records) => {
          const blocks = blockShapes({ blockRecords, canariesPerBlock }, records, 64).map((shape) =>
            drawBlock(shape, random),
          );
          const held = blocks.flat().flatMap((slot) => (slot.kind === 'record' ? [slot.record] : []));
          expect(held.sort((a, b) => a - b)).toEqual(Array.from({ length: records }, (_, record) => record));
          for (const block of blocks) {
            expect(block).toHaveLength(blockRecords);
            expect(count(block, 'canary')).toBeGreaterThanOrEqual(canariesPerBlock);
          }
        },
      ),
    );
  });

  it('are the same for the same stream and others for another', () => {
    const shape = { blockRecords: 68, canariesPerBlock: 3, firstRecord: 0, records: 60, poolSize: 64 };
    expect(drawBlock(shape, weylWords(5))).toEqual(drawBlock(shape, weylWords(5)));
    expect(drawBlock(shape, weylWords(5))).not.toEqual(drawBlock(shape, weylWords(6)));
  });

  it('put canaries at every place about equally often', () => {
    const shape = { blockRecords: 20, canariesPerBlock: 2, firstRecord: 0, records: 18, poolSize: 8 };
    const seen = new Float64Array(20);
    const stream = weylWords(1);
    for (let draw = 0; draw < 5000; draw += 1) {
      for (const [slot, { kind }] of drawBlock(shape, stream).entries())
        if (kind === 'canary') seen[slot] = (seen[slot] ?? 0) + 1;
    }
    // 500 expected at each place, deviation 21: six of them.
    for (const times of seen) expect(Math.abs(times - 500)).toBeLessThan(130);
  });
});

describe('a uniform number below a limit', () => {
  it('stays below it', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 32 }), (limit) => below(limit, random) < limit));
  });
});

describe('the queries of a job in which each is one record', () => {
  const canaries =
    (job: number) =>
    (index: number): boolean =>
      isCanaryQuery(index, (of = -1) => weylWords(job * 1000 + of));

  it('hold every record once and one canary among the first two', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 1, max: 60 }), (job, records) => {
        const sizes = [...querySizes(records, { capacity: 1, isCanary: canaries(job) })];
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(records);
        expect(sizes.slice(0, 2).filter((size) => size === 0)).toHaveLength(1);
        expect(sizes.slice(2).every((size, place) => (size === 0) === canaries(job)(place + 2))).toBe(true);
      }),
    );
  });

  it('have more canaries at about one place in sixteen', () => {
    const later = Array.from({ length: 20_000 }, (_, index) => canaries(7)(index + 2)).filter(Boolean).length;
    // 1,250 expected, deviation 34: six of them.
    expect(Math.abs(later - 1250)).toBeLessThan(205);
  });

  it('are about as many as is foretold', () => {
    for (const records of [1, 2, 100]) {
      const jobs = 500;
      const counts = Array.from({ length: jobs }, (_, job) => [
        ...querySizes(records, { capacity: 1, isCanary: canaries(job) }),
      ]);
      const mean = counts.reduce((sum, sizes) => sum + sizes.length, 0) / jobs;
      // A job of 100 has 6.6 later canaries, deviation 2.7: of 500 jobs' mean six deviations, and the rounding.
      expect(Math.abs(mean - likelyQueries(records))).toBeLessThan(0.72 + 0.5);
    }
  });

  it('take as much as fits where canaries lie beside the records', () => {
    expect([...querySizes(10, { capacity: 4, isCanary: () => false })]).toEqual([4, 4, 2]);
  });
});
