import * as z from 'zod';
import type { PlannedRanges } from '../table/range.ts';

/**
 * How a record becomes bits: bit (f, e) is 1 where feature f < edge e, compared in the precision of the model's library. Bits lie feature
 * by feature, edges ascending; a feature that may be missing has one bit more, 1 where it is missing (all its others are 0 then), so that a
 * split which sends missing values left reads the sum of two bits.
 */
export const thermometerSpec = z.strictObject({
  comparison: z.enum(['float32', 'float64']),
  /** A flag a feature. */
  missing: z.array(z.boolean()),
  edges: z.discriminatedUnion('kind', [
    /** 2^bits - 1 equidistant edges in each feature's calibrated range: depends on nothing of the model. */
    z.strictObject({ kind: z.literal('grid'), bits: z.int().min(1).max(10) }),
    /** The model's own thresholds, ascending, for each feature. */
    z.strictObject({ kind: z.literal('listed'), values: z.array(z.array(z.number())) }),
  ]),
});
export type ThermometerSpec = z.infer<typeof thermometerSpec>;

export interface Thermometer {
  readonly spec: ThermometerSpec;
  /** For each feature its edges, ascending. */
  readonly edges: readonly Float64Array[];
  /** For each feature its first bit; one entry more, the number of bits. */
  readonly offset: Uint32Array;
  readonly bits: number;
}

/** Planned ranges are this many times as wide as the calibrated ones, about the same centre. */
const plannedToCalibrated = 4;

/** @param ranges what the deployment is planned for, which the grid is laid in. @returns the edges and where their bits lie */
export function openThermometer(spec: ThermometerSpec, ranges: PlannedRanges): Thermometer {
  const edges = spec.missing.map((_, feature) => edgesOf(spec, ranges, feature));
  const offset = new Uint32Array(edges.length + 1);
  for (const [feature, list] of edges.entries()) {
    offset[feature + 1] = (offset[feature] ?? 0) + list.length + Number(spec.missing[feature] ?? false);
  }
  return { spec, edges, offset, bits: offset[edges.length] ?? 0 };
}

function edgesOf({ edges }: ThermometerSpec, ranges: PlannedRanges, feature: number): Float64Array {
  if (edges.kind === 'listed') return Float64Array.from(edges.values[feature] ?? []);
  const half = (ranges.radius[feature] ?? 1) / plannedToCalibrated;
  const low = (ranges.center[feature] ?? 0) - half;
  const count = 2 ** edges.bits;
  return Float64Array.from({ length: count - 1 }, (_, index) => low + (2 * half * (index + 1)) / count);
}

/** The bit that says that a feature is missing; undefined where it cannot be. */
export function missingBit({ spec, offset, edges }: Thermometer, feature: number): number | undefined {
  return spec.missing[feature] === true ? (offset[feature] ?? 0) + (edges[feature]?.length ?? 0) : undefined;
}

/**
 * @param features rows x features, preprocessed; NaN is missing
 * @returns rows x bits, zeros and ones
 */
export function thermometerBits(thermometer: Thermometer, features: Float64Array, rows: number): Uint8Array {
  const { spec, edges, offset, bits } = thermometer;
  const width = edges.length;
  const values = spec.comparison === 'float32' ? Float32Array.from(features) : features;
  const truth = new Uint8Array(rows * bits);
  for (let row = 0; row < rows; row += 1) {
    for (let feature = 0; feature < width; feature += 1) {
      const value = values[row * width + feature] ?? Number.NaN;
      const start = row * bits + (offset[feature] ?? 0);
      const list = edges[feature] ?? new Float64Array(0);
      if (Number.isNaN(value)) truth[start + list.length] = 1;
      // The bits ascend with their edges: all from the first edge above the value on.
      else truth.fill(1, start + edgesUpTo(list, value), start + list.length);
    }
  }
  return truth;
}

/** How many edges are <= value. */
export function edgesUpTo(edges: Float64Array, value: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edges[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The next larger number in a precision: x <= t is the same as x < nextAbove(t). */
export function nextAbove(value: number, precision: ThermometerSpec['comparison']): number {
  if (value === Infinity || Number.isNaN(value)) return value;
  const bytes = new DataView(new ArrayBuffer(8));
  // Zero of either sign comes before the smallest positive number.
  if (precision === 'float32') {
    bytes.setFloat32(0, value === 0 ? 0 : value);
    bytes.setInt32(0, bytes.getInt32(0) + (value < 0 ? -1 : 1));
    return bytes.getFloat32(0);
  }
  bytes.setFloat64(0, value === 0 ? 0 : value);
  bytes.setBigInt64(0, bytes.getBigInt64(0) + (value < 0 ? -1n : 1n));
  return bytes.getFloat64(0);
}
