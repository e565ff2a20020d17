import { preActivations, type PolynomialNetwork } from './network.ts';
import { alignSteps, pooledUnits } from './pooling.ts';
import {
  applyRoundedLayer,
  carryOf,
  foldCarry,
  identityCarry,
  shiftsOf,
  type RoundedLayer,
  type RoundedNetwork,
} from './rounding.ts';

/**
 * A network in units that suit slots: a = K x + bias, then v = a (a + shift), with every unit scaled so that neither factor exceeds 1 on the
 * given rows; the scores by a power of two. Factors go into the layer behind.
 * @param rows rows x inputs, scaled; borrowed
 * @returns the same scores, in layers of real numbers
 */
export function scaleUnits(network: PolynomialNetwork, rows: Float64Array): RoundedNetwork {
  const layers: RoundedLayer[] = [];
  let [x, carried] = [rows, identityCarry(network.inputs)];
  const pooled = pooledUnits(network);
  for (const [index, layer] of network.layers.entries()) {
    const folded = foldCarry(layer, carried);
    const groups = pooled[index] ?? [];
    const steps =
      layer.polynomials === undefined
        ? commonSize(folded, x)
        : alignSteps(unitSizes(folded, x), layer.polynomials.c2, { groups, bounds: 'least' });
    const scaled = divideRows(folded, steps);
    layers.push(scaled);
    if (layer.polynomials === undefined)
      return { inputs: network.inputs, outputs: network.outputs, layers, step: steps[0] ?? 1 };
    carried = carryOf(layer, { layer: scaled, steps }, groups);
    x = applyRoundedLayer(scaled, x);
  }
  throw new TypeError('a network ends with an affine map');
}

type Layer = PolynomialNetwork['layers'][number];

function divideRows(layer: Layer, steps: Float64Array): RoundedLayer {
  const { name, matrix } = layer;
  const values = Float64Array.from(matrix.values);
  for (let row = 0; row < matrix.rows; row += 1) {
    for (let entry = matrix.rowStart[row] ?? 0; entry < (matrix.rowStart[row + 1] ?? 0); entry += 1)
      values[entry] = (values[entry] ?? 0) / (steps[row] ?? 1);
  }
  const shift = shiftsOf(layer, steps);
  const bias = layer.bias.map((value, row) => value / (steps[row] ?? 1));
  return { name, matrix: { ...matrix, values }, bias, ...(shift === undefined ? {} : { shift }) };
}

/** The largest size of u or of u + c1 / c2, a unit each. */
function unitSizes(layer: Layer, x: Float64Array): Float64Array {
  const units = layer.matrix.rows;
  const sizes = new Float64Array(units);
  const shift = shiftsOf(layer, new Float64Array(units).fill(1)) ?? new Float64Array(units);
  for (const [index, value] of preActivations(layer, x).entries()) {
    const unit = index % units;
    sizes[unit] = Math.max(sizes[unit] ?? 0, Math.abs(value), Math.abs(value + (shift[unit] ?? 0)));
  }
  return sizes.map((size) => size || 1);
}

/** A power of two: the client multiplies by it. */
function commonSize(layer: Layer, x: Float64Array): Float64Array {
  const largest = preActivations(layer, x).reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  return new Float64Array(layer.matrix.rows).fill(2 ** Math.ceil(Math.log2(largest)));
}
