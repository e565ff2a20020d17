import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inOneGo } from '../../../test/in-one-go.ts';
import { normals } from '../../../test/normals.ts';
import { readTable } from '../../../test/tables.ts';
import { importModel } from '../model/import.ts';
import { fromDense } from '../model/sparse.ts';
import type { Activation, AffineChain, Task } from '../model/ir.ts';
import { clearScores } from '../model/score.ts';
import type { Progress } from '../progress.ts';
import { measureAccuracy, measureAgreement, readLabels, typicalScore } from '../table/accuracy.ts';
import { planFeatureRanges } from '../table/range.ts';
import { fitActivations, type FittedNetwork } from './activations.ts';
import { fitLayers, layersOf } from './fitted-layers.ts';
import { polynomialScores, scaleFirstLayer, type PolynomialNetwork } from './network.ts';
import { scaleFeatures } from './ranges.ts';
import { pooledUnits } from './pooling.ts';
import { roundNetwork, roundedScores } from './rounding.ts';

const task: Task = { kind: 'regression', link: { kind: 'identity' } };
const [inputs, hidden, outputs, rows] = [8, 16, 3, 200];

function drawChain(activation: Activation): { readonly chain: AffineChain; readonly calibration: Float64Array } {
  const affine = (name: string, height: number, width: number): AffineChain['layers'][number] => ({
    kind: 'affine',
    name,
    matrix: fromDense(normals(height * width, width), height, width),
    bias: normals(height, 100 + width),
  });
  const layers = [
    affine('first', hidden, inputs),
    { kind: 'activation', name: 'between', activation } as const,
    affine('last', outputs, hidden),
  ];
  return { chain: { kind: 'affine-chain', inputs, outputs, layers }, calibration: normals(rows * inputs, 7) };
}

function fit(activation: Activation): {
  readonly error: number;
  readonly fitted: FittedNetwork;
  readonly calibration: Float64Array;
} {
  const { chain, calibration } = drawChain(activation);
  const clear = clearScores(chain, calibration, rows);
  const fitted = inOneGo(
    fitActivations({ chain, task, calibration, rows, scores: clear, maxError: 0.1, minAgreement: 0, typicalScore: 1 }),
  );
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
    expect(fitted.fits[0]).toMatchObject({ layer: 'between', degree: 2, exact: true, agreement: { agreement: 1 } });
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
        roundNetwork(fitted.network, calibration, {
          hidden: [bits],
          last: bits + 5,
          pooled: pooledUnits(fitted.network),
        }),
        calibration,
      );
      return Math.hypot(...scores.map((score, index) => score - (clear[index] ?? NaN)));
    });
    for (let index = 1; index < errors.length; index += 1)
      expect(errors[index]).toBeLessThan((errors[index - 1] ?? 0) / 2);
  });

  it('holds integers only', () => {
    const { fitted, calibration } = fit({ kind: 'sigmoid' });
    const rounded = roundNetwork(fitted.network, calibration, {
      hidden: [6],
      last: 11,
      pooled: pooledUnits(fitted.network),
    });
    for (const layer of rounded.layers) expect(layer.matrix.values.every(Number.isInteger)).toBe(true);
  });
});

describe('on the fixtures, with rows that no fit has seen', () => {
  function read(file: string) {
    const { header, rows: table } = readTable(file);
    return { header, values: Float64Array.from(table.flat(), Number), rows: table.length };
  }

  /** Fits a network to its calibration rows and holds it against the original on the test rows. */
  function fitFixture(name: string, minAgreement: number) {
    const model = importModel(
      `${name}.onnx`,
      readFileSync(new URL(`../../../test/fixtures/mnist/${name}.onnx`, import.meta.url)),
    );
    if (model.body.kind !== 'affine-chain') throw new TypeError('no network');
    const [known, unseen] = [read('mnist/calibration.csv'), read('mnist/data.csv')];
    const ranges = planFeatureRanges(known.values, known.rows, model.preprocessing);
    const chain = scaleFirstLayer(model.body, ranges);
    const scores = clearScores(model.body, known.values, known.rows);
    const typical = typicalScore(scores, known.rows);
    const wanted = { maxError: 1e-3, minAgreement, typicalScore: typical };
    const request = {
      chain,
      task: model.task,
      calibration: scaleFeatures(known.values, ranges),
      rows: known.rows,
      scores,
      ...wanted,
    };
    const seen: Progress[] = [];
    const steps = fitActivations(request);
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) if (step.value !== undefined) seen.push(step.value);
    const fitted = step.value;
    const clear = clearScores(model.body, unseen.values, unseen.rows);
    const scoresOf = (network: PolynomialNetwork) =>
      polynomialScores(network, scaleFeatures(unseen.values, ranges), unseen.rows);
    const compare = (other: Float64Array) => measureAgreement(model.task, { clear, other, rows: unseen.rows }, wanted);
    const other = scoresOf(fitted.network);
    const found = compare(other);
    const errorOf = (network: PolynomialNetwork) => compare(scoresOf(network)).rmsError;
    const truth = readLabels(model.task, readTable('mnist/labels.csv'));
    const accuracy = (scores: Float64Array) => measureAccuracy(model.task, scores, truth).value;
    return { ...request, fitted, found, lost: accuracy(clear) - accuracy(other), seen, errorOf };
  }

  it('a network that agrees enough is fitted a layer at a time', () => {
    const { fitted, found, seen } = fitFixture('mlp_relu', 0.99);
    expect(seen).toEqual([]);
    expect(fitted.heldOut.agreement).toBe(0.99);
    expect(found.agreement).toBe(0.985);
  });

  it('fitting the layers together brings scores nearer', () => {
    const { fitted, found, seen, chain, calibration, errorOf } = fitFixture('mlp3_relu', 0.99);
    const apart = { ...fitted.network, layers: layersOf(fitLayers(chain, calibration, new Set())) };
    // Measured: 0.148 and 0.108 of the scores, root mean square, at 99.0 and 98.0 % of labels.
    expect(found.rmsError).toBeLessThan(0.9 * errorOf(apart));
    expect(found.agreement).toBeGreaterThanOrEqual(0.98);
    expect(seen[0]).toMatchObject({ stage: 'Fitting activations', done: 0, unit: 'steps' });
    expect(seen.at(-1)?.done).toBeLessThan(seen.at(-1)?.total ?? 0);
  });

  it('takes quartics where quadratics are not enough', () => {
    const { fitted, found, errorOf } = fitFixture('mlp3_relu', 1);
    expect(fitted.fits.some(({ degree }) => degree === 4)).toBe(true);
    expect(fitted.network.layers.length).toBeGreaterThan(3);
    expect(found.rmsError).toBeLessThan(0.9 * errorOf(fitFixture('mlp3_relu', 0).fitted.network));
  });

  it('a convolutional network with three activations agrees as the default demands', { timeout: 600_000 }, () => {
    const { fitted, found, lost } = fitFixture('cnn_relu', 0.99);
    // Measured: 96.0 % of labels and 1.5 points of accuracy lost where layers are fitted one at a time; 98.0 % and 0.5 points together.
    expect(fitted.heldOut.agreement).toBeGreaterThanOrEqual(0.99);
    expect(found.agreement).toBeGreaterThanOrEqual(0.98);
    expect(lost).toBeLessThanOrEqual(0.005 + 1e-9);
  });
});
