import { AppError } from '../core/error.ts';
import type { Cell } from '../core/table/rows.ts';
import { openAtomicFile } from './atomic.ts';
import { csvEncoder } from './csv-encoder.ts';
import { jsonlEncoder } from './jsonl-encoder.ts';
import { parquetEncoder } from './parquet-encoder.ts';
import type { TableColumn, TableEncoder } from './table-encoder.ts';

/** A table that exists under its name only once it is whole. */
export interface TableFile {
  /** Appends rows of one cell a column; calls must be awaited one after the other: that is the backpressure. */
  write(rows: readonly (readonly Cell[])[]): Promise<void>;
  /** Finishes the file and gives it its name, replacing an older one. */
  commit(): Promise<void>;
  /** Removes what was written; does nothing after `commit`. */
  discard(): Promise<void>;
}

const encoders: readonly (readonly [RegExp, (columns: readonly TableColumn[]) => TableEncoder])[] = [
  [/\.csv$/iu, csvEncoder],
  [/\.parquet$/iu, parquetEncoder],
  [/\.jsonl$/iu, jsonlEncoder],
];

/** Whether a table can be written there, asked before long work. @throws {AppError} as {@link openTableFile} */
export async function checkTableFile(path: string): Promise<void> {
  encoderOf(path);
  const file = await openAtomicFile(path);
  await file.discard();
}

/**
 * Opens a table for writing; the extension chooses the format: .csv, .parquet or .jsonl. Text is written as it came: a cell that begins
 * with "=" stays as it is, though a spreadsheet would run it as a formula.
 * @throws {AppError} usage.arguments (another extension), io.*; after a failed write nothing is left
 */
export async function openTableFile(path: string, columns: readonly TableColumn[]): Promise<TableFile> {
  const encoder = encoderOf(path)(columns);
  const file = await openAtomicFile(path);
  const append = async (bytes: Uint8Array | string): Promise<void> => {
    if (bytes.length > 0) await file.write(bytes);
  };
  await append(encoder.begin());
  return {
    async write(rows) {
      if (rows.some((row) => row.length !== columns.length)) {
        throw new AppError('internal', `A row for ${path} has not one cell a column.`, { file: path });
      }
      await append(encoder.rows(rows));
    },
    async commit() {
      await append(encoder.end());
      await file.commit();
    },
    discard: () => file.discard(),
  };
}

function encoderOf(path: string): (columns: readonly TableColumn[]) => TableEncoder {
  const encode = encoders.find(([pattern]) => pattern.test(path))?.[1];
  if (encode !== undefined) return encode;
  throw new AppError('usage.arguments', `Cannot write a table to ${path}: unknown extension.`, {
    file: path,
    hint: 'Name a .csv, .parquet or .jsonl file.',
  });
}
