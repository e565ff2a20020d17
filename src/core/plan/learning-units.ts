import { applyMap, mapGradient, type BatchMap } from './batch-maps.ts';
import type { UnitQuadratics } from './hermite.ts';
import type { PolynomialLayer } from './network.ts';

/** Rows of a step. */
export const batch = 64;
/**
 * Largest h1 / h2 of a unit that was fitted. A unit is evaluated as u (u + c1 / c2), in units in which neither factor exceeds 1: nearly linear
 * ones leave u few bits, so that noise takes more modulus.
 */
const steepest = 16;
/** Of Adam's running means, and what keeps it from dividing by zero. */
const [meanDecay, squareDecay, smallest] = [0.9, 0.999, 1e-8];

/** A layer while its network is fitted. */
export interface FittedLayer extends PolynomialLayer {
  /** Where the activation is approximated: what `polynomials` are in powers of u. */
  readonly quadratics?: UnitQuadratics;
}

/** What the original says to each row. */
export interface Answers {
  readonly rows: number;
  readonly outputs: number;
  readonly width: number;
  /** Before the first activation, rows x width: the same in both networks. */
  readonly sums: Float32Array;
  /** rows x outputs. */
  readonly scores: Float32Array;
}

/** A layer's quadratics while they are fitted. */
export interface LearningUnits extends Pick<UnitQuadratics, 'mean' | 'deviation'> {
  /** h0, h1, h2. */
  readonly terms: readonly Float64Array[];
  /** The activation is a quadratic itself. */
  readonly isFixed: boolean;
  /** Units that the layer behind reads alike have one number; -1: it does not read the unit. */
  readonly groupOf: Int32Array;
  /** The deviation of the layer's outputs. */
  readonly size: number;
  /** Running means of the slopes and of their squares. */
  readonly means: readonly Float64Array[];
  readonly squares: readonly Float64Array[];
}

export interface Learner {
  readonly maps: readonly BatchMap[];
  readonly units: readonly LearningUnits[];
  /** From a score's error to the slope of the mean squared one. */
  readonly errorScale: number;
}

/** Ready to learn: where the layers stand. @param next the map behind the activation */
export function learningUnits(layer: FittedLayer, next: BatchMap | undefined): LearningUnits {
  const { mean, deviation, h0, h1, h2 } = layer.quadratics ?? exactQuadratics(layer);
  const units = mean.length;
  const zeros = (): Float64Array[] => [h0, h1, h2].map(() => new Float64Array(units));
  let variance = 0;
  for (const [unit, slope] of h1.entries()) variance += slope * slope + 2 * (h2[unit] ?? 0) * (h2[unit] ?? 0);
  return {
    mean,
    deviation,
    terms: [h0.slice(), h1.slice(), h2.slice()],
    isFixed: layer.quadratics === undefined,
    groupOf: next?.groupOf ?? new Int32Array(units),
    size: Math.sqrt(variance / units) || 1,
    means: zeros(),
    squares: zeros(),
  };
}

/** c0 + c1 u + c2 u² = (c0 + c2) + c1 u + c2 (u² - 1). */
function exactQuadratics({ polynomials }: FittedLayer): UnitQuadratics {
  const none = new Float64Array(0);
  const { c0, c1, c2 } = polynomials ?? { c0: none, c1: none, c2: none };
  const h0 = c0.map((value, unit) => value + (c2[unit] ?? 0));
  return { mean: new Float64Array(c0.length), deviation: new Float64Array(c0.length).fill(1), h0, h1: c1, h2: c2 };
}

