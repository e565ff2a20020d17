import type { Ciphertext } from 'node-seal';
import type { HeContext } from '../context.ts';

/** One term of an integer combination: `of()` gives the ciphertext, borrowed. */
export interface Term {
  readonly ciphertext: Ciphertext;
  /** A nonzero integer. */
  readonly factor: number;
}

/**
 * Adds up integers times ciphertexts by additions alone (the bucket method of multi-scalar multiplication, Pippenger 1976): factors are
 * written in signed digits; terms of equal digit are added first, then the sums are added up from the largest digit down, so that each digit
 * counts as often as it says; digits of higher value by doublings. An addition costs a tenth of a plaintext product.
 * @returns owned; undefined where there are no terms
 */
export function integerCombination(he: HeContext, terms: readonly Term[]): Ciphertext | undefined {
  const width = digitWidth(terms);
  const windows = digitWindows(terms, width);
  let total: Ciphertext | undefined;
  for (const window of windows.toReversed()) {
    if (total !== undefined) for (let bit = 0; bit < width; bit += 1) he.evaluator.addInplace(total, total);
    using sum = windowSum(he, window);
    if (sum === undefined) continue;
    if (total === undefined) total = sum.copy();
    else he.evaluator.addInplace(total, sum);
  }
  return total;
}

/** What an addition of a term costs, which streams its ciphertext from memory, over one of two sums that are in the cache. */
const termCost = 2;
/** Wider digits want more buckets than rows have terms. */
const widestDigit = 12;

/** Bits a digit for the cheapest sum, counted out. */
function digitWidth(terms: readonly Term[]): number {
  const largest = terms.reduce((most, { factor }) => Math.max(most, Math.abs(factor)), 1);
  const bits = Math.floor(Math.log2(largest)) + 2;
  let best = { width: 1, cost: Infinity };
  for (let width = 2; width <= Math.min(bits, widestDigit); width += 1) {
    const cost = costOf(terms, { width, windows: Math.ceil(bits / width) });
    if (cost < best.cost) best = { width, cost };
  }
  return best.width;
}

function costOf(terms: readonly Term[], shape: { readonly width: number; readonly windows: number }): number {
  const { width, windows } = shape;
  const base = 2 ** width;
  const used = Array.from({ length: windows + 1 }, () => new Uint8Array(base / 2 + 1));
  let cost = (windows - 1) * width;
  for (const { factor } of terms) {
    let rest = Math.abs(factor);
    for (let place = 0; rest !== 0; place += 1) {
      const digit = signedDigit(rest, base);
      rest = (rest - digit) / base;
      if (digit === 0) continue;
      cost += termCost;
      const marks = used[place];
      if (marks !== undefined) marks[Math.abs(digit)] = 1;
    }
  }
  for (const marks of used) {
    let below = 0;
    for (const [digit, mark] of marks.entries()) {
      if (mark === 0) continue;
      cost += timesCost(digit - below);
      below = digit;
    }
  }
  return cost;
}

/** Additions of {@link addTimes}. */
function timesCost(times: number): number {
  return times <= 3 ? times : 2 * Math.log2(times);
}

/** The lowest digit of a number, in [-base / 2, base / 2). */
function signedDigit(value: number, base: number): number {
  const digit = value % base;
  return digit >= base / 2 ? digit - base : digit;
}

type Window = Map<number, { readonly ciphertext: Ciphertext; readonly negative: boolean }[]>;

const emptyWindow = (): Window => new Map();

/** Digits in [-2^(width-1), 2^(width-1)), lowest window first: by magnitude, the terms that have it. */
function digitWindows(terms: readonly Term[], width: number): Window[] {
  const base = 2 ** width;
  const windows: Window[] = [];
  for (const { ciphertext, factor } of terms) {
    let rest = Math.abs(factor);
    for (let place = 0; rest !== 0; place += 1) {
      const digit = signedDigit(rest, base);
      rest = (rest - digit) / base;
      if (digit === 0) continue;
      const window = (windows[place] ??= new Map());
      const bucket = window.get(Math.abs(digit)) ?? [];
      bucket.push({ ciphertext, negative: digit < 0 !== factor < 0 });
      window.set(Math.abs(digit), bucket);
    }
  }
  return Array.from(windows, (window: Window | undefined) => window ?? emptyWindow());
}

/** Sum over digits d of d times the bucket's sum. @returns owned */
function windowSum(he: HeContext, window: Window): Ciphertext | undefined {
  const digits = [...window.keys()].sort((a, b) => b - a);
  if (digits.length === 0) return undefined;
  using unwind = new DisposableStack();
  const running = unwind.use(new he.seal.Ciphertext());
  const total = new he.seal.Ciphertext();
  for (const [index, digit] of digits.entries()) {
    for (const [position, { ciphertext, negative }] of (window.get(digit) ?? []).entries()) {
      if (index === 0 && position === 0) {
        if (negative) he.evaluator.negate(ciphertext, running);
        else running.assign(ciphertext);
      } else if (negative) he.evaluator.subInplace(running, ciphertext);
      else he.evaluator.addInplace(running, ciphertext);
    }
    addTimes(he, total, { summand: running, times: digit - (digits[index + 1] ?? 0), first: index === 0 });
  }
  return total;
}

/** total += times x summand, by doubling. */
function addTimes(
  he: HeContext,
  total: Ciphertext,
  what: { readonly summand: Ciphertext; readonly times: number; readonly first: boolean },
): void {
  let { first } = what;
  const add = (summand: Ciphertext): void => {
    if (first) total.assign(summand);
    else he.evaluator.addInplace(total, summand);
    first = false;
  };
  if (what.times <= 3) {
    for (let time = 0; time < what.times; time += 1) add(what.summand);
    return;
  }
  using doubled = what.summand.copy();
  for (let rest = what.times; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) add(doubled);
    if (rest > 1) he.evaluator.addInplace(doubled, doubled);
  }
}
