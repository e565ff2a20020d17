import { AppError } from '../core/error.ts';
import type { RowBatch, RowSource } from '../core/table/rows.ts';
import { type CsvBlock, csvSplitter } from './csv-splitter.ts';
import { checkHeader, emptyTable, toBatches } from './row-batches.ts';
import { textChunks } from './text-chunks.ts';

/**
 * A CSV file: delimiter , ; tab or | (seen from the header) or what a first line `sep=…` says, RFC 4180 quotes, LF, CRLF or CR, UTF-8 or UTF-16 with a byte order mark.
 * Cells are text as it stands; what a missing value looks like is the reader's business. Lines are those on which rows begin.
 * @throws {AppError} data.unreadable, data.empty, data.duplicate-column, data.ragged-row (from `batches`), io.*
 */
export async function openCsv(file: string, signal: AbortSignal): Promise<RowSource> {
  const header = await readHeader(file, signal);
  checkHeader(header, file);
  return {
    file,
    header,
    batches: (running): AsyncIterable<RowBatch> => toBatches(dataRows(file, header.length, running), header.length),
  };
}

async function* records(file: string, signal: AbortSignal): AsyncGenerator<CsvBlock, void, undefined> {
  const splitter = csvSplitter(file);
  for await (const text of textChunks(file, signal)) yield splitter.push(text);
  yield splitter.end();
}

/** The first record, once a second one proves that there is data. */
async function readHeader(file: string, signal: AbortSignal): Promise<readonly string[]> {
  let header: readonly string[] | undefined;
  for await (const { rows } of records(file, signal)) {
    const first = header === undefined ? 0 : -1;
    header ??= rows[0];
    if (header !== undefined && rows.length > first + 1) return header;
  }
  throw emptyTable(file);
}

async function* dataRows(file: string, width: number, signal: AbortSignal): AsyncGenerator<CsvBlock, void, undefined> {
  let before = -1;
  for await (const block of records(file, signal)) {
    if (block.rows.length === 0) continue;
    const { rows, lines } = before < 0 ? { rows: block.rows.slice(1), lines: block.lines.slice(1) } : block;
    before = Math.max(0, before);
    const ragged = rows.findIndex((row) => row.length !== width);
    if (ragged >= 0)
      throw raggedRow(file, { row: before + ragged + 1, line: lines[ragged], cells: rows[ragged]?.length ?? 0, width });
    before += rows.length;
    yield { rows, lines };
  }
}

function raggedRow(
  file: string,
  at: { readonly row: number; readonly line: number | undefined; readonly cells: number; readonly width: number },
): AppError {
  const message = `Row ${String(at.row)} of ${file} (line ${String(at.line)}) has ${String(at.cells)} cells, the header ${String(at.width)}.`;
  return new AppError('data.ragged-row', message, {
    file,
    row: at.row,
    line: at.line,
    hint: 'Give every row one cell a column; quote cells that hold the delimiter.',
  });
}
