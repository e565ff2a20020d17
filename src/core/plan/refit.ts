import type { AffineChain } from '../model/ir.ts';
import { fromDense, toDense } from '../model/sparse.ts';
import { clearScores } from '../model/score.ts';
import type { Steps } from '../progress.ts';
import type { FittedLayer } from './learning-units.ts';
import { likelyRows } from './likely-rows.ts';
import { typicalScore } from '../table/accuracy.ts';
import { applyPolynomialLayer } from './network.ts';
import { equalColumns, overGroups, type ColumnGroups } from './pooling.ts';

const mostRows = 4000;
/** Products that rows may take, in both networks and in sums of squares, and units: some seconds of a thread. */
const [mostProducts, mostUnits] = [1.5e9, 2000];
/** Beside a unit's own variance: what calibration hardly shows keeps the model's weights. */
const ridge = 0.1;
/** Of a matrix that leaves out more weights, fewer operations are made of it than of a full one. */
const fullest = 0.9;
/** Rows whose scores are off by more than so many typical scores are left out: there polynomials run away, and squares would see nothing else. */
const farOff = 2;
const rowsAtOnce = 64;

/**
 * The last map once more, by ridge regression from what the fitted layers give to the original's scores, on the calibration rows and rows
 * made up of them: what polynomials lose on average comes back, at no cost in evaluation. Weights are pulled towards the model's.
 * @param calibration rows x inputs
 * @returns the layers, with the last as it was where it is sparse or very wide, or where no row's scores are near
 */
export function* refitLast(
  layers: readonly FittedLayer[],
  chain: AffineChain,
  calibration: Float64Array,
): Steps<FittedLayer[]> {
  const last = layers.at(-1);
  if (last === undefined) return [];
  const groups = equalColumns(last.matrix);
  const pooled = overGroups(last.matrix, groups);
  const units = groups.length;
  const isSparse = pooled.values.length < fullest * pooled.rows * units;
  if (isSparse || units > mostUnits) return [...layers];
  const products = layers.reduce((sum, { matrix }) => sum + 2 * matrix.values.length, units * units);
  const count = Math.min(mostRows, Math.floor(mostProducts / products));
  const made = yield* likelyRows({ values: calibration, inputs: chain.inputs }, count);
  const typical = typicalScore(
    clearScores(chain, calibration, calibration.length / chain.inputs),
    calibration.length / chain.inputs,
  );
  const sums = emptySums(units, pooled.rows);
  for (const features of [calibration, made]) {
    for (let start = 0; start < features.length; start += rowsAtOnce * chain.inputs) {
      yield;
      const some = features.subarray(start, start + rowsAtOnce * chain.inputs);
      addRows(sums, compare(layers, { chain, groups }, some), farOff * typical);
    }
  }
  if (sums.rows === 0) return [...layers];
  const correction = yield* solve(sums);
  return [...layers.slice(0, -1), corrected(last, { groups, correction, sums })];
}

/** Some rows: what the last map reads of each, by group, and what its scores lack. */
interface Compared {
  readonly rows: number;
  /** rows x units. */
  readonly units: Float64Array;
  /** rows x outputs. */
  readonly lacking: Float64Array;
}

function compare(
  layers: readonly FittedLayer[],
  { chain, groups }: { readonly chain: AffineChain; readonly groups: ColumnGroups },
  features: Float64Array,
): Compared {
  const rows = features.length / chain.inputs;
  let x: Float64Array = features;
  for (const layer of layers.slice(0, -1)) x = applyPolynomialLayer(layer, x);
  const width = x.length / rows;
  const units = new Float64Array(rows * groups.length);
  for (let row = 0; row < rows; row += 1) {
    for (const [group, columns] of groups.entries()) {
      let sum = 0;
      for (const column of columns) sum += x[row * width + column] ?? 0;
      units[row * groups.length + group] = sum;
    }
  }
  const [last] = layers.slice(-1);
  const own = last === undefined ? x : applyPolynomialLayer(last, x);
  // In single precision: the original's functions differ in the last bit from machine to machine.
  const lacking = clearScores(chain, features, rows).map((score, index) => Math.fround(score) - (own[index] ?? 0));
  return { rows, units, lacking };
}

/** Sums over rows: of units, of their products, of the scores' lack and of its products with units. */
interface Sums {
  rows: number;
  readonly units: Float64Array;
  /** units x units, the lower triangle. */
  readonly squares: Float64Array;
  readonly lacking: Float64Array;
  /** outputs x units. */
  readonly products: Float64Array;
}

function emptySums(units: number, outputs: number): Sums {
  return {
    rows: 0,
    units: new Float64Array(units),
    squares: new Float64Array(units * units),
    lacking: new Float64Array(outputs),
    products: new Float64Array(outputs * units),
  };
}

