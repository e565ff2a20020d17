import type { FittedNetwork } from './activations.ts';
import type { NetworkLayerRef } from './network-plan.ts';
import type { RoundedLayer, RoundedNetwork } from './rounding.ts';
import type { TensorWriter } from './tensors.ts';

/** What every packing starts from. */
export interface PreparedNetwork {
  readonly fitted: FittedNetwork;
  readonly rounded: RoundedNetwork;
  /** Scaled, rows x inputs. */
  readonly calibration: Float64Array;
  readonly canaries: Float64Array;
  /** Largest deviation that a score's noise may have. */
  readonly tolerance: number;
}

/** Rows that noise is predicted on: the canaries, whose error bound it is, and some calibration rows. */
export function someRows({ calibration, canaries, rounded }: PreparedNetwork): Float64Array {
  const rows = new Float64Array(48 * rounded.inputs);
  rows.set(canaries.subarray(0, 32 * rounded.inputs));
  rows.set(
    calibration.subarray(0, Math.min(calibration.length, 16 * rounded.inputs)),
    Math.min(canaries.length, 32 * rounded.inputs),
  );
  return rows;
}

/** Lays a layer's numbers into tensors.bin. */
export function writeLayer(layer: RoundedLayer, tensors: TensorWriter): NetworkLayerRef {
  const { rows, columns, rowStart, columnIndex, values } = layer.matrix;
  return {
    rows,
    columns,
    rowStart: tensors.add(Float64Array.from(rowStart)),
    columnIndex: tensors.add(Float64Array.from(columnIndex)),
    values: tensors.add(values),
    bias: tensors.add(layer.bias),
    ...(layer.shift === undefined ? {} : { shift: tensors.add(layer.shift) }),
  };
}
