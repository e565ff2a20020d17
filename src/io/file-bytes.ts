import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { AppError } from '../core/error.ts';
import { toIoError } from './errors.ts';

const chunkBytes = 256 * 1024;

/**
 * The bytes of a regular file in chunks of 256 KiB, each a view that the next one overwrites.
 * @throws {AppError} io.*; when `signal` aborts, its reason
 */
export async function* readChunks(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  signal.throwIfAborted();
  await using handle = await openForReading(path);
  const buffer = new Uint8Array(chunkBytes);
  for (;;) {
    const length = await readSome(handle, buffer, path);
    signal.throwIfAborted();
    if (length === 0) return;
    yield buffer.subarray(0, length);
  }
}

/**
 * Opens a file that can be read again and at any place: pipes and devices are refused.
 * @throws {AppError} io.*
 */
export async function openForReading(path: string): Promise<FileHandle> {
  try {
    const handle = await open(path, 'r');
    const info = await handle.stat();
    if (info.isFile()) return handle;
    await handle.close();
    if (info.isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
    throw new AppError('io.failed', `Cannot read ${path}: it is not a regular file.`, {
      file: path,
      hint: 'Save the data to a file first.',
    });
  } catch (error) {
    throw toIoError(error, 'read', path);
  }
}

/** Whether two paths lead to one file, links followed; what does not exist is no file. */
export async function isSameFile(one: string, other: string): Promise<boolean> {
  const look = async (path: string): Promise<BigIntStats | undefined> =>
    await stat(path, { bigint: true }).catch(() => undefined);
  const [a, b] = await Promise.all([look(one), look(other)]);
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

async function readSome(handle: FileHandle, buffer: Uint8Array, path: string): Promise<number> {
  try {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    return bytesRead;
  } catch (error) {
    throw toIoError(error, 'read', path);
  }
}

/**
 * SHA-256 of a file's bytes in lowercase hex, in constant memory.
 * @throws {AppError} io.*; when `signal` aborts, its reason
 */
export async function digestFile(path: string, { signal }: { readonly signal: AbortSignal }): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of readChunks(path, signal)) hash.update(chunk);
  return hash.digest('hex');
}
