import { realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { AppError } from '../core/error.ts';
import { isTemporaryName } from './atomic.ts';
import { systemCode, toIoError } from './errors.ts';

/**
 * @throws {AppError} store.outside-root: a key that is empty or has empty, "." or ".." segments, NUL, a backslash or drive where these mean
 *   something, or the name of an unfinished file
 */
export function checkKey(key: string, root: string): void {
  const segments = key.split('/');
  const bad = segments.some(
    (segment) => segment === '' || segment === '.' || segment === '..' || isTemporaryName(segment),
  );
  if (bad || key.includes('\0') || (sep === '\\' && /[\\:]/u.test(key))) throw outside(root);
}

/** Where a key lies, before links are followed. */
export function pathOf(root: string, key: string): string {
  return join(root, ...key.split('/'));
}

/**
 * Refuses a path that a symbolic link leads out of the root: its nearest existing ancestor is looked at. Links inside the root are fine.
 * A link that is exchanged between this check and the access is not seen: who can do that can write to the store anyway.
 * @throws {AppError} store.outside-root, store.*
 */
export async function checkInside(root: string, path: string): Promise<void> {
  const realRoot = await realExisting(root);
  const real = await realExisting(path);
  if (real === realRoot || real.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep)) return;
  // A root that does not exist yet has no links inside.
  if (realRoot.startsWith(real.endsWith(sep) ? real : real + sep)) return;
  throw outside(root);
}

async function realExisting(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    try {
      return await realpath(at);
    } catch (error) {
      const code = systemCode(error);
      if ((code !== 'ENOENT' && code !== 'ENOTDIR') || dirname(at) === at) throw toStoreError(error, 'read', path);
    }
  }
}

function outside(root: string): AppError {
  return new AppError('store.outside-root', `Refused a key that does not lie below ${root}.`, {
    hint: 'Keys are names separated by "/", without "..".',
  });
}

/** The store's codes for what a file system says; a full disk stays io.no-space. */
export function toStoreError(error: unknown, action: string, path: string): Error {
  const known = toIoError(error, action, path);
  if (!(known instanceof AppError) || !known.code.startsWith('io.') || known.code === 'io.no-space') return known;
  const code =
    known.code === 'io.not-found' || systemCode(error) === 'EISDIR' || systemCode(error) === 'ENOTDIR'
      ? 'store.not-found'
      : undefined;
  const fallback = known.code === 'io.forbidden' ? 'store.forbidden' : 'store.unavailable';
  return new AppError(action === 'write' ? fallback : (code ?? fallback), known.message, {
    file: path,
    hint: known.hint,
    cause: error,
  });
}
