import type { BitsLayout } from '../src/core/plan/bits-layout.ts';
import { sourceSlots, type SourceShape } from '../src/core/plan/bits-source.ts';

/** The clear twin of a layout: what the circuit does to slots, on vectors. @returns the sum of the terms, one an output */
export function clearLayoutScores(
  layout: BitsLayout,
  record: { readonly source: SourceShape; readonly places: Int32Array; readonly truth: Uint8Array },
  outputs: number,
): number[] {
  const { slots, stride } = record.source;
  const sources = sourceSlots(record.source, record.places, record.truth);
  const vectors = (count: number) => Array.from({ length: count }, () => new Float64Array(slots));
  const nodes = vectors(layout.groups);
  for (const { group, slot, ciphertext, turn } of layout.nodes)
    nodes[group]![slot]! += sources[ciphertext]![(slot + turn * stride) % slots]!;
  const literals = nodes.map(() => vectors(layout.literals));
  for (const { group, literal, slot, shift, weight } of layout.reads)
    literals[group]![literal]![slot]! += weight * nodes[group]![(slot + shift) % slots]!;
  for (const { group, literal, slot, value } of layout.constants) literals[group]![literal]![slot]! += value;
  const products = literals.map((factors) =>
    factors.reduce((product, factor) => product.map((value, slot) => value * factor[slot]!)),
  );
  if (outputs === 1) return [products.flatMap((product) => [...product]).reduce((sum, value) => sum + value, 0)];
  const sums = new Array<number>(outputs).fill(0);
  for (const { group, slot, factors } of layout.terms)
    for (const { output, factor } of factors) sums[output]! += factor * products[group]![slot]!;
  return sums;
}
