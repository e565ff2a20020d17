import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  packCoefficients,
  packWeights,
  resultCiphertexts,
  unpackScores,
  type CoefficientsGeometry,
} from './coefficients.ts';

/** x(X) w(X) modulo X^N + 1, the product that the ciphertexts undergo. */
function negacyclic(x: Float64Array, w: Float64Array): Float64Array {
  const product = new Float64Array(x.length);
  for (const [i, a] of x.entries()) {
    if (a === 0) continue;
    for (const [j, b] of w.entries()) {
      const place = (i + j) % x.length;
      product[place] = (product[place] ?? 0) + (i + j < x.length ? a * b : -a * b);
    }
  }
  return product;
}

const shapes = fc
  .record({
    inputs: fc.integer({ min: 1, max: 40 }),
    outputs: fc.integer({ min: 1, max: 5 }),
    together: fc.integer({ min: 1, max: 5 }),
    degree: fc.constantFrom(16, 32, 64),
  })
  .map(({ inputs, outputs, together, degree }) => {
    const outputsPerCiphertext = Math.min(together, outputs);
    const chunk = Math.min(inputs, Math.floor(degree / outputsPerCiphertext));
    const stride = chunk * outputsPerCiphertext;
    return {
      geometry: { inputs, outputs, outputsPerCiphertext, chunk, stride, blockRecords: Math.floor(degree / stride) },
      degree,
    };
  });

function scoresThrough(
  geometry: CoefficientsGeometry,
  degree: number,
  values: { readonly features: Float64Array; readonly weights: Float64Array },
): Float64Array {
  const inputs = packCoefficients(geometry, values.features, degree);
  const weights = packWeights(geometry, values.weights, degree);
  const polynomials = Array.from({ length: resultCiphertexts(geometry) }, (_, group) => {
    const sum = new Float64Array(degree);
    for (const [part, input] of inputs.entries()) {
      for (const [place, value] of negacyclic(input, weights[group]?.[part] ?? new Float64Array(degree)).entries())
        sum[place] = (sum[place] ?? 0) + value;
    }
    return sum;
  });
  return unpackScores(geometry, polynomials);
}

describe('the coefficients packing', () => {
  it('computes every dot product of every record, whatever the shape', () => {
    fc.assert(
      fc.property(shapes, fc.nat(), ({ geometry, degree }, seed) => {
        const { inputs, outputs, blockRecords } = geometry;
        const number = (index: number): number => ((index * 7919 + seed * 104729) % 41) - 20;
        const features = Float64Array.from({ length: blockRecords * inputs }, (_, index) => number(index));
        const weights = Float64Array.from({ length: outputs * inputs }, (_, index) => number(index + 1000));
        const expected = new Float64Array(blockRecords * outputs);
        for (let record = 0; record < blockRecords; record += 1) {
          for (let output = 0; output < outputs; output += 1) {
            for (let j = 0; j < inputs; j += 1) {
              const place = record * outputs + output;
              expected[place] =
                (expected[place] ?? 0) + (features[record * inputs + j] ?? 0) * (weights[output * inputs + j] ?? 0);
            }
          }
        }
        expect(Array.from(scoresThrough(geometry, degree, { features, weights }), (score) => score + 0)).toEqual(
          Array.from(expected, (score) => score + 0),
        );
      }),
    );
  });
});