/** @returns for each layer the slopes of the scores' mean squared error, over their variance, by h0, h1 and h2 */
export function learn({ maps, units, errorScale }: Learner, answers: Answers, chosen: Int32Array): Float64Array[][] {
  const [first] = units;
  if (first === undefined) return [];
  const standard: Float32Array[] = [];
  let z = chosenStandards(first, answers, chosen);
  let scores: Float32Array = new Float32Array(0);
  for (const [index, layer] of units.entries()) {
    standard.push(z);
    const map = maps[index + 1];
    if (map === undefined) throw new TypeError('a network ends with an affine map');
    const sums = applyMap(map, valuesOf(layer, z), batch);
    const next = units[index + 1];
    if (next === undefined) scores = sums;
    else z = standardize(next, sums);
  }
  let gradient = errorsOf(scores, answers, { chosen, errorScale });
  const slopes: Float64Array[][] = [];
  for (let index = units.length - 1; index >= 0; index -= 1) {
    const [layer, map, at] = [units[index], maps[index + 1], standard[index]];
    if (layer === undefined || map === undefined || at === undefined) continue;
    const outputs = mapGradient(map, gradient, batch);
    slopes[index] = slopesOf(outputs, at, layer.mean.length);
    if (index > 0) gradient = throughQuadratics(layer, at, outputs);
  }
  return slopes;
}

/** z of the first layer, units x batch. */
function chosenStandards(
  { mean, deviation }: LearningUnits,
  { sums, width }: Answers,
  chosen: Int32Array,
): Float32Array {
  const z = new Float32Array(width * batch);
  for (const [place, row] of chosen.entries()) {
    for (let unit = 0; unit < width; unit += 1)
      z[unit * batch + place] = ((sums[row * width + unit] ?? 0) - (mean[unit] ?? 0)) / (deviation[unit] ?? 1);
  }
  return z;
}

function standardize({ mean, deviation }: LearningUnits, u: Float32Array): Float32Array {
  for (let unit = 0; unit < mean.length; unit += 1) {
    const [center, inverse] = [mean[unit] ?? 0, 1 / (deviation[unit] ?? 1)];
    for (let index = unit * batch; index < (unit + 1) * batch; index += 1)
      u[index] = ((u[index] ?? 0) - center) * inverse;
  }
  return u;
}

function valuesOf({ terms: [h0, h1, h2] }: LearningUnits, z: Float32Array): Float32Array {
  const values = new Float32Array(z.length);
  for (let unit = 0; unit < z.length / batch; unit += 1) {
    const [constant, slope, curvature] = [h0?.[unit] ?? 0, h1?.[unit] ?? 0, h2?.[unit] ?? 0];
    for (let index = unit * batch; index < (unit + 1) * batch; index += 1) {
      const at = z[index] ?? 0;
      values[index] = constant - curvature + at * (slope + at * curvature);
    }
  }
  return values;
}

/** @param scores outputs x batch @returns slopes, as many */
function errorsOf(
  scores: Float32Array,
  answers: Answers,
  { chosen, errorScale }: { readonly chosen: Int32Array; readonly errorScale: number },
): Float32Array {
  return scores.map((score, index) => {
    const [output, place] = [Math.floor(index / batch), index % batch];
    return (score - (answers.scores[(chosen[place] ?? 0) * answers.outputs + output] ?? 0)) * errorScale;
  });
}

/** @param outputs slopes by the layer's outputs, units x batch */
function slopesOf(outputs: Float32Array, z: Float32Array, units: number): Float64Array[] {
  const [by0, by1, by2] = [new Float64Array(units), new Float64Array(units), new Float64Array(units)];
  for (let unit = 0; unit < units; unit += 1) {
    let [sum0, sum1, sum2] = [0, 0, 0];
    for (let index = unit * batch; index < (unit + 1) * batch; index += 1) {
      const [slope, at] = [outputs[index] ?? 0, z[index] ?? 0];
      sum0 += slope;
      sum1 += slope * at;
      sum2 += slope * (at * at - 1);
    }
    by0[unit] = sum0;
    by1[unit] = sum1;
    by2[unit] = sum2;
  }
  return [by0, by1, by2];
}

/** From slopes by a layer's outputs to those by its sums. */
function throughQuadratics(layer: LearningUnits, z: Float32Array, outputs: Float32Array): Float32Array {
  const [, h1, h2] = layer.terms;
  const slopes = new Float32Array(z.length);
  for (let unit = 0; unit < z.length / batch; unit += 1) {
    const inverse = 1 / (layer.deviation[unit] ?? 1);
    const [slope, curvature] = [(h1?.[unit] ?? 0) * inverse, 2 * (h2?.[unit] ?? 0) * inverse];
    for (let index = unit * batch; index < (unit + 1) * batch; index += 1)
      slopes[index] = (outputs[index] ?? 0) * (slope + curvature * (z[index] ?? 0));
  }
  return slopes;
}

