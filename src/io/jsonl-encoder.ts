import type { Cell } from '../core/table/rows.ts';
import type { TableColumn, TableEncoder } from './table-encoder.ts';

/** One object a line. JSON has no NaN and no Infinity: they become null, as missing values do. */
export function jsonlEncoder(columns: readonly TableColumn[]): TableEncoder {
  const keys = columns.map(({ name }) => `${JSON.stringify(name)}:`);
  const line = (row: readonly Cell[]): string =>
    `{${row.map((cell, index) => (keys[index] ?? '') + valueText(cell)).join(',')}}\n`;
  return { begin: () => '', rows: (rows) => rows.map(line).join(''), end: () => '' };
}

function valueText(cell: Cell): string {
  if (typeof cell === 'bigint') return String(cell);
  return Object.is(cell, -0) ? '-0' : JSON.stringify(cell);
}
