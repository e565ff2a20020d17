import {
  type AsyncBuffer,
  type DecodedArray,
  type FileMetaData,
  type RowGroup,
  type SchemaTree,
  parquetMetadataAsync,
  parquetSchema,
} from 'hyparquet';
import type { FileHandle } from 'node:fs/promises';
import { AppError } from '../core/error.ts';
import type { Cell, RowBatch, RowSource } from '../core/table/rows.ts';
import { toIoError } from './errors.ts';
import { openForReading } from './file-bytes.ts';
import { decodeColumn } from './parquet-column.ts';
import { batchRows, checkHeader, emptyTable } from './row-batches.ts';

/** One column of one row group: numbers packed (8 bytes a value, missing ones marked), everything else as cells. */
type Column = { readonly values: Float64Array; readonly missing: Uint8Array } | { readonly cells: readonly Cell[] };

/** A row group of more rows could not be held in memory. */
const mostGroupRows = 16n * 1024n * 1024n;

interface Opened {
  readonly file: string;
  readonly buffer: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly schema: SchemaTree;
  readonly header: readonly string[];
}

/**
 * A Parquet file (snappy, gzip, zstd, brotli, lz4 or plain) of flat columns, decoded one row group at a time. Timestamps come as ISO 8601 text.
 * Memory: the decoded row group, 9 bytes a number.
 * @throws {AppError} data.unreadable (no Parquet, damaged, nested or binary columns), data.empty, data.duplicate-column, io.*
 */
export async function openParquet(file: string, signal: AbortSignal): Promise<RowSource> {
  await using handle = await openForReading(file);
  const { header, metadata } = await readSchema(file, handle, signal);
  checkHeader(header, file);
  const rowCount = Number(metadata.num_rows);
  if (rowCount === 0) throw emptyTable(file);
  return { file, header, rowCount, batches: (running) => batches(file, running) };
}

async function* batches(file: string, signal: AbortSignal): AsyncGenerator<RowBatch, void, undefined> {
  await using handle = await openForReading(file);
  const opened = await readSchema(file, handle, signal);
  const size = batchRows(opened.header.length);
  let groupStart = 0;
  for (const group of opened.metadata.row_groups) {
    const rows = Number(group.num_rows);
    const columns: Column[] = [];
    for (const name of opened.header) columns.push(await readColumn(opened, { name, group, rows }, signal));
    for (let first = 0; first < rows; first += size) {
      signal.throwIfAborted();
      yield { firstRow: groupStart + first, rows: rowsOf(columns, first, Math.min(rows, first + size)) };
    }
    groupStart += rows;
  }
}

async function readSchema(file: string, handle: FileHandle, signal: AbortSignal): Promise<Opened> {
  const buffer = await bufferOf(file, handle, signal);
  // A damaged footer may hold anything in any place, so that even looking at it belongs to the decoding.
  const { metadata, schema } = await readable({ file }, signal, async () => {
    const footer = await parquetMetadataAsync(buffer);
    const tree = parquetSchema(footer);
    if (!isPlausible(footer, tree.children.length, buffer.byteLength))
      throw new Error('the sizes in the footer do not agree');
    return { metadata: footer, schema: tree };
  });
  for (const { element, children } of schema.children) {
    if (children.length > 0 || element.repetition_type === 'REPEATED')
      throw unsupported(file, element.name, 'nested values');
  }
  return { file, buffer, metadata, schema, header: schema.children.map(({ element }) => element.name) };
}

