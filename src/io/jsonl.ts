import { AppError } from '../core/error.ts';
import type { Cell, RowSource } from '../core/table/rows.ts';
import { checkHeader, emptyTable, type RowBlock, toBatches } from './row-batches.ts';
import { textChunks } from './text-chunks.ts';

/** Columns are the keys of this many first objects, so that writers may leave out a key whose value is missing. */
const headerObjects = 1000;
const mostLineCharacters = 16 * 1024 * 1024;

interface Line {
  readonly number: number;
  readonly text: string;
}

/**
 * A JSONL file: one object a line, keys as columns. A missing key is null; keys that first occur after 1,000 rows are left out.
 * @throws {AppError} data.unreadable with row, line and column (no JSON, no object, a nested value), data.empty, io.*
 */
export async function openJsonl(file: string, signal: AbortSignal): Promise<RowSource> {
  const header = await readHeader(file, signal);
  checkHeader(header, file);
  return { file, header, batches: (running) => toBatches(dataRows(file, header, running), header.length) };
}

async function readHeader(file: string, signal: AbortSignal): Promise<readonly string[]> {
  const names = new Set<string>();
  let row = 0;
  for await (const lines of lineBlocks(file, signal)) {
    for (const line of lines) {
      row += 1;
      for (const name of Object.keys(parseObject(file, line, row))) names.add(name);
      if (row >= headerObjects) return [...names];
    }
  }
  if (row === 0) throw emptyTable(file);
  return [...names];
}

async function* dataRows(
  file: string,
  header: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<RowBlock, void, undefined> {
  let before = 0;
  for await (const lines of lineBlocks(file, signal)) {
    const rows = lines.map((line, index) => {
      const row = before + index + 1;
      const object = parseObject(file, line, row);
      return header.map((name) =>
        Object.hasOwn(object, name) ? toCell(object[name], { file, row, line: line.number, column: name }) : null,
      );
    });
    before += rows.length;
    yield { rows, lines: lines.map(({ number }) => number) };
  }
}

async function* lineBlocks(file: string, signal: AbortSignal): AsyncGenerator<readonly Line[], void, undefined> {
  let carry = '';
  let number = 0;
  const take = (texts: readonly string[]): readonly Line[] => {
    const lines = texts.map((text) => ({ number: (number += 1), text }));
    return lines.filter(({ text }) => text.trim() !== '');
  };
  for await (const text of textChunks(file, signal)) {
    const texts = (carry + text).split('\n');
    carry = texts.pop() ?? '';
    if (carry.length > mostLineCharacters) {
      throw new AppError(
        'data.unreadable',
        `Cannot read ${file}: line ${String(number + texts.length + 1)} is too long.`,
        { file, line: number + texts.length + 1, hint: 'Write one object a line.' },
      );
    }
    yield take(texts);
  }
  yield take([carry]);
}

function parseObject(file: string, line: Line, row: number): Readonly<Record<string, unknown>> {
  const place = { file, row, line: line.number };
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch {
    // The parser's own message quotes the text, so it is not kept.
    const hint = /NaN|Infinity/u.test(line.text)
      ? 'JSON has no NaN or Infinity: write null for a missing value.'
      : 'Write one JSON object a line.';
    throw new AppError('data.unreadable', `Line ${String(line.number)} of ${file} is not JSON.`, { ...place, hint });
  }
  if (isRecord(value)) return value;
  throw new AppError('data.unreadable', `Line ${String(line.number)} of ${file} is not a JSON object.`, {
    ...place,
    hint: 'Write one JSON object a line, its keys the columns.',
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function toCell(
  value: unknown,
  place: { readonly file: string; readonly row: number; readonly line: number; readonly column: string },
): Cell {
  if (value === null || typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean')
    return value;
  const message = `Line ${String(place.line)} of ${place.file} holds a nested value in "${place.column}".`;
  throw new AppError('data.unreadable', message, { ...place, hint: 'Give each value its own column.' });
}
