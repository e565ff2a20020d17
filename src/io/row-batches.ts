import { AppError } from '../core/error.ts';
import type { Cell, RowBatch } from '../core/table/rows.ts';

/** Rows as they fall out of a parser, in order. */
export interface RowBlock {
  readonly rows: readonly (readonly Cell[])[];
  readonly lines: readonly number[];
}

const mostRows = 4096;
const mostCells = 128 * 1024;

/** How many rows of this width make a batch: 4,096, fewer where rows are wide, so that a batch stays within a few MB. */
export function batchRows(width: number): number {
  return Math.max(1, Math.min(mostRows, Math.floor(mostCells / Math.max(1, width))));
}

/** Cuts and joins blocks of any size into batches of `batchRows(width)`; the last one is shorter. */
export async function* toBatches(
  blocks: AsyncIterable<RowBlock>,
  width: number,
): AsyncGenerator<RowBatch, void, undefined> {
  const size = batchRows(width);
  let firstRow = 0;
  let rows: (readonly Cell[])[] = [];
  let lines: number[] = [];
  for await (const block of blocks) {
    for (const [index, row] of block.rows.entries()) {
      rows.push(row);
      lines.push(block.lines[index] ?? 0);
      if (rows.length < size) continue;
      yield { firstRow, rows, lines };
      firstRow += size;
      rows = [];
      lines = [];
    }
  }
  if (rows.length > 0) yield { firstRow, rows, lines };
}

/**
 * @throws {AppError} data.duplicate-column: two columns share a name, so that names no longer tell them apart; data.unreadable: no column has a name
 */
export function checkHeader(header: readonly string[], file: string): void {
  if (header.every((name) => name.trim() === '')) {
    const hint = 'The first line must name the columns.';
    throw new AppError('data.unreadable', `Cannot read ${file} as a table: no column has a name.`, {
      file,
      line: 1,
      hint,
    });
  }
  const seen = new Set<string>();
  for (const name of header) {
    if (seen.has(name)) {
      const says = name === '' ? 'two columns have no name' : `the column "${name}" occurs twice`;
      throw new AppError('data.duplicate-column', `Cannot read ${file}: ${says}.`, {
        file,
        line: 1,
        column: name,
        hint: 'Give every column its own name.',
      });
    }
    seen.add(name);
  }
}

/** The error of a file without data rows. */
export function emptyTable(file: string): AppError {
  return new AppError('data.empty', `${file} holds no rows.`, {
    file,
    hint: 'Give a file with a header and at least one row.',
  });
}