async function bufferOf(file: string, handle: FileHandle, signal: AbortSignal): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  return {
    byteLength: size,
    async slice(start, end = size) {
      signal.throwIfAborted();
      if (start < 0 || end > size || end < start) throw new RangeError('a range outside the file');
      const bytes = new Uint8Array(end - start);
      for (let done = 0; done < bytes.length;) {
        const { bytesRead } = await handle
          .read(bytes, done, bytes.length - done, start + done)
          .catch((error: unknown) => {
            throw toIoError(error, 'read', file);
          });
        if (bytesRead === 0) throw new RangeError('the file has become shorter');
        done += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

/** Runs a step of the decoder; whatever it throws on damaged bytes is the file's fault. */
async function readable<T>(
  place: { readonly file: string; readonly column?: string },
  signal: AbortSignal,
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof AppError) throw cause;
    throw unreadable(place, cause);
  }
}

function unreadable(place: { readonly file: string; readonly column?: string }, cause: unknown): AppError {
  const hint = 'It may be damaged or cut short; write it again, or save the table as CSV.';
  return new AppError('data.unreadable', `Cannot read ${place.file} as Parquet.`, { ...place, hint, cause });
}

/** What a footer says decides what is allocated, so it must agree with itself and with the file before anything is decoded. */
function isPlausible({ row_groups: groups, num_rows: rows }: FileMetaData, columns: number, bytes: number): boolean {
  if (
    columns === 0 ||
    typeof rows !== 'bigint' ||
    rows < 0n ||
    groups.reduce((sum, group) => sum + group.num_rows, 0n) !== rows
  )
    return false;
  return groups.every((group) => {
    if (group.num_rows < 0n || group.num_rows > mostGroupRows || group.columns.length < columns) return false;
    return group.columns.every(
      ({ meta_data: part }) =>
        part !== undefined && part.total_compressed_size >= 0n && part.total_compressed_size <= bytes,
    );
  });
}

async function readColumn(
  { file, buffer, schema }: Opened,
  part: { readonly name: string; readonly group: RowGroup; readonly rows: number },
  signal: AbortSignal,
): Promise<Column> {
  const { name, group, rows } = part;
  const chunks = await readable({ file, column: name }, signal, async () => {
    const metadata = group.columns.find((column) => column.meta_data?.path_in_schema[0] === name)?.meta_data;
    const child = schema.children.find(({ element }) => element.name === name);
    if (metadata === undefined || child === undefined) throw new Error('a row group without the column');
    // Some writers say 0 where there is no dictionary.
    const start = Number(metadata.dictionary_page_offset) || Number(metadata.data_page_offset);
    const bytes = await buffer.slice(start, start + Number(metadata.total_compressed_size));
    return placed(decodeColumn({ bytes, metadata, schemaPath: [schema, child], rows }));
  });
  if (chunks.reduce((sum, { data }) => sum + data.length, 0) !== rows) {
    throw new AppError('data.unreadable', `Cannot read ${file} as Parquet: column "${name}" has too few values.`, {
      file,
      column: name,
    });
  }
  return packNumbers(chunks, rows) ?? { cells: toCells(chunks, { file, name, rows }) };
}

/** With the row at which each begins. */
function placed(pages: readonly DecodedArray[]): readonly { readonly rowStart: number; readonly data: DecodedArray }[] {
  let next = 0;
  return pages.map((data) => {
    const rowStart = next;
    next += data.length;
    return { rowStart, data };
  });
}

function packNumbers(
  chunks: readonly { readonly rowStart: number; readonly data: DecodedArray }[],
  rows: number,
): Column | undefined {
  const values = new Float64Array(rows);
  const missing = new Uint8Array(rows);
  for (const { rowStart, data } of chunks) {
    for (let index = 0; index < data.length; index += 1) {
      const value: unknown = data[index];
      if (typeof value === 'number') values[rowStart + index] = value;
      else if (value === null || value === undefined) missing[rowStart + index] = 1;
      else return undefined;
    }
  }
  return { values, missing };
}

function toCells(
  chunks: readonly { readonly rowStart: number; readonly data: DecodedArray }[],
  at: { readonly file: string; readonly name: string; readonly rows: number },
): readonly Cell[] {
  const cells: Cell[] = new Array<Cell>(at.rows).fill(null);
  for (const { rowStart, data } of chunks) {
    for (let index = 0; index < data.length; index += 1) {
      const value: unknown = data[index];
      cells[rowStart + index] = toCell(value, at);
    }
  }
  return cells;
}

function toCell(value: unknown, at: { readonly file: string; readonly name: string }): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  throw unsupported(at.file, at.name, value instanceof Uint8Array ? 'binary values' : 'nested values');
}

function rowsOf(columns: readonly Column[], first: number, end: number): readonly (readonly Cell[])[] {
  const rows: Cell[][] = [];
  for (let row = first; row < end; row += 1) {
    rows.push(
      columns.map((column) =>
        'cells' in column
          ? (column.cells[row] ?? null)
          : column.missing[row] === 1
            ? null
            : (column.values[row] ?? null),
      ),
    );
  }
  return rows;
}

function unsupported(file: string, column: string, what: string): AppError {
  const hint = 'Write numbers or text, one column a feature.';
  return new AppError('data.unreadable', `Cannot read ${file}: column "${column}" holds ${what}.`, {
    file,
    column,
    hint,
  });
}
