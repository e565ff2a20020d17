/** What an addition of a term costs, which streams its ciphertext from memory, over one of two sums that are in the cache. */
const termCost = 2;
/** Wider digits want more buckets than rows have terms. */
const widestDigit = 12;

export interface Digits {
  /** Bits of a digit. */
  readonly width: number;
  /** Of a sum of so many terms, in additions of ciphertexts that are in the cache. */
  readonly additions: number;
}

/** The digits for the cheapest sum of integers times ciphertexts (bucket-sums.ts), counted out. @param factors not zero */
export function cheapestDigits(factors: readonly number[]): Digits {
  const largest = factors.reduce((most, factor) => Math.max(most, Math.abs(factor)), 1);
  const bits = Math.floor(Math.log2(largest)) + 2;
  let best = { width: 1, additions: Infinity };
  for (let width = 2; width <= Math.min(bits, widestDigit); width += 1) {
    const additions = additionsOf(factors, { width, windows: Math.ceil(bits / width) });
    if (additions < best.additions) best = { width, additions };
  }
  return best;
}

function additionsOf(factors: readonly number[], shape: { readonly width: number; readonly windows: number }): number {
  const { width, windows } = shape;
  const base = 2 ** width;
  const used = Array.from({ length: windows + 1 }, () => new Uint8Array(base / 2 + 1));
  let cost = (windows - 1) * width;
  for (const factor of factors) {
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

/** Additions that multiply a sum by a small number. */
function timesCost(times: number): number {
  return times <= 3 ? times : 2 * Math.log2(times);
}

/** The lowest digit of a number, in [-base / 2, base / 2). */
export function signedDigit(value: number, base: number): number {
  const digit = value % base;
  return digit >= base / 2 ? digit - base : digit;
}
