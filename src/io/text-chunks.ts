import { TextDecoder } from 'node:util';
import { AppError } from '../core/error.ts';
import { readChunks } from './file-bytes.ts';

/**
 * The text of a file in pieces: UTF-8, or UTF-16 where a byte order mark says so; the mark itself is left out.
 * @throws {AppError} data.unreadable (bytes that are no text), io.*; when `signal` aborts, its reason
 */
export async function* textChunks(path: string, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  let decoder: TextDecoder | undefined;
  let line = 1;
  const decode = (action: (decoder: TextDecoder) => string): string => {
    try {
      return action((decoder ??= new TextDecoder('utf-8', { fatal: true })));
    } catch (cause) {
      throw notText(path, line, { says: 'bytes that are not UTF-8', cause });
    }
  };
  for await (const chunk of readChunks(path, signal)) {
    decoder ??= new TextDecoder(encodingOf(chunk), { fatal: true });
    const text = decode((known) => known.decode(chunk, { stream: true }));
    if (text.includes('\0'))
      throw notText(path, line + countNewlines(text.slice(0, text.indexOf('\0'))), { says: 'a NUL byte' });
    line += countNewlines(text);
    if (text !== '') yield text;
  }
  const rest = decode((known) => known.decode());
  if (rest !== '') yield rest;
}

function encodingOf(start: Uint8Array): string {
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le';
  if (start[0] === 0xfe && start[1] === 0xff) return 'utf-16be';
  return 'utf-8';
}

function notText(
  path: string,
  line: number,
  { says, cause }: { readonly says: string; readonly cause?: unknown },
): AppError {
  const hint = 'Save it as CSV in UTF-8 (from a spreadsheet: "CSV UTF-8"), as JSONL, or as Parquet.';
  return new AppError(
    'data.unreadable',
    `Cannot read ${path} as a table: it holds ${says} near line ${String(line)}.`,
    { file: path, line, hint, cause },
  );
}

/** Number of "\n" in a text. */
function countNewlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}
