import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromDense } from '../model/sparse.ts';
import { poolUnits } from './pooled-layers.ts';
import { alignSteps, equalize, pooledUnits } from './pooling.ts';
import { applyRoundedLayer, type RoundedLayer } from './rounding.ts';

const [inputs, units, outputs] = [3, 8, 4];

/** Two layers of small integers; the second reads units alike that have the same group. */
const networks = fc
  .record({
    first: fc.array(fc.integer({ min: -2, max: 2 }), { minLength: units * inputs, maxLength: units * inputs }),
    shift: fc.array(fc.integer({ min: -3, max: 3 }), { minLength: units, maxLength: units }),
    groups: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: units, maxLength: units }),
    weights: fc.array(fc.integer({ min: -2, max: 2 }), { minLength: 3 * outputs, maxLength: 3 * outputs }),
  })
  .map(({ first, shift, groups, weights }): RoundedLayer[] => {
    const second = Array.from({ length: outputs * units }, (_, index) => {
      const group = groups[index % units] ?? 0;
      return weights[3 * Math.floor(index / units) + group] ?? 0;
    });
    return [
      {
        name: 'first',
        matrix: fromDense(first, units, inputs),
        bias: new Float64Array(units).fill(1),
        shift: Float64Array.from(shift),
      },
      { name: 'second', matrix: fromDense(second, outputs, units), bias: new Float64Array(outputs).fill(-2) },
    ];
  });

const evaluate = (layers: readonly RoundedLayer[], x: Float64Array): number[] => [
  ...layers.reduce((values, layer) => applyRoundedLayer(layer, values), x),
];

describe('poolUnits', () => {
  it('leaves what the layers compute, in no more terms', () => {
    fc.assert(
      fc.property(
        networks,
        fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 3, maxLength: 3 }),
        (layers, row) => {
          const pooled = poolUnits(layers);
          const x = Float64Array.from(row);
          // Integers, so that no order of additions shows; -0 is 0.
          expect(evaluate(pooled, x).map((value) => value + 0)).toEqual(evaluate(layers, x).map((value) => value + 0));
          const terms = (all: readonly RoundedLayer[]) =>
            all.reduce((sum, { matrix }) => sum + matrix.values.length, 0);
          expect(terms(pooled)).toBeLessThanOrEqual(terms(layers));
        },
      ),
    );
  });
});

describe('units that are read alike', () => {
  const layer = (matrix: number[], rows: number) => ({
    name: '',
    matrix: fromDense(matrix, rows, matrix.length / rows),
    bias: new Float64Array(rows),
  });

  it('get steps by which their values have one factor, and no step moves the wrong way', () => {
    const network = { inputs: 1, outputs: 2, layers: [layer([1, 1, 1, 1], 4), layer([1, 1, 2, 5, 3, 3, 1, 5], 2)] };
    const [groups = []] = pooledUnits(network);
    expect(groups).toEqual([[0, 1]]);
    const [steps, c2] = [Float64Array.of(1, 2, 3, 4), Float64Array.of(0.5, 0.25, 1, 1)];
    for (const bounds of ['least', 'most'] as const) {
      const aligned = alignSteps(steps, c2, { groups, bounds });
      const factors = equalize(
        aligned.map((step, unit) => (c2[unit] ?? 0) * step ** 2),
        groups,
      );
      expect(factors[0]).toBe(factors[1]);
      expect([...aligned.slice(2)]).toEqual([3, 4]);
      for (const [unit, step] of aligned.entries())
        expect(bounds === 'most' ? step <= (steps[unit] ?? 0) : step >= (steps[unit] ?? 0)).toBe(true);
    }
  });

  it('stay as they are where their quadratics open to different sides', () => {
    const steps = Float64Array.of(1, 2);
    const aligned = alignSteps(steps, Float64Array.of(1, -1), { groups: [[0, 1]], bounds: 'most' });
    expect(aligned).toEqual(steps);
  });
});
