import type { SparseMatrix } from '../model/ir.ts';
import { forEachInRow, rowBuilder } from '../model/sparse.ts';
import { alignSteps, equalize, type ColumnGroups } from './pooling.ts';
import { preActivations, type PolynomialLayer, type PolynomialNetwork } from './network.ts';

/**
 * A layer in the units of its ciphertexts: a = K x + bias with small integers K, then v = a (a + shift), a unit each; v = a where there is no
 * shift: in the last layer and in sums ahead of a layer (pooling.ts). The factors that rounding takes out of a row are folded into the layer
 * behind it.
 */
export interface RoundedLayer {
  readonly name: string;
  /** Integers. */
  readonly matrix: SparseMatrix;
  readonly bias: Float64Array;
  readonly shift?: Float64Array;
}

export interface RoundedNetwork {
  readonly inputs: number;
  readonly outputs: number;
  readonly layers: readonly RoundedLayer[];
  /** score = what the last layer gives times this power of two. */
  readonly step: number;
}

export interface RoundingBits {
  /** Bits of a weight of each hidden layer, the sign among them; each row has a step of its own. */
  readonly hidden: readonly number[];
  /** Bits of a weight of the last layer, all rows at one step. */
  readonly last: number;
}

/**
 * Rounds the weights. Biases make up for the error at the calibration rows' mean, so that what is left is proportional to a row's distance
 * from it.
 * @param calibration rows x inputs
 * @param bits and, as pooledUnits has them, the units that are read alike: the same for any bits, and slow to find
 */
export function roundNetwork(
  network: PolynomialNetwork,
  calibration: Float64Array,
  bits: RoundingBits & { readonly pooled: readonly ColumnGroups[] },
): RoundedNetwork {
  const layers: RoundedLayer[] = [];
  let [x, carried] = [calibration, identityCarry(network.inputs)];
  for (const [index, layer] of network.layers.entries()) {
    const folded = foldCarry(layer, carried);
    const mean = columnMeans(x, folded.matrix.columns);
    const groups = bits.pooled[index] ?? [];
    const rounded = roundLayer(folded, mean, { bits: bits.hidden[index] ?? bits.last, groups });
    layers.push(rounded.layer);
    if (layer.polynomials === undefined)
      return { inputs: network.inputs, outputs: network.outputs, layers, step: rounded.steps[0] ?? 1 };
    carried = carryOf(layer, rounded, groups);
    x = applyRoundedLayer(rounded.layer, x);
  }
  throw new TypeError('a network ends with an affine map');
}

/** The scores that the circuit computes, but for its noise. */
export function roundedScores(network: RoundedNetwork, features: Float64Array): Float64Array {
  let x = features;
  for (const layer of network.layers) x = applyRoundedLayer(layer, x);
  return x.map((value) => value * network.step);
}

/** @param x any number of rows (borrowed) */
export function applyRoundedLayer(layer: RoundedLayer, x: Float64Array): Float64Array {
  const a = preActivations(layer, x);
  const { shift } = layer;
  if (shift === undefined) return a;
  return a.map((value, index) => value * (value + (shift[index % shift.length] ?? 0)));
}

/** How the values in ciphertexts stand to the network's: hidden = factor v + offset; equal factors for units that are added up. */
export interface Carry {
  readonly factor: Float64Array;
  readonly offset: Float64Array;
}

/** @returns what a network's inputs are */
export function identityCarry(inputs: number): Carry {
  return { factor: new Float64Array(inputs).fill(1), offset: new Float64Array(inputs) };
}

