import { crc32 } from 'node:zlib';
import * as yauzl from 'yauzl';
import { ZipFile } from 'yazl';
import { AppError } from '../core/error.ts';
import { openAtomicFile } from './atomic.ts';
import { systemCode, toIoError } from './errors.ts';

/** What an archive may hold at most; all three are checked against declared sizes first and against real ones while inflating. */
export interface ZipLimits {
  readonly maxEntries: number;
  readonly maxEntryBytes: number;
  readonly maxTotalBytes: number;
}

export interface ZipReadOptions extends ZipLimits {
  readonly signal?: AbortSignal;
}

interface Archive {
  readonly name: string;
  readonly zip: yauzl.ZipFile;
  readonly options: ZipReadOptions;
}

const readerOptions = {
  lazyEntries: true,
  autoClose: false,
  strictFileNames: true,
  validateEntrySizes: true,
  decodeStrings: true,
} as const;
const encryptedFlag = 1;
const symbolicLink = 0o120000;
const fileTypeMask = 0o170000;

/**
 * Reads a whole archive into memory: name -> content, folders left out.
 * @throws {AppError} archive.unsafe (a name that leaves the archive, occurs twice or is no file; encrypted; over a limit),
 *   artifact.unreadable (no archive, cut short, altered: sizes and CRC are checked), io.*; when the signal aborts, its reason
 */
export async function readZip(
  source: Uint8Array | string,
  options: ZipReadOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const name = typeof source === 'string' ? source : 'the archive';
  options.signal?.throwIfAborted();
  let zip: yauzl.ZipFile | undefined;
  try {
    zip = await (typeof source === 'string'
      ? yauzl.openPromise(source, readerOptions)
      : yauzl.fromBufferPromise(asBuffer(source), readerOptions));
    return await readEntries({ name, zip, options });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw toArchiveError(error, name);
  } finally {
    zip?.close();
  }
}

async function readEntries(archive: Archive): Promise<ReadonlyMap<string, Uint8Array>> {
  const { name, zip, options } = archive;
  if (zip.entryCount > options.maxEntries)
    throw unsafe(name, `it holds more than ${String(options.maxEntries)} entries`);
  const entries = new Map<string, Uint8Array>();
  const names = new Set<string>();
  let left = options.maxTotalBytes;
  for await (const entry of zip.eachEntry()) {
    options.signal?.throwIfAborted();
    checkName(name, entry.fileName, names);
    checkKind(name, entry);
    if (names.size > options.maxEntries) throw unsafe(name, `it holds more than ${String(options.maxEntries)} entries`);
    if (entry.fileName.endsWith('/')) continue;
    const limit = Math.min(left, options.maxEntryBytes);
    if (entry.uncompressedSize > limit) throw unsafe(name, `its entry "${entry.fileName}" is larger than allowed`);
    const bytes = await readEntry(archive, entry, limit);
    left -= bytes.length;
    entries.set(entry.fileName, bytes);
  }
  return entries;
}

/** Beyond what the reader refuses itself (.., absolute, backslashes): drive letters, control characters, empty segments, twins on any file system. */
function checkName(archive: string, entry: string, names: Set<string>): void {
  const bare = entry.endsWith('/') ? entry.slice(0, -1) : entry;
  const bad = bare.split('/').some((segment) => segment === '' || segment === '.' || segment === '..');
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (bad || /^[A-Za-z]:|[\u0000-\u001f\u007f\\]/u.test(entry))
    throw unsafe(archive, 'an entry has a name that no file may have');
  const key = bare.normalize('NFC').toLowerCase();
  if (names.has(key)) throw unsafe(archive, `two entries are named "${bare}"`);
  names.add(key);
}

function checkKind(archive: string, entry: yauzl.Entry): void {
  const type = (entry.externalFileAttributes >>> 16) & fileTypeMask;
  if (type === symbolicLink) throw unsafe(archive, `its entry "${entry.fileName}" is a symbolic link`);
  if ((entry.generalPurposeBitFlag & encryptedFlag) !== 0)
    throw unsafe(archive, `its entry "${entry.fileName}" is encrypted`);
}

async function readEntry({ name, zip, options }: Archive, entry: yauzl.Entry, limit: number): Promise<Uint8Array> {
  const local = await zip.readLocalFileHeaderPromise(entry);
  if (!local.fileName.equals(entry.fileNameRaw))
    throw unreadable(name, new Error('the two directories of the archive disagree'));
  const stream = await zip.openReadStreamPromise(entry);
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop by a throw destroys the stream.
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    options.signal?.throwIfAborted();
    size += chunk.length;
    if (size > limit) throw unsafe(name, `its entry "${entry.fileName}" is larger than it says`);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  if (crc32(bytes) !== entry.crc32) throw unreadable(name, new Error(`wrong CRC of ${entry.fileName}`));
  return bytes;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function unsafe(archive: string, says: string): AppError {
  return new AppError('archive.unsafe', `Refused ${archive}: ${says}.`, {
    file: archive,
    hint: 'Use only archives that this program or Concrete ML made.',
  });
}

function unreadable(archive: string, cause: unknown): AppError {
  const hint = 'It may be damaged or cut short; copy or make it again.';
  return new AppError('artifact.unreadable', `Cannot read ${archive}: it is not a sound zip archive.`, {
    file: archive,
    hint,
    cause,
  });
}

function toArchiveError(error: unknown, archive: string): Error {
  if (error instanceof AppError) return error;
  const code = systemCode(error);
  if (code !== undefined && /^E[A-Z]+$/u.test(code)) return toIoError(error, 'read', archive);
  const message = error instanceof Error ? error.message : '';
  if (/^(?:absolute path|invalid relative path|invalid characters in fileName)/u.test(message))
    return unsafe(archive, 'an entry has a name that leaves the archive');
  if (/too many bytes in the stream/u.test(message)) return unsafe(archive, 'an entry is larger than it says');
  return unreadable(archive, error);
}

/** Local time, because zip times are; 1980 is where they begin. */
const fixedTime = new Date(1980, 0, 1, 0, 0, 0);
const entryOptions = {
  mtime: fixedTime,
  forceDosTimestamp: true,
  mode: 0o100644,
  compress: true,
  compressionLevel: 6,
} as const;

/**
 * Writes an archive, whole or not at all: names sorted, times and modes fixed, so that the same entries give the same bytes (with the same zlib).
 * @throws {AppError} io.*; when the signal aborts, its reason: nothing is left then, and an older file is untouched
 */
export async function writeZip(
  path: string,
  entries: ReadonlyMap<string, Uint8Array>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  signal?.throwIfAborted();
  const file = await openAtomicFile(path);
  try {
    for await (const chunk of zipped(entries)) {
      signal?.throwIfAborted();
      await file.write(chunk);
    }
    signal?.throwIfAborted();
    await file.commit();
  } catch (error) {
    await file.discard();
    throw toIoError(error, 'write', path);
  }
}

function zipped(entries: ReadonlyMap<string, Uint8Array>): AsyncIterable<Uint8Array> {
  const zip = new ZipFile();
  for (const [name, bytes] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1)))
    zip.addBuffer(asBuffer(bytes), name, entryOptions);
  zip.end();
  // yazl's stream is a PassThrough: its chunks are Buffers.
  return zip.outputStream as unknown as AsyncIterable<Uint8Array>;
}
