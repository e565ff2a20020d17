import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromDense, transpose } from '../model/sparse.ts';
import { applyMap, batchMap, mapGradient } from './batch-maps.ts';
import { preActivations } from './network.ts';

const [outputs, columns, batch] = [3, 7, 5];
const single = fc.integer({ min: -64, max: 64 }).map((value) => value / 8);
const numbers = (count: number) => fc.array(single, { minLength: count, maxLength: count });

/** Maps whose columns come from a few: some are alike, some are zeros. */
const maps = fc
  .record({
    kinds: fc.array(fc.integer({ min: -1, max: 2 }), { minLength: columns, maxLength: columns }),
    weights: numbers(3 * outputs),
    bias: numbers(outputs),
  })
  .map(({ kinds, weights, bias }) => {
    const values = Array.from({ length: outputs * columns }, (_, index) => {
      const kind = kinds[index % columns] ?? -1;
      return kind < 0 ? 0 : (weights[3 * Math.floor(index / columns) + kind] ?? 0);
    });
    return { kinds, matrix: fromDense(values, outputs, columns), bias: Float64Array.from(bias) };
  });

/** From row by row to unit by unit. */
function turned(values: readonly number[], units: number): Float32Array {
  return Float32Array.from(values, (_, index) => values[(index % batch) * units + Math.floor(index / batch)] ?? 0);
}

describe('batchMap', () => {
  it('computes what the map does, and its gradient what the transposed one does', () => {
    fc.assert(
      fc.property(maps, numbers(columns * batch), numbers(outputs * batch), ({ matrix, bias }, rows, slopes) => {
        const map = batchMap({ matrix, bias });
        const forward = preActivations({ matrix, bias }, Float64Array.from(rows));
        // Eighths of small integers: every sum is exact, whatever its order; -0 is 0.
        expect([...applyMap(map, turned(rows, columns), batch)].map((value) => value + 0)).toEqual(
          [...turned([...forward], outputs)].map((value) => value + 0),
        );
        const back = { matrix: transpose(matrix), bias: new Float64Array(columns) };
        const wanted = preActivations(back, Float64Array.from(slopes));
        expect([...mapGradient(map, turned(slopes, outputs), batch)].map((value) => value + 0)).toEqual(
          [...turned([...wanted], columns)].map((value) => value + 0),
        );
      }),
    );
  });

  it('takes columns together that hold the same', () => {
    fc.assert(
      fc.property(maps, ({ kinds, matrix, bias }) => {
        const { groupOf, matrix: pooled } = batchMap({ matrix, bias });
        for (const [column, kind] of kinds.entries()) {
          const same = kinds.indexOf(kind);
          expect(groupOf[column]).toBe(groupOf[same]);
        }
        expect(pooled.columns).toBeLessThanOrEqual(new Set(kinds.filter((kind) => kind >= 0)).size);
      }),
    );
  });
});