function addRows(sums: Sums, { rows, units, lacking }: Compared, most: number): void {
  const [width, outputs] = [sums.units.length, sums.lacking.length];
  for (let row = 0; row < rows; row += 1) {
    const lack = lacking.subarray(row * outputs, (row + 1) * outputs);
    if (!isFarOff(lack, most)) addRow(sums, units.subarray(row * width, (row + 1) * width), lack);
  }
}

function addRow(sums: Sums, units: Float64Array, lacking: Float64Array): void {
  const width = units.length;
  sums.rows += 1;
  for (const [unit, value] of units.entries()) {
    add(sums.units, unit, value);
    for (let other = 0; other <= unit; other += 1) add(sums.squares, unit * width + other, value * (units[other] ?? 0));
  }
  for (const [output, lack] of lacking.entries()) {
    add(sums.lacking, output, lack);
    for (let unit = 0; unit < width; unit += 1) add(sums.products, output * width + unit, lack * (units[unit] ?? 0));
  }
}

/** Not a number is far off, too. */
function isFarOff(lacking: Float64Array, most: number): boolean {
  return !lacking.every((lack) => Math.abs(lack) <= most);
}

function add(values: Float64Array, index: number, value: number): void {
  values[index] = (values[index] ?? 0) + value;
}

/**
 * (C + ridge diag C) w = c by Cholesky's decomposition, C the units' covariances and c those with what an output lacks.
 * @returns outputs x units
 */
function* solve(sums: Sums): Steps<Float64Array> {
  const { rows, units, lacking, products } = sums;
  const width = units.length;
  const factor = yield* decompose(sums);
  const solved = new Float64Array(lacking.length * width);
  for (let output = 0; output < lacking.length; output += 1) {
    yield;
    const w = solved.subarray(output * width, (output + 1) * width);
    for (let unit = 0; unit < width; unit += 1) {
      const mean = ((lacking[output] ?? 0) * (units[unit] ?? 0)) / rows;
      w[unit] = ((products[output * width + unit] ?? 0) - mean) / rows;
    }
    substitute(factor, w);
  }
  return solved;
}

/** @returns units x units, the lower triangle */
function* decompose({ rows, units, squares }: Sums): Steps<Float64Array> {
  const width = units.length;
  const factor = new Float64Array(width * width);
  for (let row = 0; row < width; row += 1) {
    yield;
    const own = factor.subarray(row * width, (row + 1) * width);
    for (let column = 0; column < row; column += 1) {
      const mean = ((units[row] ?? 0) * (units[column] ?? 0)) / rows;
      const covariance = ((squares[row * width + column] ?? 0) - mean) / rows;
      const above = factor.subarray(column * width, (column + 1) * width);
      own[column] = over(covariance - dot(own, above, column), above[column]);
    }
    const variance = ((squares[row * width + row] ?? 0) - (units[row] ?? 0) ** 2 / rows) / rows;
    own[row] = Math.sqrt(Math.max(0, variance * (1 + ridge) - dot(own, own, row)));
  }
  return factor;
}

function dot(a: Float64Array, b: Float64Array, length: number): number {
  let sum = 0;
  for (let index = 0; index < length; index += 1) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}

/** A unit that does not vary keeps its weight. */
function over(rest: number, pivot = 0): number {
  return pivot === 0 ? 0 : rest / pivot;
}

/** L Lᵀ w = c, in place. */
function substitute(factor: Float64Array, w: Float64Array): void {
  const width = w.length;
  const rowOf = (unit: number): Float64Array => factor.subarray(unit * width, (unit + 1) * width);
  for (let unit = 0; unit < width; unit += 1) {
    const row = rowOf(unit);
    w[unit] = over((w[unit] ?? 0) - dot(row, w, unit), row[unit]);
  }
  for (let unit = width - 1; unit >= 0; unit -= 1) {
    const row = rowOf(unit);
    const value = over(w[unit] ?? 0, row[unit]);
    w[unit] = value;
    for (let before = 0; before < unit; before += 1) w[before] = (w[before] ?? 0) - (row[before] ?? 0) * value;
  }
}

/** In single precision, so that no machine's last bit shows. */
function corrected(
  last: FittedLayer,
  fit: { readonly groups: ColumnGroups; readonly correction: Float64Array; readonly sums: Sums },
): FittedLayer {
  const { groups, correction, sums } = fit;
  const { rows, columns } = last.matrix;
  const width = groups.length;
  const weights = toDense(last.matrix);
  const bias = last.bias.slice();
  for (let output = 0; output < rows; output += 1) {
    let offset = (sums.lacking[output] ?? 0) / sums.rows;
    for (const [group, members] of groups.entries()) {
      const change = correction[output * width + group] ?? 0;
      offset -= (change * (sums.units[group] ?? 0)) / sums.rows;
      for (const column of members) {
        const at = output * columns + column;
        weights[at] = Math.fround((weights[at] ?? 0) + change);
      }
    }
    bias[output] = Math.fround((bias[output] ?? 0) + offset);
  }
  return { ...last, matrix: fromDense(weights, rows, columns), bias };
}
