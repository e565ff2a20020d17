import { AppError } from '../core/error.ts';
import { toIoError } from './errors.ts';
import { openForReading } from './file-bytes.ts';

/** More than any model that a plan could be found for; read, it takes its own size of memory and up to as much again. */
const maxModelBytes = 600e6;
const chunkBytes = 16 << 20;

/**
 * A model file, read once into memory of its own size.
 * @throws {AppError} io.*, `model.unsupported` above {@link maxModelBytes}; when `signal` aborts, its reason
 */
export async function readModelFile(path: string, signal: AbortSignal): Promise<Uint8Array> {
  signal.throwIfAborted();
  await using handle = await openForReading(path);
  const { size } = await handle.stat();
  if (size > maxModelBytes) throw tooLarge(path, size);
  const bytes = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await handle
      .read(bytes, length, Math.min(chunkBytes, size - length), length)
      .catch((error: unknown) => {
        throw toIoError(error, 'read', path);
      });
    signal.throwIfAborted();
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

/** The first bytes of a file, as many as there are up to `count`. @throws {AppError} io.* */
export async function readStart(path: string, count: number): Promise<Uint8Array> {
  await using handle = await openForReading(path);
  const { buffer, bytesRead } = await handle.read(new Uint8Array(count), 0, count, 0);
  return buffer.subarray(0, bytesRead);
}

function tooLarge(path: string, size: number): AppError {
  return new AppError(
    'model.unsupported',
    `${path} has ${String(Math.round(size / 1e6))} MB; at most ${String(maxModelBytes / 1e6)} MB are read.`,
    {
      file: path,
      hint: 'Models of this size cannot be evaluated encrypted; use a smaller one.',
    },
  );
}
