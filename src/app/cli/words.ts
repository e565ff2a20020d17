import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Progress } from '../../core/progress.ts';

/** Path as seen from the current folder, unless that leads out of it. */
export function relativePath(path: string): string {
  const absolute = path.startsWith('file://') ? fileURLToPath(path) : path;
  const short = relative(process.cwd(), absolute);
  return short === '' ? '.' : short.startsWith('..') || short.length >= absolute.length ? absolute : short;
}

/** "512 B", "15.6 kB", "6.88 MB": three digits, powers of a thousand. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? String(value) : threeDigits(value)} ${units[unit] ?? ''}`;
}

/** "4.20 µs", "0.31 ms", "12.4 ms", "3.20 s", "4 min 05 s". */
export function secondsText(seconds: number): string {
  if (seconds > 0 && seconds < 0.9995e-4) return `${threeDigits(seconds * 1e6)} µs`;
  if (seconds < 0.9995) return `${threeDigits(seconds * 1000)} ms`;
  if (seconds < 99.95) return `${threeDigits(seconds)} s`;
  const whole = Math.round(seconds);
  return `${String(Math.floor(whole / 60))} min ${String(whole % 60).padStart(2, '0')} s`;
}

function threeDigits(value: number): string {
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

/** "1,234,567" */
function countText(count: number): string {
  return count.toLocaleString('en-US');
}

/** "1 query", "3 queries" */
export function amountText(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

export function percentText(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

export function shortId(id: string): string {
  return id.slice(0, 12);
}

export function progressText({ stage, done, total, unit = '' }: Progress): string {
  if (done === undefined) return `${stage} …`;
  const amount = (count: number): string => (unit === 'bytes' ? bytesText(count) : countText(count));
  const what = unit === '' || unit === 'bytes' ? '' : ` ${unit}`;
  if (total === undefined || total === 0) return `${stage}: ${amount(done)}${what}`;
  return `${stage}: ${String(Math.floor((done / total) * 100))} % (${amount(done)} of ${amount(total)}${what})`;
}

export type Cell = string | number;

/** Columns aligned under their headings, numbers to the right. Lines have no blanks at their ends. */
export function tableText(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => widthOf(textOf(line[column])))));
  const isRight = headings.map(
    (_, column) =>
      rows.length > 0 && rows.every((row) => /^[\d.,]+(?: ?(?:%|[kMGT]?B|[mµ]?s))?$/u.test(textOf(row[column]))),
  );
  return lines
    .map((line) =>
      widths
        .map((width, column) => {
          const text = textOf(line[column]);
          const blanks = ' '.repeat(width - widthOf(text));
          return isRight[column] === true ? blanks + text : text + blanks;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function textOf(cell: Cell | undefined): string {
  return typeof cell === 'number' ? countText(cell) : (cell ?? '');
}

function widthOf(text: string): number {
  return Array.from(text).length;
}

/** `name value` lines, values in one column; empty values are left out. */
export function factsText(facts: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...facts.map(([name]) => name.length));
  return facts
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name.padEnd(width)}  ${value}`)
    .join('\n');
}
