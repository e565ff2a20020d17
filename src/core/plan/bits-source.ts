import type { Thermometer } from './thermometer.ts';

/**
 * How a record's bits lie in the slots that the client encrypts, in the bits packing: one behind the other, again and again until the slots
 * are full, or over several ciphertexts where they are more than the slots.
 */
export interface SourceShape {
  /** Slots of a ciphertext. */
  readonly slots: number;
  /** The server turns a source by multiples of so many slots, a power of two. */
  readonly stride: number;
  /** Slots from a bit to its next copy; a multiple of the stride, or all slots. */
  readonly period: number;
  readonly ciphertexts: number;
}

/** The shape for so many bits. */
export function sourceShape(bits: number, slots: number, stride: number): SourceShape {
  const period = Math.min(slots, Math.ceil(Math.max(bits, 1) / stride) * stride);
  return { slots, stride, period, ciphertexts: Math.max(1, Math.ceil(bits / slots)) };
}

/**
 * Where each bit lies among the bits: within a feature they are turned by the feature's number. A grid has as many bits for each feature, so
 * that without the turn equal edges, and the bits of missing values, would all compete for the slots of one remainder modulo the stride.
 */
export function bitPlaces({ offset, bits }: Pick<Thermometer, 'offset' | 'bits'>): Int32Array {
  const places = new Int32Array(bits);
  for (let feature = 0; feature + 1 < offset.length; feature += 1) {
    const first = offset[feature] ?? 0;
    const width = (offset[feature + 1] ?? 0) - first;
    for (let edge = 0; edge < width; edge += 1) places[first + edge] = first + ((edge + feature) % width);
  }
  return places;
}

/** @param truth a record's bits. @returns the slots of each ciphertext, zeros and ones */
export function sourceSlots(shape: SourceShape, places: Int32Array, truth: Uint8Array): Float64Array[] {
  const placed = new Float64Array(shape.ciphertexts * shape.period);
  for (const [bit, place] of places.entries()) placed[place] = truth[bit] ?? 0;
  return Array.from({ length: shape.ciphertexts }, (_, ciphertext) =>
    Float64Array.from({ length: shape.slots }, (_slot, slot) => {
      return placed[ciphertext * shape.period + (slot % shape.period)] ?? 0;
    }),
  );
}

/**
 * By how many strides the source must turn left to bring a place to a slot.
 * @param slot congruent to the place modulo the stride
 * @returns undefined where copies are cut off at the last slot in between
 */
export function turnTo({ slots, stride, period }: SourceShape, place: number, slot: number): number | undefined {
  const within = place % period;
  const turn = (within - (slot % period) + period) % period;
  if (slot + turn < slots || slots % period === 0) return turn / stride;
  // Beyond the last slot the first copy follows.
  const around = slots - slot + within;
  return around < period ? around / stride : undefined;
}
