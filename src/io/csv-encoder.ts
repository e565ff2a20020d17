import { stringify } from 'csv-stringify/sync';
import type { Cell } from '../core/table/rows.ts';
import type { TableColumn, TableEncoder } from './table-encoder.ts';

/** Beyond what RFC 4180 asks for: other delimiters, so that no reader that guesses the delimiter is misled, and lone line ends and marks. */
const mustQuote = /[\r\n;\t|\ufeff]/u;

/**
 * Comma, LF, quotes where needed, UTF-8. Numbers are the shortest text that reads back to the same float64 (NaN and Infinity as these words);
 * a missing value is an empty cell, which in a table of one column is written "" so that no line is blank.
 */
export function csvEncoder(columns: readonly TableColumn[]): TableEncoder {
  const alone = columns.length === 1;
  const encode = (rows: readonly (readonly Cell[])[]): string =>
    stringify(
      rows.map((row) => row.map(cellText)),
      { quoted_match: mustQuote, quoted_empty: alone },
    );
  return { begin: () => encode([columns.map(({ name }) => name)]), rows: encode, end: () => '' };
}

function cellText(cell: Cell): string {
  if (cell === null) return '';
  return Object.is(cell, -0) ? '-0' : String(cell);
}
