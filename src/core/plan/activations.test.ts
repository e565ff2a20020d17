import { describe, expect, it } from 'vitest';
import { inOneGo } from '../../../test/in-one-go.ts';
import { fromDense } from '../model/sparse.ts';
import type { Activation, AffineChain, Task } from '../model/ir.ts';
import { clearScores } from '../model/score.ts';
import { fitActivations, type FittedNetwork } from './activations.ts';
import { polynomialScores } from './network.ts';
import { weylWords } from './ranges.ts';
import { roundNetwork, roundedScores } from './rounding.ts';

const task: Task = { kind: 'regression', link: { kind: 'identity' } };
const [inputs, hidden, outputs, rows] = [8, 16, 3, 200];

function drawChain(activation: Activation): { readonly chain: AffineChain; readonly calibration: Float64Array } {
  const random = weylWords(7);
  const normal = (count: number): Float64Array =>
    Float64Array.from({ length: count }, () => {
      let sum = -6;
      for (let term = 0; term < 12; term += 1) sum += random() / 2 ** 32;
      return sum;
    });
  const affine = (name: string, height: number, width: number): AffineChain['layers'][number] => ({
    kind: 'affine',
    name,
    matrix: fromDense(normal(height * width), height, width),
    bias: normal(height),
  });
  const layers = [
    affine('first', hidden, inputs),
    { kind: 'activation', name: 'between', activation } as const,
    affine('last', outputs, hidden),
  ];
  return { chain: { kind: 'affine-chain', inputs, outputs, layers }, calibration: normal(rows * inputs) };
}

function fit(activation: Activation): {
  readonly error: number;
  readonly fitted: FittedNetwork;
  readonly calibration: Float64Array;
} {
  const { chain, calibration } = drawChain(activation);
  const fitted = inOneGo(
    fitActivations({ chain, task, calibration, rows, maxError: 0.1, minAgreement: 0, typicalScore: 1 }),
  );
  const clear = clearScores(chain, calibration, rows);
  const scores = polynomialScores(fitted.network, calibration, rows);
  const size = Math.hypot(...clear);
  return {
    error: Math.hypot(...clear.map((value, index) => value - (scores[index] ?? NaN))) / size,
    fitted,
    calibration,
  };
}

describe('fitActivations', () => {
  it('takes polynomials of degree 2 as they are', () => {
    const { error, fitted } = fit({ kind: 'polynomial', coefficients: [0, 0.5, 0.25] });
    expect(error).toBeLessThan(1e-12);
    expect(fitted.approximate).toBe(false);
    expect(fitted.fits[0]).toMatchObject({ layer: 'between', exact: true, agreement: 1 });
  });

  it('comes close to activations that are no polynomials, and says that it approximates', () => {
    const activations: Activation[] = [
      { kind: 'relu' },
      { kind: 'softplus' },
      { kind: 'silu' },
      { kind: 'leaky-relu', slope: 0.1 },
      { kind: 'gelu', approximation: 'none' },
    ];
    for (const activation of activations) {
      const { error, fitted } = fit(activation);
      expect(error, activation.kind).toBeLessThan(0.25);
      expect(fitted.approximate).toBe(true);
    }
  });

  it('gives the same coefficients at every call', () => {
    expect(fit({ kind: 'tanh' }).fitted).toEqual(fit({ kind: 'tanh' }).fitted);
  });
});

describe('roundNetwork', () => {
  it('comes nearer to the network with every bit', () => {
    const { fitted, calibration } = fit({ kind: 'relu' });
    const clear = polynomialScores(fitted.network, calibration, rows);
    const errors = [6, 9, 12, 15].map((bits) => {
      const scores = roundedScores(
        roundNetwork(fitted.network, calibration, { hidden: [bits], last: bits + 5 }),
        calibration,
      );
      return Math.hypot(...scores.map((score, index) => score - (clear[index] ?? NaN)));
    });
    for (let index = 1; index < errors.length; index += 1)
      expect(errors[index]).toBeLessThan((errors[index - 1] ?? 0) / 2);
  });

  it('holds integers only', () => {
    const { fitted, calibration } = fit({ kind: 'sigmoid' });
    const rounded = roundNetwork(fitted.network, calibration, { hidden: [6], last: 11 });
    for (const layer of rounded.layers) expect(layer.matrix.values.every(Number.isInteger)).toBe(true);
  });
});
