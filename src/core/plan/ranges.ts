import type { PlannedRanges } from '../table/range.ts';
import { below, type RandomWords } from './canaries.ts';

/** u = (x - center) / radius, row by row. */
export function scaleFeatures(features: Float64Array, ranges: PlannedRanges): Float64Array {
  const width = ranges.center.length;
  return features.map(
    (value, index) => (value - (ranges.center[index % width] ?? 0)) / (ranges.radius[index % width] ?? 1),
  );
}

/**
 * Rows uniform within the calibrated ranges (a quarter of the planned ones); the same at every call. They make up the canary pool and widen
 * the proof; whatever secrecy canaries have lies in their slots.
 * @returns rows x features
 */
export function syntheticRows(rows: number, ranges: PlannedRanges, seed: number): Float64Array {
  const random = weylWords(seed);
  const width = ranges.center.length;
  return Float64Array.from({ length: rows * width }, (_, index) => {
    const u = (below(513, random) - 256) / 1024;
    return (ranges.center[index % width] ?? 0) + (ranges.radius[index % width] ?? 1) * u;
  });
}

/** One array behind the other. */
export function joined(a: Float64Array, b: Float64Array): Float64Array {
  const both = new Float64Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Of more rows a plan is fitted to as many and proved on them: others add little, and time. */
export const mostSampledRows = 2000;

/** Rows at even distances, all where there are few. @param values rows x any width; a number a row is one */
export function sampleRows(values: Float64Array, rows: number): Float64Array {
  if (rows <= mostSampledRows) return values;
  const width = values.length / rows;
  const sample = new Float64Array(mostSampledRows * width);
  for (let place = 0; place < mostSampledRows; place += 1) {
    const row = Math.floor((place * rows) / mostSampledRows);
    sample.set(values.subarray(row * width, (row + 1) * width), place * width);
  }
  return sample;
}

/** Rows between two calibration rows, nearer to one: likelier records than uniform ones. As many as there are calibration rows. */
export function blendedRows(calibration: Float64Array, inputs: number): Float64Array {
  const rows = calibration.length / inputs;
  return calibration.map((value, index) => {
    const other = (Math.floor(index / inputs) * 7 + 3) % rows;
    return 0.9 * value + 0.1 * (calibration[other * inputs + (index % inputs)] ?? 0);
  });
}

/** A small deterministic generator (Weyl sequence with the mixer of SplitMix32); not for secrets. */
export function weylWords(seed: number): RandomWords {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}
