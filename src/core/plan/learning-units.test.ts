import { describe, expect, it } from 'vitest';
import { fromDense } from '../model/sparse.ts';
import { batchMap } from './batch-maps.ts';
import { inPowers, type UnitQuadratics } from './hermite.ts';
import {
  batch,
  bend,
  finished,
  learn,
  learningUnits,
  move,
  tie,
  type Answers,
  type FittedLayer,
} from './learning-units.ts';
import { weylWords } from './ranges.ts';

const random = weylWords(21);
const uniform = (count: number): Float64Array => Float64Array.from({ length: count }, () => random() / 2 ** 31 - 1);
const [first, second, outputs] = [5, 4, 3];

function layer(units: number, inputs: number): FittedLayer {
  const quadratics = {
    mean: uniform(units),
    deviation: uniform(units).map((value) => 1.5 + value),
    h0: uniform(units),
    h1: uniform(units),
    h2: uniform(units),
  };
  const matrix = fromDense(uniform(units * inputs), units, inputs);
  return { name: '', matrix, bias: uniform(units), quadratics, polynomials: inPowers(quadratics) };
}

const last = { name: '', matrix: fromDense(uniform(outputs * second), outputs, second), bias: uniform(outputs) };
const layers: readonly FittedLayer[] = [layer(first, 2), layer(second, first), last];
const maps = layers.map((each) => batchMap(each));
const answers: Answers = {
  rows: batch,
  outputs,
  width: first,
  sums: Float32Array.from(uniform(batch * first)),
  scores: Float32Array.from(uniform(batch * outputs)),
};
const chosen = Int32Array.from({ length: batch }, (_, row) => row);

/** The scores' mean squared error in double precision, by the definition. */
function errorOf(quadratics: readonly UnitQuadratics[]): number {
  let sum = 0;
  for (let row = 0; row < batch; row += 1) {
    let u = Array.from(answers.sums.subarray(row * first, (row + 1) * first));
    for (const [index, { mean, deviation, h0, h1, h2 }] of quadratics.entries()) {
      const x = u.map((value, unit) => {
        const z = (value - mean[unit]!) / deviation[unit]!;
        return h0[unit]! + h1[unit]! * z + h2[unit]! * (z * z - 1);
      });
      const { matrix, bias } = layers[index + 1]!;
      u = Array.from(bias, (start, output) =>
        x.reduce((total, value, input) => total + value * matrix.values[output * x.length + input]!, start),
      );
    }
    sum += u.reduce((total, score, output) => total + (score - answers.scores[row * outputs + output]!) ** 2, 0);
  }
  return sum / (batch * outputs);
}

describe('learn', () => {
  it('finds the slopes that small changes of the coefficients show', () => {
    const units = [learningUnits(layers[0]!, maps[1]), learningUnits(layers[1]!, maps[2])];
    const slopes = learn({ maps, units, errorScale: 2 / (batch * outputs) }, answers, chosen);
    const quadratics = layers.slice(0, 2).map((each) => each.quadratics!);
    for (const [index, own] of quadratics.entries()) {
      for (const [term, name] of (['h0', 'h1', 'h2'] as const).entries()) {
        for (const unit of own.mean.keys()) {
          const moved = (by: number) => {
            const changed = { ...own, [name]: own[name].with(unit, own[name][unit]! + by) };
            return errorOf(quadratics.with(index, changed));
          };
          const shown = (moved(1e-4) - moved(-1e-4)) / 2e-4;
          expect(Math.abs(slopes[index]![term]![unit]! - shown)).toBeLessThan(1e-5 * (1 + Math.abs(shown)));
        }
      }
    }
  });

  it('leads downhill with the steps that it is followed by', () => {
    const units = [learningUnits(layers[0]!, maps[1]), learningUnits(layers[1]!, maps[2])];
    const learner = { maps, units, errorScale: 2 / (batch * outputs) };
    const before = errorOf(layers.slice(0, 2).map((each) => each.quadratics!));
    for (let count = 1; count <= 200; count += 1) {
      const slopes = learn(learner, answers, chosen);
      for (const [index, own] of units.entries()) move(own, slopes[index]!, { size: 0.02, count });
    }
    // Measured: to 0.11 of it.
    expect(errorOf(units.map(finished))).toBeLessThan(before / 4);
  });
});

describe('units that are read alike', () => {
  const own = layer(4, 2);
  // The layer behind reads units 0 and 2 alike, and unit 3 not at all.
  const next = batchMap({ matrix: fromDense([1, 2, 1, 0, 3, 4, 3, 0], 2, 4), bias: new Float64Array(2) });

  it('get one curvature, and keep their other coefficients', () => {
    const units = learningUnits(own, next);
    tie(units);
    const { c2 } = inPowers(finished(units));
    expect(c2[0]).toBeCloseTo(c2[2]!, 6);
    const { h0, h1, h2, deviation } = own.quadratics!;
    const mean = (h2[0]! / deviation[0]! ** 2 + h2[2]! / deviation[2]! ** 2) / 2;
    expect(c2[0]).toBeCloseTo(mean, 6);
    expect(units.terms[0]).toEqual(h0);
    expect(units.terms[1]).toEqual(h1);
    expect(units.terms[2]![1]).toBeCloseTo(h2[1]!, 12);
    expect(units.terms[2]![3]).toBe(h2[3]);
  });

  it('are bent enough for the steepest of them, and still alike', () => {
    const { quadratics } = own;
    const flat = { ...own, quadratics: { ...quadratics!, h2: new Float64Array(4).fill(1e-9) } };
    const units = learningUnits(flat, next);
    tie(units);
    bend(units);
    const { h1, h2, deviation } = finished(units);
    const { c2 } = inPowers({ ...quadratics!, h1, h2 });
    expect(c2[0]).toBeCloseTo(c2[2]!, 6);
    for (const unit of [0, 1, 2]) expect(h2[unit]).toBeGreaterThanOrEqual((Math.abs(h1[unit]!) / 16) * (1 - 1e-6));
    expect(deviation).toEqual(quadratics!.deviation);
  });

  it('leave activations that are quadratics themselves as they are', () => {
    const exact = { name: '', matrix: own.matrix, bias: own.bias, polynomials: own.polynomials! };
    const units = learningUnits(exact, next);
    expect(units.isFixed).toBe(true);
    const [h0, h1, h2] = units.terms;
    for (const u of [-2, 0.5, 3]) {
      const { c0, c1, c2 } = own.polynomials!;
      expect(h0![1]! + h1![1]! * u + h2![1]! * (u * u - 1)).toBeCloseTo(c0[1]! + c1[1]! * u + c2[1]! * u * u, 12);
    }
  });
});
