import { createContext, Script } from 'node:vm';
import type { ColumnMetaData, DecodedArray, PageHeader, SchemaTree } from 'hyparquet';
import { parquetHeader, readColumn } from 'hyparquet/src/column.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { compressors } from 'hyparquet-compressors';

/** A flat column of one row group, as the file has it. */
export interface ColumnPages {
  /** From its first page's header to its last page's end. */
  readonly bytes: ArrayBuffer;
  readonly metadata: ColumnMetaData;
  /** From the schema's root to the column. */
  readonly schemaPath: SchemaTree[];
  /** Values that it must hold. */
  readonly rows: number;
}

/**
 * Decodes a column in bounded time, whatever its bytes: page headers must agree with what is there, since hyparquet believes them, and what
 * is in the pages is given a multiple of the time that any sound page takes.
 * @returns a page each, in order
 * @throws {Error} damaged pages, and pages whose decoding does not end
 */
export function decodeColumn(pages: ColumnPages): readonly DecodedArray[] {
  return inTime(mostMs(pages), () => {
    const view = new DataView(pages.bytes);
    checkHeaders(view, pages.rows);
    const { metadata, schemaPath, rows } = pages;
    const element = schemaPath.at(-1)?.element;
    if (element === undefined) throw new RangeError('a column without a schema');
    const decoder = {
      ...metadata,
      pathInSchema: metadata.path_in_schema,
      element,
      schemaPath,
      compressors,
      parsers: DEFAULT_PARSERS,
    };
    return readColumn({ view, offset: 0 }, { groupStart: 0, groupRows: rows, selectStart: 0, selectEnd: rows }, decoder)
      .data;
  });
}

/** A hundred thousand values or a megabyte a second, many times slower than decoding is, after five seconds for a machine that hesitates. */
function mostMs({ rows, bytes }: ColumnPages): number {
  return Math.ceil(5000 + rows / 100 + bytes.byteLength / 1000);
}

/** A size that is missing or no number would become the offset of the next header, which then never moves. */
function checkHeaders(view: DataView, rows: number): void {
  const reader = { view, offset: 0 };
  for (let values = 0; values < rows && reader.offset < view.byteLength - 1;) {
    const header = parquetHeader(reader);
    checked(header.uncompressed_page_size, 2 ** 31);
    reader.offset += checked(header.compressed_page_size, view.byteLength - reader.offset);
    values += valuesOf(header, rows - values);
  }
}

/** @returns how many of the column's values the page holds; a dictionary, none */
function valuesOf(header: PageHeader, most: number): number {
  if (header.type === 'DATA_PAGE') return checked(header.data_page_header?.num_values, most);
  if (header.type !== 'DICTIONARY_PAGE') return valuesOfPage2(header, most);
  // A dictionary's value takes a bit or more.
  checked(header.dictionary_page_header?.num_values, 8 * header.uncompressed_page_size);
  return 0;
}

function valuesOfPage2({ data_page_header_v2: page, compressed_page_size: size }: PageHeader, most: number): number {
  const values = checked(page?.num_values, most);
  checked(page?.num_nulls, values);
  checked(page?.definition_levels_byte_length, size);
  checked(page?.repetition_levels_byte_length, size);
  // In a flat column, a value a row.
  if (page?.num_rows !== values) throw new RangeError('a page of other rows than values');
  return values;
}

/** @returns a number that a damaged header may have lost, or something else in its place */
function checked(value: unknown, most: number): number {
  if (!Number.isInteger(value) || Number(value) < 0 || Number(value) > most)
    throw new RangeError('a page header that does not agree with its column');
  return Number(value);
}

const room: { step?: () => void } = {};
const context = createContext(room);
const call = new Script('step()');

/**
 * Only a script that the engine itself watches can be stopped in the middle of a loop.
 * @throws what the step throws; {Error} ERR_SCRIPT_EXECUTION_TIMEOUT when it takes longer
 */
function inTime<T>(timeout: number, step: () => T): T {
  const results: T[] = [];
  room.step = () => {
    results.push(step());
  };
  call.runInContext(context, { timeout });
  return results[0] as T;
}
