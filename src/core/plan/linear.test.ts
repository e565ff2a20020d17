import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coefficientsPrecision, linearChains, linearMagnitudes, recordsPrecision, scaleLinear } from './linear.ts';
import { isSecure, makeParameterSet, maxCoeffModulusBits } from './parameters.ts';
import { scaleFeatures } from './ranges.ts';

const value = fc.double({ min: -100, max: 100, noNaN: true });

describe('scaling by planned ranges', () => {
  it('leaves every score as it is', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ weight: value, center: value, radius: fc.double({ min: 0.01, max: 50, noNaN: true }), x: value }),
          { minLength: 1, maxLength: 9 },
        ),
        value,
        (columns, bias) => {
          const ranges = {
            center: Float64Array.from(columns, (column) => column.center),
            radius: Float64Array.from(columns, (column) => column.radius),
          };
          const scaled = scaleLinear(
            { weights: Float64Array.from(columns, (column) => column.weight), bias: Float64Array.of(bias) },
            ranges,
          );
          const u = scaleFeatures(
            Float64Array.from(columns, (column) => column.x),
            ranges,
          );
          const clear = columns.reduce((sum, { weight, x }) => sum + weight * x, bias);
          const through = u.reduce(
            (sum, item, index) => sum + item * (scaled.weights[index] ?? 0),
            scaled.bias[0] ?? 0,
          );
          const size = columns.reduce(
            (sum, { weight, x, center }) => sum + Math.abs(weight) * (Math.abs(x) + 2 * Math.abs(center)),
            Math.abs(bias) + 1,
          );
          expect(Math.abs(clear - through)).toBeLessThan(1e-12 * size);
        },
      ),
    );
  });
});

describe('parameters of linear plans', () => {
  const magnitudes = linearMagnitudes(
    { inputs: 3, outputs: 1, weights: Float64Array.of(1, -2, 0.5), bias: Float64Array.of(0.25) },
    Float64Array.of(0.1, 0.2, -0.1, 0.05, 0, 0.2),
  );

  it('are all within the security table', () => {
    for (const chain of linearChains) {
      expect(isSecure(makeParameterSet({ scheme: 'ckks', ...chain }))).toBe(true);
      const precision = coefficientsPrecision(chain, { ...magnitudes, inputs: 3, outputsPerCiphertext: 1 });
      expect(precision === undefined || isSecure(precision.parameters)).toBe(true);
    }
    expect(
      isSecure(
        makeParameterSet({
          scheme: 'ckks',
          polyModulusDegree: 2048,
          coeffModulusBits: [maxCoeffModulusBits[2048] + 1],
        }),
      ),
    ).toBe(false);
  });

  it('are finer where the modulus is larger', () => {
    const [small, large] = linearChains.map((chain) =>
      coefficientsPrecision(chain, { ...magnitudes, inputs: 3, outputsPerCiphertext: 1 }),
    );
    expect(large?.errorBound).toBeLessThan(small?.errorBound ?? 0);
    const [records, finer] = linearChains.map((chain) => recordsPrecision(chain, { ...magnitudes, inputs: 3 }));
    expect(finer?.errorBound).toBeLessThan(records?.errorBound ?? 0);
  });
});