/**
 * A step of Adam (Kingma and Ba, ICLR 2015).
 * @param at the step's size, in deviations of the layer's outputs, and which it is, from 1
 */
export function move(
  { terms, means, squares, size }: LearningUnits,
  slopes: readonly Float64Array[],
  at: { readonly size: number; readonly count: number },
): void {
  // Math.pow may differ in the last bit from machine to machine.
  const [meanShare, squareShare] = [1 - power(meanDecay, at.count), 1 - power(squareDecay, at.count)];
  for (const [index, term] of terms.entries()) {
    const [mean = term, square = term, slope = term] = [means[index], squares[index], slopes[index]];
    blend(mean, slope, { decay: meanDecay, of: (value) => value * size });
    blend(square, slope, { decay: squareDecay, of: (value) => value * size * (value * size) });
    for (const [unit, value] of term.entries()) {
      const root = Math.sqrt((square[unit] ?? 0) / squareShare);
      term[unit] = value - (at.size * size * (mean[unit] ?? 0)) / meanShare / (root + smallest);
    }
  }
}

/** Running means of what slopes are turned into. */
function blend(
  running: Float64Array,
  slope: Float64Array,
  { decay, of }: { readonly decay: number; readonly of: (slope: number) => number },
): void {
  for (const [unit, value] of slope.entries()) running[unit] = decay * (running[unit] ?? 0) + (1 - decay) * of(value);
}

function power(base: number, exponent: number): number {
  let product = 1;
  for (let factor = 0; factor < exponent; factor += 1) product *= base;
  return product;
}

/** Gives units that are read alike the mean of their curvatures in u: they can then be added up before anything is multiplied (pooling.ts). */
export function tie(units: LearningUnits): void {
  const [sums, counts] = [new Float64Array(units.groupOf.length), new Float64Array(units.groupOf.length)];
  eachCurvature(units, (curvature, group) => {
    sums[group] = (sums[group] ?? 0) + curvature;
    counts[group] = (counts[group] ?? 0) + 1;
    return curvature;
  });
  eachCurvature(units, (curvature, group) =>
    (counts[group] ?? 0) > 1 ? (sums[group] ?? 0) / (counts[group] ?? 1) : curvature,
  );
}

/** Bends units far enough that little is lost when they are evaluated; those that are read alike as far as the steepest of them. */
export function bend(units: LearningUnits): void {
  const least = new Float64Array(units.groupOf.length);
  const [, h1] = units.terms;
  eachCurvature(units, (curvature, group, unit) => {
    const scale = (units.deviation[unit] ?? 1) * (units.deviation[unit] ?? 1);
    least[group] = Math.max(least[group] ?? 0, Math.abs(h1?.[unit] ?? 0) / steepest / scale);
    return curvature;
  });
  eachCurvature(units, (curvature, group) => {
    const size = Math.max(Math.abs(curvature), least[group] ?? 0);
    return curvature < 0 ? -size : size;
  });
}

/** What was learnt, in single precision. */
export function finished({ terms, mean, deviation }: LearningUnits): UnitQuadratics {
  const [h0, h1, h2] = terms.map((term) => term.map(Math.fround));
  if (h0 === undefined || h1 === undefined || h2 === undefined) throw new TypeError('a quadratic has three terms');
  return { mean, deviation, h0, h1, h2 };
}

/** Sees every unit that is read, and changes its curvature in u. */
function eachCurvature(
  { terms: [, , h2], deviation, groupOf }: LearningUnits,
  change: (curvature: number, group: number, unit: number) => number,
): void {
  for (const [unit, group] of groupOf.entries()) {
    if (h2 === undefined || group < 0) continue;
    const scale = (deviation[unit] ?? 1) * (deviation[unit] ?? 1);
    h2[unit] = change((h2[unit] ?? 0) / scale, group, unit) * scale;
  }
}
