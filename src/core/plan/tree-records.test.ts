import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeParameterSet } from './parameters.ts';
import { floodFactors, shareOfTrees } from './tree-records.ts';
import type { BitTree } from './tree-bits.ts';

describe('floodFactors', () => {
  it('never asks for plaintexts that can only be zero, which SEAL refuses to multiply by', () => {
    const sets = fc.record({
      polyModulusDegree: fc.constantFrom(4096, 8192, 16384),
      primes: fc.integer({ min: 1, max: 4 }),
      bits: fc.integer({ min: 40, max: 58 }),
      plainModulusBits: fc.integer({ min: 16, max: 24 }),
    });
    fc.assert(
      fc.property(sets, ({ polyModulusDegree, primes, bits, plainModulusBits }) => {
        const parameters = makeParameterSet({
          scheme: 'bgv',
          polyModulusDegree: polyModulusDegree,
          coeffModulusBits: [...new Array<number>(primes).fill(bits), 40],
          plainModulusBits,
        });
        for (const factor of floodFactors(parameters)) expect(factor).toBeGreaterThan(1);
      }),
    );
  });
});

describe('shareOfTrees', () => {
  const stump = (bit: number, value: number): BitTree => ({
    bit: Int32Array.of(bit),
    missing: Int32Array.of(-1),
    left: Int32Array.of(-1),
    right: Int32Array.of(-2),
    leafValues: Float64Array.of(value, 0),
  });

  it('gives each tree to one thread, in even shares', () => {
    const trees = Array.from({ length: 17 }, (_, index) => stump(index % 5, index + 1));
    for (const of of [1, 2, 3, 8]) {
      const shares = Array.from({ length: of }, (_, part) => shareOfTrees(trees, 1, { part, of }));
      const values = shares.flat().map(({ leafValues }) => leafValues[0] ?? 0);
      expect(values.sort((a, b) => a - b)).toEqual(trees.map((_, index) => index + 1));
      const sizes = shares.map(({ length }) => length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }
  });
});
