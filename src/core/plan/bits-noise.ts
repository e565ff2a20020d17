import type { Steps } from '../progress.ts';
import { roundingDeviation } from './levels.ts';
import { errorDeviation } from './linear.ts';
import type { LaidTerm } from './bits-layout.ts';
import type { Literal } from './path-terms.ts';

/** Real parts of slots: deviations of the kinds of noise that CKKS adds, before the scale, at degree N with ternary secrets. */

/** A fresh symmetric encryption. */
export function freshDeviation(degree: number): number {
  return errorDeviation * Math.sqrt(degree / 2);
}

/** Rounding a plaintext's coefficients: what a mask holds beside its zeros and ones. */
export function encodingDeviation(degree: number): number {
  return Math.sqrt(degree / 24);
}

/** A key switch: each data prime's digits, uniform below it, times an error, over the special prime. */
export function switchingDeviation(
  degree: number,
  { data, special }: { readonly data: readonly number[]; readonly special: number },
): number {
  const digits = data.reduce((sum, bits) => sum + 4 ** (bits - special), 0);
  const errors = errorDeviation * Math.sqrt((degree * digits) / 12) * Math.sqrt(degree / 2);
  return Math.hypot(errors, roundingDeviation(degree));
}

/** How noise comes through to a score: sums of squares over terms, where the other literals of a term are not zero. */
export interface Gain {
  /** Of noise in the nodes, which literals read with weights. */
  readonly node: number;
  /** Of noise that the factors of a round have by themselves: first the literals, then the products of each round. */
  readonly rounds: readonly number[];
}

type MultipliedTerm = Pick<LaidTerm, 'literals' | 'factors'>;

/** Bits of several records, one record behind the other. */
export interface BitRows {
  readonly truth: Uint8Array;
  readonly bits: number;
}

/** @returns the largest over records and outputs */
export function* largestGain(terms: readonly MultipliedTerm[], rows: BitRows): Steps<Gain> {
  const gains: { node: number; rounds: number[] }[] = [];
  for (let start = 0; start < rows.truth.length; start += rows.bits) {
    yield;
    const record = rows.truth.subarray(start, start + rows.bits);
    const outputs: { node: number; rounds: number[] }[] = [];
    for (const term of terms) {
      const gain = termGain(term, record);
      for (const { output, factor } of term.factors) {
        const sum = (outputs[output] ??= { node: 0, rounds: [] });
        sum.node += gain.node * factor ** 2;
        for (const [round, value] of gain.rounds.entries())
          sum.rounds[round] = (sum.rounds[round] ?? 0) + value * factor ** 2;
      }
    }
    gains.push(...outputs.filter((gain) => typeof gain === 'object'));
  }
  const rounds = gains.reduce((most, gain) => Math.max(most, gain.rounds.length), 0);
  const largest = (of: (gain: Gain) => number) => gains.reduce((most, gain) => Math.max(most, of(gain)), 0);
  return {
    node: largest((gain) => gain.node),
    rounds: Array.from({ length: rounds }, (_, round) => largest((gain) => gain.rounds[round] ?? 0)),
  };
}

function termGain({ literals }: MultipliedTerm, record: Uint8Array): Gain {
  let factors = literals.map((literal) => (literal === undefined ? 1 : literalValue(literal, record)));
  const others = othersSquared(factors);
  const node = others.reduce((sum, square, index) => sum + square * squaredWeights(literals[index]), 0);
  const rounds: number[] = [others.reduce((sum, square) => sum + square, 0)];
  while (factors.length > 1) {
    factors = factors.filter((_, index) => index % 2 === 0).map((value, pair) => value * (factors[2 * pair + 1] ?? 1));
    rounds.push(othersSquared(factors).reduce((sum, square) => sum + square, 0));
  }
  return { node, rounds };
}

/** For each factor the product of the others, squared. */
function othersSquared(factors: readonly number[]): number[] {
  return factors.map((_, index) =>
    factors.reduce((product, value, other) => (other === index ? product : product * value * value), 1),
  );
}

function squaredWeights(literal: Literal | undefined): number {
  return [...(literal?.weights.values() ?? [])].reduce((sum, weight) => sum + weight * weight, 0);
}

function literalValue({ constant, weights }: Literal, record: Uint8Array): number {
  let value = constant;
  for (const [bit, weight] of weights) if (record[bit] === 1) value += weight;
  return value;
}
