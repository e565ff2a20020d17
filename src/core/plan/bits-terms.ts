import type { TreeEnsemble } from '../model/ir.ts';
import type { Steps } from '../progress.ts';
import { largestGain, type BitRows } from './bits-noise.ts';
import type { BodyRequest } from './body-planner.ts';
import type { PathTerms, Term } from './path-terms.ts';
import type { SeenEnsemble } from './seen-ensemble.ts';
import { thermometerBits } from './thermometer.ts';
import { largestScore } from './tree-bits.ts';

/** Terms in units of a slot. */
export interface SlotTerms {
  readonly terms: readonly Term[];
  /** What is added to the terms' sum, one an output; in units of scores. */
  readonly base: Float64Array;
  /** Scores are so many times what slots hold. */
  readonly unit: number;
  /** log2 of the largest score, in slots. */
  readonly scoreBits: number;
  /** Of the longest term. */
  readonly literals: number;
  /** Bits of calibration rows that noise is followed for. */
  readonly rows: BitRows;
}

/** A value in a literal is at most two to this power. */
const mostValueBits = 6;
/** Calibration rows that noise is followed for. */
const noiseRows = 16;

/** @param raw the ensemble's terms. @returns them scaled for slots */
export function* slotTerms(
  { body, calibration, rows }: Pick<BodyRequest<TreeEnsemble>, 'body' | 'calibration' | 'rows'>,
  { thermometer, ensemble }: SeenEnsemble,
  raw: PathTerms,
): Steps<SlotTerms> {
  const followed = Math.min(noiseRows, rows);
  const truth = thermometerBits(thermometer, calibration.slice(0, followed * body.inputs), followed);
  const bitRows = { truth, bits: thermometer.bits };
  const { terms, unit } = yield* chooseUnit(raw.terms, bitRows);
  const bound = largestScore(ensemble.trees, ensemble.base);
  return {
    terms,
    base: raw.base.map((value, output) => value + (ensemble.base[output] ?? 0)),
    unit,
    scoreBits: Math.max(0, Math.log2(bound / unit)),
    literals: mostLiterals(terms),
    rows: bitRows,
  };
}

/** Of the longest term. */
export function mostLiterals(terms: readonly Term[]): number {
  return terms.reduce((most, { literals }) => Math.max(most, literals.length), 0);
}

/**
 * Literals that carry values are as noisy as the others, so that values should be large beside noise; but what they are divided by, scores
 * are too, and larger scores want a larger modulus. A bit of modulus is worth about a ninth of a bit of precision.
 */
function* chooseUnit(raw: readonly Term[], rows: BitRows): Steps<Pick<SlotTerms, 'terms' | 'unit'>> {
  const largest = 2 ** Math.ceil(Math.log2(largestValue(raw) || 1));
  let best: (Pick<SlotTerms, 'terms' | 'unit'> & { readonly cost: number }) | undefined;
  for (let bits = 0; bits <= mostValueBits; bits += 1) {
    const unit = largest / 2 ** bits;
    const terms = raw.map((term) => scaleTerm(term, unit));
    const { node, rounds } = yield* largestGain(terms, rows);
    const noise = unit * Math.sqrt(rounds.reduce((sum, gain) => sum + gain, node));
    const cost = Math.log2(noise) + bits / 9;
    if (best === undefined || cost < best.cost) best = { terms, unit, cost };
  }
  if (best === undefined) throw new RangeError('no unit was tried');
  return best;
}

/** The largest number that carries a value: a weight or constant of a term's last literal, or a factor. */
function largestValue(terms: readonly Term[]): number {
  return terms.reduce((most, { literals, factors }) => {
    const carrier = literals.at(-1);
    const carried = factors.length > 1 || carrier === undefined ? [] : [carrier.constant, ...carrier.weights.values()];
    const values = factors.length > 1 ? factors.map(({ factor }) => factor) : carried;
    return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), most);
  }, 0);
}

function scaleTerm(term: Term, unit: number): Term {
  if (term.factors.length > 1)
    return { ...term, factors: term.factors.map(({ output, factor }) => ({ output, factor: factor / unit })) };
  const carrier = term.literals.at(-1);
  if (carrier === undefined) return term;
  const weights = new Map([...carrier.weights].map(([bit, weight]) => [bit, weight / unit]));
  return { ...term, literals: [...term.literals.slice(0, -1), { constant: carrier.constant / unit, weights }] };
}
