import { describe, expect, it } from 'vitest';
import { inOneGo } from '../../../test/in-one-go.ts';
import { normals } from '../../../test/normals.ts';
import type { Activation, AffineChain } from '../model/ir.ts';
import { clearScores } from '../model/score.ts';
import { fromDense, multiply } from '../model/sparse.ts';
import { fitLayers, layersOf } from './fitted-layers.ts';
import { polynomialScores } from './network.ts';
import { equalColumns } from './pooling.ts';
import { refitLast } from './refit.ts';

const [inputs, hidden, outputs, rows] = [10, 24, 3, 80];

function drawChain(activation: Activation, last = fromDense(normals(outputs * hidden, 2), outputs, hidden)) {
  const matrix = fromDense(normals(hidden * inputs, 1), hidden, inputs);
  const chain: AffineChain = {
    kind: 'affine-chain',
    inputs,
    outputs,
    layers: [
      { kind: 'affine', name: 'first', matrix, bias: normals(hidden, 3) },
      { kind: 'activation', name: 'bend', activation },
      { kind: 'affine', name: 'last', matrix: last, bias: normals(outputs, 4) },
    ],
  };
  return chain;
}

/** Rows like a table's, made of a few skewed factors: what units sum up is not normal, which their first fit takes for granted. */
function drawRows(count: number, seed: number): Float64Array {
  const factors = normals(count * 4, seed).map((value) => value * value - 1);
  const mix = normals(inputs * 4, 9);
  const own = normals(count * inputs, seed + 10);
  return own.map((value, index) => {
    const [row, input] = [Math.floor(index / inputs), index % inputs];
    let sum = 0.3 * value;
    for (let factor = 0; factor < 4; factor += 1)
      sum += (factors[row * 4 + factor] ?? 0) * (mix[input * 4 + factor] ?? 0) * 0.4;
    return sum;
  });
}

function errorOf(chain: AffineChain, layers: ReturnType<typeof layersOf>, x: Float64Array): number {
  const wanted = clearScores(chain, x, x.length / inputs);
  const found = polynomialScores({ inputs, outputs, layers }, x, x.length / inputs);
  return Math.hypot(...found.map((value, index) => value - (wanted[index] ?? NaN))) / Math.hypot(...wanted);
}

describe('refitLast', () => {
  const [calibration, unseen] = [drawRows(rows, 5), drawRows(500, 6)];

  it.each(['relu', 'tanh', 'softplus'] as const)('brings %s nearer on rows that no fit has seen', (kind) => {
    const chain = drawChain({ kind });
    const layers = layersOf(fitLayers(chain, calibration, new Set()));
    const refitted = inOneGo(refitLast(layers, chain, calibration));
    expect(errorOf(chain, refitted, unseen)).toBeLessThan(0.97 * errorOf(chain, layers, unseen));
  });

  it('leaves a network alone whose activations are polynomials', () => {
    const chain = drawChain({ kind: 'polynomial', coefficients: [0, 1, 0.5] });
    const layers = layersOf(fitLayers(chain, calibration, new Set()));
    const refitted = inOneGo(refitLast(layers, chain, calibration));
    expect(errorOf(chain, refitted, unseen)).toBeLessThan(1e-6);
  });

  it('keeps units that are read alike so', () => {
    const pairs = fromDense(
      Array.from({ length: (hidden * hidden) / 2 }, (_, index) =>
        Number(Math.floor((index % hidden) / 2) === Math.floor(index / hidden)),
      ),
      hidden / 2,
      hidden,
    );
    const last = multiply(fromDense(normals((outputs * hidden) / 2, 7), outputs, hidden / 2), pairs);
    const chain = drawChain({ kind: 'relu' }, last);
    const layers = layersOf(fitLayers(chain, calibration, new Set()));
    const refitted = inOneGo(refitLast(layers, chain, calibration));
    expect(equalColumns(refitted.at(-1)?.matrix ?? last)).toEqual(equalColumns(last));
    expect(errorOf(chain, refitted, unseen)).toBeLessThan(errorOf(chain, layers, unseen));
  });

  it('gives a sparse last map back as it is', () => {
    const last = fromDense(
      normals(outputs * hidden, 8).map((value, index) => (index % 5 === 0 ? 0 : value)),
      outputs,
      hidden,
    );
    const layers = layersOf(fitLayers(drawChain({ kind: 'relu' }, last), calibration, new Set()));
    expect(inOneGo(refitLast(layers, drawChain({ kind: 'relu' }, last), calibration))).toEqual(layers);
  });

  it('gives the last map back as it is where polynomials run away on every row', () => {
    const chain = drawChain({ kind: 'tanh' });
    const layers = layersOf(fitLayers(chain, calibration, new Set([0])));
    const far = calibration.map((value, index) => (50 + Math.floor(index / inputs)) * Math.sign(value));
    expect(inOneGo(refitLast(layers, chain, far))).toEqual(layers);
  });

  it('does not mind rows on which polynomials run away', () => {
    const chain = drawChain({ kind: 'tanh' });
    const layers = layersOf(fitLayers(chain, calibration, new Set([0])));
    const far = Float64Array.from([...calibration, ...calibration.subarray(0, 4 * inputs).map((value) => 30 * value)]);
    const [near, all] = [calibration, far].map((rowsSeen) => inOneGo(refitLast(layers, chain, rowsSeen)));
    if (near === undefined || all === undefined) throw new Error('no layers');
    expect(errorOf(chain, layers, far.subarray(calibration.length))).toBeGreaterThan(100);
    expect(errorOf(chain, all, calibration)).toBeLessThan(1.2 * errorOf(chain, near, calibration));
  });
});
