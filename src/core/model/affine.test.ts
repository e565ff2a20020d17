import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { activationFunction, affineScores, applyActivation, applyAffine, erf, sigmoid, softplus } from './affine.ts';
import type { Activation, AffineLayer } from './ir.ts';

function dense(weights: readonly (readonly number[])[], bias: readonly number[]): AffineLayer {
  const columns = weights[0]?.length ?? 0;
  const rowStart = Uint32Array.from({ length: weights.length + 1 }, (_, row) => row * columns);
  const columnIndex = Uint32Array.from(weights.flatMap((row) => row.map((_, column) => column)));
  const matrix = { rows: weights.length, columns, rowStart, columnIndex, values: Float64Array.from(weights.flat()) };
  return { kind: 'affine', name: 'test', matrix, bias: Float64Array.from(bias) };
}

describe('affine maps', () => {
  it('computes W x + b for each row', () => {
    const layer = dense(
      [
        [1, 2],
        [0, -1],
        [0.5, 0],
      ],
      [10, 20, 30],
    );
    expect([...applyAffine(layer, Float64Array.of(1, 2, 3, 4))]).toEqual([15, 18, 30.5, 21, 16, 31.5]);
  });

  it('takes rows of a matrix that have no entries as constants', () => {
    const layer: AffineLayer = {
      kind: 'affine',
      name: 'test',
      matrix: {
        rows: 2,
        columns: 2,
        rowStart: Uint32Array.of(0, 0, 1),
        columnIndex: Uint32Array.of(1),
        values: Float64Array.of(3),
      },
      bias: Float64Array.of(7, 0),
    };
    expect([...applyAffine(layer, Float64Array.of(1, 2))]).toEqual([7, 6]);
  });
});

describe('affine chains', () => {
  const relu = { kind: 'activation', name: 'r', activation: { kind: 'relu' } } as const;

  it('applies layers in order', () => {
    const layers = [dense([[1], [-1]], [0, 0]), relu, dense([[1, 1]], [5])];
    const chain = { kind: 'affine-chain', inputs: 1, outputs: 1, layers } as const;
    expect([...affineScores(chain, Float64Array.of(-2, 0, 3), 3)]).toEqual([7, 5, 8]);
  });

  it('gives every row the same scores alone and among many', () => {
    const layers = [
      dense(
        [
          [0.3, -2],
          [1.5, 0.25],
        ],
        [0.1, 0],
      ),
      relu,
      dense(
        [
          [1, 3],
          [-2, 0.5],
        ],
        [5, 1],
      ),
    ];
    const chain = { kind: 'affine-chain', inputs: 2, outputs: 2, layers } as const;
    const features = Float64Array.from({ length: 2 * 150 }, (_, index) => Math.sin(index));
    const alone = Array.from({ length: 150 }, (_, row) => [
      ...affineScores(chain, features.subarray(row * 2, row * 2 + 2), 1),
    ]).flat();
    expect([...affineScores(chain, features, 150)]).toEqual(alone);
  });

  it('gives nothing for no rows', () => {
    const chain = { kind: 'affine-chain', inputs: 1, outputs: 1, layers: [dense([[1]], [0])] } as const;
    expect(affineScores(chain, new Float64Array(0), 0)).toHaveLength(0);
  });
});

describe('activations', () => {
  it('has an error function that is right to 1e-14 over its whole range', () => {
    const known = [
      [1e-10, 1.1283791670955126e-10],
      [0.1, 0.1124629160182849],
      [0.5, 0.5204998778130465],
      [1, 0.8427007929497149],
      [1.5, 0.9661051464753108],
      [2.2, 0.9981371537020182],
      [2.9999, 0.9999778955735178],
      [3.0001, 0.9999779234241298],
      [3.7, 0.9999998328489421],
      [5, 0.9999999999984626],
      [5.9, 0.9999999999999999],
    ] as const;
    for (const [x, value] of known) {
      expect(Math.abs(erf(x) - value)).toBeLessThan(1e-14);
      expect(erf(-x)).toBe(-erf(x));
    }
    expect([erf(0), erf(7), erf(-Infinity), erf(Number.NaN)]).toEqual([0, 1, -1, Number.NaN]);
  });

  it('computes each as PyTorch does', () => {
    const cases: readonly (readonly [Activation, number, number])[] = [
      [{ kind: 'relu' }, -2, 0],
      [{ kind: 'relu' }, 2, 2],
      [{ kind: 'leaky-relu', slope: 0.1 }, -2, -0.2],
      [{ kind: 'sigmoid' }, 1, 0.7310585786300049],
      [{ kind: 'tanh' }, 1, 0.7615941559557649],
      [{ kind: 'softplus' }, 1, 1.3132616875182228],
      [{ kind: 'silu' }, 1, 0.7310585786300049],
      [{ kind: 'gelu', approximation: 'none' }, 1, 0.8413447460685429],
      [{ kind: 'gelu', approximation: 'none' }, -3, -0.00404969409489031],
      [{ kind: 'gelu', approximation: 'tanh' }, 1, 0.8411919906082768],
      [{ kind: 'polynomial', coefficients: [1, 2, 3] }, 2, 17],
      [{ kind: 'polynomial', coefficients: [] }, 2, 0],
    ];
    for (const [activation, x, y] of cases)
      expect(applyActivation(activation, Float64Array.of(x))[0]).toBeCloseTo(y, 12);
  });

  it('stays finite and monotone for inputs of any size', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
        fc.double({ noNaN: true, min: 0, max: 1e3 }),
        (x, step) => {
          for (const f of [sigmoid, softplus, erf]) {
            expect(Number.isFinite(f(x))).toBe(true);
            expect(f(x + step)).toBeGreaterThanOrEqual(f(x) - 1e-15);
          }
        },
      ),
    );
  });

  it('keeps NaN', () => {
    const kinds: readonly Activation[] = [
      { kind: 'relu' },
      { kind: 'leaky-relu', slope: 0.1 },
      { kind: 'sigmoid' },
      { kind: 'softplus' },
    ];
    for (const activation of kinds) expect(activationFunction(activation)(Number.NaN)).toBeNaN();
  });
});
