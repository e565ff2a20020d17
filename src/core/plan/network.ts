import { applyAffine } from '../model/affine.ts';
import type { AffineChain, SparseMatrix } from '../model/ir.ts';
import type { PlannedRanges } from '../table/range.ts';

/** One quadratic a unit: p(u) = c0 + c1 u + c2 u². */
export interface UnitPolynomials {
  readonly c0: Float64Array;
  readonly c1: Float64Array;
  readonly c2: Float64Array;
}

/** u = W x + b, then a quadratic a unit; the last layer has none. */
export interface PolynomialLayer {
  readonly name: string;
  readonly matrix: SparseMatrix;
  readonly bias: Float64Array;
  readonly polynomials?: UnitPolynomials;
}

/** A network whose activations are quadratics: what can be evaluated encrypted. */
export interface PolynomialNetwork {
  readonly inputs: number;
  readonly outputs: number;
  readonly layers: readonly PolynomialLayer[];
}

/** Rows evaluated together: bounds the memory of wide layers. */
const rowsAtOnce = 64;

/**
 * The clear twin of the encrypted evaluation, in double precision.
 * @param features rows x inputs (borrowed)
 * @returns rows x outputs
 */
export function polynomialScores(network: PolynomialNetwork, features: Float64Array, rows: number): Float64Array {
  const scores = new Float64Array(rows * network.outputs);
  for (let start = 0; start < rows; start += rowsAtOnce) {
    const end = Math.min(rows, start + rowsAtOnce);
    let x = features.subarray(start * network.inputs, end * network.inputs);
    for (const layer of network.layers) x = applyPolynomialLayer(layer, x);
    scores.set(x, start * network.outputs);
  }
  return scores;
}

/** @param x any number of rows of layer.matrix.columns numbers (borrowed) */
export function applyPolynomialLayer(layer: PolynomialLayer, x: Float64Array): Float64Array {
  const u = preActivations(layer, x);
  return layer.polynomials === undefined ? u : applyPolynomials(layer.polynomials, u);
}

/** W x + b of each row. */
export function preActivations(layer: Pick<PolynomialLayer, 'matrix' | 'bias'>, x: Float64Array): Float64Array {
  return applyAffine({ kind: 'affine', name: '', matrix: layer.matrix, bias: layer.bias }, x);
}

/** Each unit's quadratic of each row, as a new array. */
export function applyPolynomials({ c0, c1, c2 }: UnitPolynomials, u: Float64Array): Float64Array {
  const units = c0.length;
  return u.map((value, index) => {
    const unit = index % units;
    return (c0[unit] ?? 0) + value * ((c1[unit] ?? 0) + value * (c2[unit] ?? 0));
  });
}

/**
 * The chain over features scaled to [-1, 1]: x = center + radius u folds into the first affine map.
 * What its scores are does not change.
 */
export function scaleFirstLayer(chain: AffineChain, ranges: PlannedRanges): AffineChain {
  const [first, ...rest] = chain.layers;
  if (first?.kind !== 'affine') throw new TypeError('a chain starts with an affine map');
  const { matrix } = first;
  const bias = applyAffine(first, ranges.center);
  const values = matrix.values.map((value, entry) => value * (ranges.radius[matrix.columnIndex[entry] ?? 0] ?? 1));
  return { ...chain, layers: [{ ...first, matrix: { ...matrix, values }, bias }, ...rest] };
}
