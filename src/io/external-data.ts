import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { AppError } from '../core/error.ts';
import { toIoError } from './errors.ts';

/** As much as a model file may have (model-file.ts). */
const maxExternalBytes = 600e6;

/**
 * Reads weights that lie in files beside a model (ONNX external data), from the model's folder and what is in it alone, links followed.
 * Synchronous, as an import is.
 * @returns a reader of `length` bytes, or of those that are left, from `offset`; it throws AppError io.*, `model.invalid` for a link that
 *   leaves the folder, `model.unsupported` once all reads together are too large
 */
export function openExternalData(model: string): (location: string, offset: number, length: number) => Uint8Array {
  let left = maxExternalBytes;
  return (location, offset, length) => {
    const path = join(dirname(model), location);
    left -= length;
    if (left < 0) throw tooLarge(path);
    try {
      return readPart(checkedPath(model, path), offset, length);
    } catch (error) {
      throw toIoError(error, 'read', path);
    }
  };
}

function checkedPath(model: string, path: string): string {
  const folder = realpathSync(dirname(model));
  const real = realpathSync(path);
  if (real.startsWith(folder.endsWith(sep) ? folder : folder + sep)) return real;
  throw new AppError('model.invalid', `${path} is a link that leaves the model's folder.`, {
    file: model,
    hint: 'Put a copy of the file there.',
  });
}

function readPart(path: string, offset: number, length: number): Uint8Array {
  const info = statSync(path);
  // A pipe would be waited for when it is opened.
  if (!info.isFile()) throw new AppError('io.failed', `Cannot read ${path}: it is not a regular file.`, { file: path });
  const handle = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, info.size - offset)));
    let done = 0;
    while (done < bytes.length) {
      const read = readSync(handle, bytes, done, bytes.length - done, offset + done);
      if (read === 0) return bytes.subarray(0, done);
      done += read;
    }
    return bytes;
  } finally {
    closeSync(handle);
  }
}

function tooLarge(path: string): AppError {
  return new AppError(
    'model.unsupported',
    `The weights beside the model (${path}) take more than ${String(maxExternalBytes / 1e6)} MB.`,
    { file: path, hint: 'Networks of this size cannot be evaluated encrypted; use a smaller one.' },
  );
}
