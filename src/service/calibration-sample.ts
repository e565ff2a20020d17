import { isMissing, readNumber } from '../core/table/cells.ts';
import type { Cell, RowSource } from '../core/table/rows.ts';

/** What a converter must know of a table, and some rows to try it on. */
export interface CalibrationSample {
  readonly file: string;
  readonly header: readonly string[];
  /** For each column whether any of its cells is text. */
  readonly isText: readonly boolean[];
  /** The first rows in which no text is missing, fractions moved a little. */
  readonly rows: readonly (readonly Cell[])[];
}

const mostRows = 200;

/** Reads the whole table once: a column of numbers may hold a word in its last row. */
export async function sampleCalibration(source: RowSource, signal: AbortSignal): Promise<CalibrationSample> {
  const { file, header } = source;
  const isText = header.map(() => false);
  const first: (readonly Cell[])[] = [];
  for await (const { rows } of source.batches(signal)) {
    for (const row of rows) {
      for (const [column, cell] of row.entries()) isText[column] ||= readNumber(cell) === Number.POSITIVE_INFINITY;
      // Some of them may turn out to lack a text.
      if (first.length < 4 * mostRows) first.push(row);
    }
  }
  const whole = first.filter((row) => !row.some((cell, column) => isText[column] === true && isMissing(cell)));
  const rows = whole
    .slice(0, mostRows)
    .map((row) => row.map((cell, column) => (isText[column] === true ? cell : moved(cell))));
  return { file, header, isText, rows };
}

/** Trees are cut at values of their training rows, exactly where a scaler that rounds otherwise sends a row the other way. */
function moved(cell: Cell): Cell {
  const value = readNumber(cell);
  return Number.isFinite(value) && !Number.isInteger(value) ? value * (1 + 1e-4) : cell;
}

/** For a converter's standard input: columns and rows as they stand, null for a missing cell. */
export function sampleJson({ header, isText, rows }: CalibrationSample): string {
  const columns = header.map((name, column) => ({ name, text: isText[column] === true }));
  const cells = rows.map((row) => row.map((cell) => (isMissing(cell) ? null : plainCell(cell))));
  return JSON.stringify({ columns, rows: cells });
}

function plainCell(cell: Cell): string | number | null {
  return typeof cell === 'bigint' || typeof cell === 'boolean' ? Number(cell) : cell;
}
