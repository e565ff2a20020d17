import type { RowSource } from '../core/table/rows.ts';
import { AppError } from '../core/error.ts';
import { openCsv } from './csv.ts';
import { openForReading } from './file-bytes.ts';
import { openJsonl } from './jsonl.ts';
import { openParquet } from './parquet.ts';

export { digestFile } from './file-bytes.ts';

type Format = 'csv' | 'jsonl' | 'parquet';

const extensions: readonly (readonly [RegExp, Format])[] = [
  [/\.(?:csv|tsv|tab|txt|psv)$/iu, 'csv'],
  [/\.(?:jsonl|ndjson)$/iu, 'jsonl'],
  [/\.(?:parquet|pq)$/iu, 'parquet'],
];

/** Zip (and with it .xlsx) and the older Office format. */
const archiveStarts = ['PK\u0003\u0004', '\u00d0\u00cf\u0011\u00e0'];

const openers = { csv: openCsv, jsonl: openJsonl, parquet: openParquet } as const;

/**
 * Opens a table by its extension, or by its first bytes where the extension says nothing: CSV, JSONL or Parquet. The header and the existence of a
 * first row are checked here, every row when `batches` comes to it; each call of `batches` reads the file from the start and holds it open only meanwhile.
 * @throws {AppError} data.unreadable, data.empty, data.duplicate-column, io.*; when `signal` aborts, its reason
 */
export async function openDataFile(path: string, { signal }: { readonly signal: AbortSignal }): Promise<RowSource> {
  signal.throwIfAborted();
  const start = await firstBytes(path);
  const format = extensions.find(([pattern]) => pattern.test(path))?.[1] ?? sniff(start);
  if (format !== 'parquet' && start.startsWith('PAR1')) return await openParquet(path, signal);
  if (archiveStarts.some((magic) => start.startsWith(magic))) {
    const hint = 'If it is a spreadsheet, save the sheet as CSV.';
    throw new AppError('data.unreadable', `Cannot read ${path} as a table: it is an archive or a spreadsheet.`, {
      file: path,
      hint,
    });
  }
  return await openers[format](path, signal);
}

/** The first bytes, one character each. */
async function firstBytes(path: string): Promise<string> {
  await using handle = await openForReading(path);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
  return buffer.toString('latin1', 0, bytesRead);
}

function sniff(start: string): Format {
  if (start.startsWith('PAR1')) return 'parquet';
  // An array of objects is no JSONL, and its reader says so.
  return /^(?:\u00ef\u00bb\u00bf)?\s*(?:\[\s*)?\{/u.test(start) ? 'jsonl' : 'csv';
}
