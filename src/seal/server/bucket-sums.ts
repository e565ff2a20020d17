import type { Ciphertext } from 'node-seal';
import { cheapestDigits, signedDigit } from '../../core/plan/digits.ts';
import type { HeContext } from '../context.ts';
import { leavesSomething } from '../library.ts';

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
 * @returns owned; undefined where there are no terms, or equal ones cancel
 */
export function integerCombination(he: HeContext, terms: readonly Term[]): Ciphertext | undefined {
  const { width } = cheapestDigits(terms.map(({ factor }) => factor));
  const windows = digitWindows(terms, width);
  using total = emptySum(he);
  for (const window of windows.toReversed()) {
    for (let bit = 0; bit < width; bit += 1) total.double();
    using sum = windowSum(he, window);
    if (sum !== undefined) total.add(sum);
  }
  return total.take();
}

/** A sum in progress, which is empty at first and wherever its terms cancel. */
interface RunningSum extends Disposable {
  /** Borrowed. */
  readonly value: Ciphertext | undefined;
  add(summand: Ciphertext, negative?: boolean): void;
  double(): void;
  /** @returns owned; the sum is empty again */
  take(): Ciphertext | undefined;
}

function emptySum(he: HeContext): RunningSum {
  let value: Ciphertext | undefined;
  return {
    get value() {
      return value;
    },
    add: (summand, negative = false) => {
      if (value === undefined) {
        value = summand.copy();
        if (negative) he.evaluator.negateInplace(value);
        return;
      }
      const sum = value;
      const isLeft = leavesSomething(() => {
        if (negative) he.evaluator.subInplace(sum, summand);
        else he.evaluator.addInplace(sum, summand);
      });
      if (isLeft) return;
      value.delete();
      value = undefined;
    },
    double: () => {
      if (value !== undefined) he.evaluator.addInplace(value, value);
    },
    take: () => {
      const taken = value;
      value = undefined;
      return taken;
    },
    [Symbol.dispose]: () => {
      value?.delete();
    },
  };
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
  using running = emptySum(he);
  using total = emptySum(he);
  for (const [index, digit] of digits.entries()) {
    for (const { ciphertext, negative } of window.get(digit) ?? []) running.add(ciphertext, negative);
    if (running.value !== undefined)
      addTimes(he, total, { summand: running.value, times: digit - (digits[index + 1] ?? 0) });
  }
  return total.take();
}

/** total += times x summand, by doubling. */
function addTimes(
  he: HeContext,
  total: RunningSum,
  { summand, times }: { readonly summand: Ciphertext; readonly times: number },
): void {
  if (times <= 3) {
    for (let time = 0; time < times; time += 1) total.add(summand);
    return;
  }
  using doubled = summand.copy();
  for (let rest = times; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) total.add(doubled);
    if (rest > 1) he.evaluator.addInplace(doubled, doubled);
  }
}
