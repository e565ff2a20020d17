import { randomBytes } from 'node:crypto';
import { type FileHandle, lstat, open, readdir, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError } from '../core/error.ts';
import { systemCode, toIoError } from './errors.ts';

export { toIoError };

/** A file that exists under its name only once it is whole. Every call but the first of `commit` or `discard` is harmless. */
export interface AtomicFile {
  /** Resolves when the bytes are with the operating system: awaiting it is the backpressure. Calls must not overlap. */
  write(chunk: Uint8Array | string): Promise<void>;
  /** Flushes to the disk and gives the file its name, replacing an older one. After a failure nothing is left. */
  commit(): Promise<void>;
  /** Removes what was written; does nothing after `commit`. Never fails. */
  discard(): Promise<void>;
}

export interface AtomicOptions {
  /** Rights of the new file, such as 0o600; by default what the umask leaves of 0o666. */
  readonly mode?: number;
}

const temporaryName = /^\.sealpoint-[0-9a-f]{24}\.tmp$/u;
const staleAfterMs = 24 * 3600 * 1000;

/** Whether a file name is one that unfinished writes use; such files are never read, listed or counted. */
export function isTemporaryName(name: string): boolean {
  return temporaryName.test(name);
}

/** A fresh name for an unfinished file in `folder`; short, so that long target names stay possible. */
export function temporaryPath(folder: string): string {
  return join(folder, `.sealpoint-${randomBytes(12).toString('hex')}.tmp`);
}

/**
 * Writes a whole file or nothing: temporary file in the same folder, fsync, rename.
 * @throws {AppError} io.*; an older file of that name is then untouched
 */
export async function writeFileAtomic(
  path: string,
  bytes: Uint8Array | string,
  options: AtomicOptions = {},
): Promise<void> {
  const file = await openTemporary(path, options);
  try {
    await file.write(bytes);
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/**
 * Opens a file for streaming that appears under `path` at `commit`. Leftovers of killed runs older than a day in the same folder are removed.
 * @throws {AppError} io.*: the folder is missing or cannot be written, `path` is a folder or a device
 */
export async function openAtomicFile(path: string, options: AtomicOptions = {}): Promise<AtomicFile> {
  const file = await openTemporary(path, options);
  await removeStale(dirname(path));
  return file;
}

async function openTemporary(path: string, { mode = 0o666 }: AtomicOptions): Promise<AtomicFile> {
  try {
    const target = await resolveTarget(path);
    const temporary = temporaryPath(dirname(target));
    return atomicFile({ path, target, temporary, handle: await open(temporary, 'wx', mode) });
  } catch (error) {
    throw toIoError(error, 'write', path);
  }
}

/** Follows a symbolic link, so that the link stays; refuses what rename would destroy (a device) or cannot replace (a folder). */
async function resolveTarget(path: string): Promise<string> {
  if (basename(path) === '' || path.endsWith('/')) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
  const link = await unlessMissing(lstat(path));
  if (link === undefined || link.isFile()) return path;
  const info = await unlessMissing(stat(path));
  if (info?.isDirectory() === true) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
  if (info?.isFile() === true) return await realpath(path);
  throw new AppError('io.failed', `Cannot write ${path}: it is not a regular file.`, {
    file: path,
    hint: 'Name a file in a folder.',
  });
}

async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

interface Opened {
  readonly path: string;
  readonly target: string;
  readonly temporary: string;
  readonly handle: FileHandle;
}

function atomicFile({ path, target, temporary, handle }: Opened): AtomicFile {
  let state: 'open' | 'committed' | 'discarded' = 'open';
  const discard = async (): Promise<void> => {
    if (state !== 'open') return;
    state = 'discarded';
    await handle.close().catch(() => undefined);
    await unlink(temporary).catch(() => undefined);
  };
  const orDiscard = async (action: () => Promise<void>): Promise<void> => {
    if (state === 'discarded')
      throw new AppError('io.failed', `Cannot write ${path}: the file was discarded.`, { file: path });
    try {
      await action();
    } catch (error) {
      await discard();
      throw toIoError(error, 'write', path);
    }
  };
  return {
    write: (chunk) => orDiscard(() => handle.writeFile(chunk)),
    async commit() {
      if (state === 'committed') return;
      await orDiscard(async () => {
        await handle.sync();
        await handle.close();
        await rename(temporary, target);
        state = 'committed';
      });
      await syncFolder(dirname(target));
    },
    discard,
  };
}

/** Makes the rename itself durable; some systems cannot open folders, which only weakens durability. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    await using handle = await open(folder, 'r');
    await handle.sync();
  } catch {
    return;
  }
}

async function removeStale(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter(isTemporaryName)) {
    const path = join(folder, name);
    const info = await lstat(path).catch(() => undefined);
    if (info !== undefined && Date.now() - info.mtimeMs > staleAfterMs) await unlink(path).catch(() => undefined);
  }
}
