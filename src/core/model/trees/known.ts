import type { Comparison } from './draft.ts';

/** What the comparisons on the way from the root have told about a row, newest first. */
export interface Known {
  readonly comparison: Comparison;
  readonly wentLeft: boolean;
  readonly earlier: Known | undefined;
}

/**
 * The side that a comparison can only take after all that is known, or undefined if both are open. Taking equalities apart makes
 * copies of subtrees; in these copies most comparisons of the same feature are settled, which keeps chains of equalities small.
 */
export function settledSide(comparison: Comparison, known: Known | undefined): 'left' | 'right' | undefined {
  let side: 'left' | 'right' | undefined;
  let mayBeMissing = true;
  for (let fact = known; fact !== undefined; fact = fact.earlier) {
    if (fact.comparison.feature !== comparison.feature) continue;
    if (fact.comparison.missingLeft !== fact.wentLeft) mayBeMissing = false;
    if (fact.wentLeft && covers(comparison, fact.comparison)) side = 'left';
    if (!fact.wentLeft && covers(fact.comparison, comparison)) side = 'right';
  }
  return mayBeMissing && (side === 'left') !== comparison.missingLeft ? undefined : side;
}

/** Whether every number left of `inner` is left of `outer` as well. */
function covers(outer: Comparison, inner: Comparison): boolean {
  if (inner.threshold !== outer.threshold) return inner.threshold < outer.threshold;
  return outer.orEqual || !inner.orEqual;
}
