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

/** Bits a digit for the fewest additions. */
function digitWidth(terms: readonly Term[]): number {
  const largest = terms.reduce((most, { factor }) => Math.max(most, Math.abs(factor)), 1);
  const bits = Math.floor(Math.log2(largest)) + 2;
  let best = { width: 1, cost: Infinity };
  for (let width = 2; width <= Math.min(bits, 10); width += 1) {
    const windows = Math.ceil(bits / width);
    const cost = windows * (terms.length * (1 - 2 ** -width) + Math.min(2 ** width, 3 * terms.length)) + bits;
    if (cost < best.cost) best = { width, cost };
  }
  return best.width;
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
      let digit = rest % base;
      if (digit >= base / 2) digit -= base;
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
