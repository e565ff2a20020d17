/**
 * A result of one record: output o stands in every slot that is o modulo the spacing, and scores are means over those slots, so that a slot
 * by itself may hold noise that hides all else.
 * @returns a power of two
 */
export function outputSpacing(outputs: number): number {
  return 2 ** Math.ceil(Math.log2(outputs));
}

/** @param slots the real parts of a result's slots. @returns one mean an output */
export function outputMeans(slots: Float64Array, outputs: number): Float64Array {
  const spacing = outputSpacing(outputs);
  const sums = new Float64Array(spacing);
  for (const [slot, value] of slots.entries()) sums[slot % spacing] = (sums[slot % spacing] ?? 0) + value;
  return sums.slice(0, outputs).map((sum) => (sum * spacing) / slots.length);
}