/** p(u) = c2 u (u + c1 / c2) + c0 and a = u / step: hidden = c2 step² v + c0. A unit that no longer varies is all offset. */
export function carryOf(layer: PolynomialLayer, { layer: rounded, steps }: RoundedRows, groups: ColumnGroups): Carry {
  const { c0, c1, c2 } = layer.polynomials ?? {
    c0: new Float64Array(0),
    c1: new Float64Array(0),
    c2: new Float64Array(0),
  };
  const factor = c2.map((value, unit) => (isConstant(rounded, unit) ? 0 : value * (steps[unit] ?? 1) ** 2));
  const offset = c0.map((value, unit) => {
    if (!isConstant(rounded, unit)) return value;
    const u = (rounded.bias[unit] ?? 0) * (steps[unit] ?? 1);
    return value + u * ((c1[unit] ?? 0) + u * (c2[unit] ?? 0));
  });
  return { factor: equalize(factor, groups), offset };
}

function isConstant({ matrix: { rowStart } }: RoundedLayer, unit: number): boolean {
  return rowStart[unit] === rowStart[unit + 1];
}

/** The layer over ciphertexts' values in place of the network's. */
export function foldCarry(layer: PolynomialLayer, { factor, offset }: Carry): PolynomialLayer {
  const bias = preActivations(layer, offset);
  const values = layer.matrix.values.map((value, entry) => value * (factor[layer.matrix.columnIndex[entry] ?? 0] ?? 0));
  return { ...layer, matrix: { ...layer.matrix, values }, bias };
}

export interface RoundedRows {
  readonly layer: RoundedLayer;
  /** u = step a, a row each. */
  readonly steps: Float64Array;
}

function roundLayer(
  layer: PolynomialLayer,
  mean: Float64Array,
  { bits, groups }: { readonly bits: number; readonly groups: ColumnGroups },
): RoundedRows {
  const { name, matrix, polynomials } = layer;
  const steps =
    polynomials === undefined
      ? commonStep(matrix, bits)
      : alignSteps(rowSteps(matrix, bits), polynomials.c2, { groups, bounds: 'most' });
  const bias = layer.bias.map((value, row) => value / (steps[row] ?? 1));
  const builder = rowBuilder(matrix.columns);
  for (let row = 0; row < matrix.rows; row += 1) {
    forEachInRow(matrix, row, (column, value) => {
      const weight = value / (steps[row] ?? 1);
      const integer = Math.round(weight);
      // What rounding takes from the weight comes back for the mean input.
      bias[row] = (bias[row] ?? 0) + (weight - integer) * (mean[column] ?? 0);
      if (integer !== 0) builder.add(column, integer);
    });
    builder.endRow();
  }
  const shift = shiftsOf(layer, steps);
  return { layer: { name, matrix: builder.finish(), bias, ...(shift === undefined ? {} : { shift }) }, steps };
}

/** c1 / c2 of each unit's quadratic, in steps; undefined for the last layer. */
export function shiftsOf({ polynomials }: PolynomialLayer, steps: Float64Array): Float64Array | undefined {
  return polynomials?.c1.map((c1, unit) => {
    const c2 = polynomials.c2[unit] ?? 0;
    return c2 === 0 ? 0 : c1 / c2 / (steps[unit] ?? 1);
  });
}

function rowSteps(matrix: SparseMatrix, bits: number): Float64Array {
  return Float64Array.from({ length: matrix.rows }, (_, row) => {
    let largest = 0;
    for (let entry = matrix.rowStart[row] ?? 0; entry < (matrix.rowStart[row + 1] ?? 0); entry += 1) {
      largest = Math.max(largest, Math.abs(matrix.values[entry] ?? 0));
    }
    return (largest || 1) / (2 ** (bits - 1) - 1);
  });
}

/** A power of two: it is public, since the client multiplies by it, and so tells nothing but the weights' order of magnitude. */
function commonStep(matrix: SparseMatrix, bits: number): Float64Array {
  const largest = matrix.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  return new Float64Array(matrix.rows).fill(2 ** Math.ceil(Math.log2(largest / (2 ** (bits - 1) - 1))));
}

function columnMeans(x: Float64Array, columns: number): Float64Array {
  const mean = new Float64Array(columns);
  const rows = x.length / columns;
  for (const [index, value] of x.entries()) mean[index % columns] = (mean[index % columns] ?? 0) + value / rows;
  return mean;
}
