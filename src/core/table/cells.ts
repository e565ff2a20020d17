import type { Cell } from './rows.ts';

const missingWords = new Set(['', 'na', 'nan', 'null']);
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/iu;

/** Whether a cell is missing: null, nothing or spaces, NA, NaN or null in any letter case, or the number NaN. */
export function isMissing(cell: Cell): boolean {
  if (cell === null) return true;
  if (typeof cell === 'string') return isMissingText(cell);
  return Number.isNaN(cell);
}

/**
 * A cell as a number: NaN where it is missing, Infinity (of no particular sign) where it is no finite number. Text is decimal, with
 * an optional sign, point and exponent, and spaces around: no hexadecimal, no separators of thousands, no infinity.
 */
export function readNumber(cell: Cell): number {
  if (typeof cell === 'string') return readDecimal(cell);
  if (cell === null) return Number.NaN;
  return Number(cell); // a boolean becomes 0 or 1; an integer beyond 2^53 the nearest double
}

function readDecimal(text: string): number {
  // Number() reads all of decimal notation, and besides it '' and spaces (0), 0x, 0o and 0b: none of them starts as below.
  const value = startsAsDecimal(text) ? Number(text) : Number.NaN;
  return Number.isNaN(value) ? readUnusual(text) : value;
}

const digit0 = 48;
const digit9 = 57;

function startsAsDecimal(text: string): boolean {
  const first = text.charCodeAt(0);
  if (first > digit0) return first <= digit9;
  if (first === digit0) return text.length === 1 || !(text.charCodeAt(1) > digit9);
  return first === 45 || first === 46; // minus and point: -0x1 is no number to Number() either
}

/** Text with spaces before, a plus sign, 0e5, words and all that is wrong: off the fast path. */
function readUnusual(text: string): number {
  const trimmed = text.trim();
  if (decimal.test(trimmed)) return Number(trimmed);
  return isMissingText(trimmed) ? Number.NaN : Number.POSITIVE_INFINITY;
}

function isMissingText(text: string): boolean {
  return missingWords.has(text.trim().toLowerCase());
}
