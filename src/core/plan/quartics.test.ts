import { describe, expect, it } from 'vitest';
import { normals } from '../../../test/normals.ts';
import { activationFunction } from '../model/affine.ts';
import type { Activation, AffineLayer } from '../model/ir.ts';
import { fromDense, identityMatrix } from '../model/sparse.ts';
import { inPowers, projectUnits } from './hermite.ts';
import { applyPolynomialLayer, applyPolynomials, preActivations } from './network.ts';
import { isQuartic, quarticLayers, readTwice } from './quartics.ts';

const [units, rows] = [6, 4000];
/** Units of several means and deviations. */
const affine: AffineLayer = {
  kind: 'affine',
  name: 'map',
  matrix: fromDense([0.5, 1, 2, 0.7, 1.3, 3], units, 1),
  bias: Float64Array.of(0, -1, 1, 2, -2, 0.5),
};
const x = normals(rows, 11);

/** What the two layers give, read together: rows x units. */
function evaluate(activation: Activation): { readonly values: Float64Array; readonly wanted: Float64Array } {
  const u = preActivations(affine, x);
  const { layers } = quarticLayers(affine, { name: 'bend', activation }, u);
  const both = readTwice({ ...affine, matrix: identityMatrix(units), bias: new Float64Array(units) });
  const values = preActivations(both, applyPolynomialLayer(layers[1], applyPolynomialLayer(layers[0], x)));
  return { values, wanted: u.map(activationFunction(activation)) };
}

function rms(a: Float64Array, b: Float64Array): number {
  return Math.sqrt(a.reduce((sum, value, index) => sum + (value - (b[index] ?? NaN)) ** 2, 0) / a.length);
}

describe('quarticLayers', () => {
  it.each([
    [0, 0, 0, 1],
    [1, -2, 0.5, 0.25],
    [0, 0, 0, 0, 1],
    [0.5, 1, -1, 0.3, -0.02],
    [0, 1, 0, -0.1],
    [0, 0, 2, 0, 0.5],
  ])('gives polynomials of degree 3 and 4 as they are: %s, %s, %s, %s, %s', (...coefficients) => {
    const activation = { kind: 'polynomial', coefficients } as const;
    expect(isQuartic(activation)).toBe(true);
    const { values, wanted } = evaluate(activation);
    const size = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    // Coefficients are kept in single precision.
    expect(rms(values, wanted) / size).toBeLessThan(1e-6);
  });

  it('comes nearer to activations than a quadratic does, on normal values', () => {
    const others: Activation[] = [{ kind: 'relu' }, { kind: 'tanh' }, { kind: 'sigmoid' }, { kind: 'softplus' }];
    for (const activation of others) {
      const { values, wanted } = evaluate(activation);
      const u = preActivations(affine, x);
      const quadratic = applyPolynomials(inPowers(projectUnits(activation, u, units)), u);
      expect(rms(values, wanted), activation.kind).toBeLessThan(0.8 * rms(quadratic, wanted));
    }
  });

  it('keeps units of the second layer from being all but linear', () => {
    for (const activation of [{ kind: 'relu' }, { kind: 'tanh' }, { kind: 'gelu', approximation: 'none' }] as const) {
      const { layers } = quarticLayers(affine, { name: 'bend', activation }, preActivations(affine, x));
      const { c1, c2 } = layers[1].polynomials ?? { c1: new Float64Array(0), c2: new Float64Array(0) };
      for (const [unit, slope] of c1.entries()) expect(Math.abs(slope / (c2[unit] ?? 0))).toBeLessThanOrEqual(65);
    }
  });
});

describe('isQuartic', () => {
  it('leaves lower and higher degrees to others', () => {
    expect(isQuartic({ kind: 'polynomial', coefficients: [0, 0, 1] })).toBe(false);
    expect(isQuartic({ kind: 'polynomial', coefficients: [0, 0, 1, 0, 0, 2] })).toBe(false);
    expect(isQuartic({ kind: 'tanh' })).toBe(false);
  });
});
