import { type FileHandle, link, lstat, mkdir, open, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AppError } from '../core/error.ts';
import type { ArtifactStore, StoredObject, StoreTransfer } from '../core/artifact/store.ts';
import { syncFolder, temporaryPath } from './atomic.ts';
import { systemCode } from './errors.ts';
import { checkInside, checkKey, pathOf, toStoreError } from './folder-keys.ts';
import { listFolder } from './folder-listing.ts';

const chunkBytes = 1024 * 1024;
/** How often a write makes its folders anew when a delete in another process removes them, empty, at the same moment. */
const writeAttempts = 5;

/**
 * A store in a folder, which need not exist yet. Objects appear whole (temporary file and rename) and survive a crash (fsync); folders left empty by
 * `delete` go away, as a store of keys has none. Symbolic links out of the root are refused, files of other programs listed and left alone.
 */
export function folderStore(root: string): ArtifactStore {
  const folder = resolve(root);
  const locate = async (key: string, signal: AbortSignal): Promise<string> => {
    signal.throwIfAborted();
    checkKey(key, folder);
    const path = pathOf(folder, key);
    await checkInside(folder, path);
    return path;
  };
  return {
    uri: pathToFileURL(`${folder}/`).href,
    uriOf(key) {
      checkKey(key, folder);
      return pathToFileURL(pathOf(folder, key)).href;
    },
    list: (prefix, options) => listFolder(folder, prefix, options),
    async stat(key, { signal }) {
      return await statObject(key, await locate(key, signal));
    },
    async read(key, options) {
      return await readObject(await locate(key, options.signal), options);
    },
    async write(key, bytes, options) {
      const path = await locate(key, options.signal);
      try {
        return await writeObject(path, bytes, options);
      } catch (error) {
        await removeEmptyFolders(folder, dirname(path));
        throw error;
      }
    },
    async delete(keys, { signal }) {
      for (const key of keys) checkKey(key, folder);
      for (const key of keys) {
        const path = await locate(key, signal);
        if (await deleteObject(path)) await removeEmptyFolders(folder, dirname(path));
      }
    },
  };
}

async function statObject(key: string, path: string): Promise<StoredObject | undefined> {
  try {
    const info = await stat(path);
    return info.isFile() ? { key, sizeBytes: info.size, modified: info.mtime } : undefined;
  } catch (error) {
    const known = toStoreError(error, 'read', path);
    if (known instanceof AppError && known.code === 'store.not-found') return undefined;
    throw known;
  }
}

async function readObject(
  path: string,
  { signal, onBytes, maxBytes }: StoreTransfer & { readonly maxBytes: number },
): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    // A pipe would block `open` for ever, so what it is comes first.
    if (!(await stat(path)).isFile()) throw Object.assign(new Error('not a file'), { code: 'EISDIR' });
    handle = await open(path, 'r');
    const { size } = await handle.stat();
    if (size > maxBytes)
      throw new AppError('store.too-large', `${path} is larger than the ${String(maxBytes)} bytes allowed here.`, {
        file: path,
      });
    const bytes = new Uint8Array(size);
    let done = 0;
    while (done < size) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(bytes, done, Math.min(chunkBytes, size - done), done);
      if (bytesRead === 0) break;
      done += bytesRead;
      onBytes?.(done);
    }
    signal.throwIfAborted();
    return bytes.subarray(0, done);
  } catch (error) {
    signal.throwIfAborted();
    throw toStoreError(error, 'read', path);
  } finally {
    await handle?.close();
  }
}

async function writeObject(
  path: string,
  bytes: Uint8Array,
  options: StoreTransfer & { readonly ifAbsent?: boolean },
): Promise<boolean> {
  const { signal, ifAbsent = false } = options;
  if (ifAbsent && (await lstat(path).catch(() => undefined)) !== undefined) return false;
  for (let attempt = 1; ; attempt += 1) {
    const temporary = temporaryPath(dirname(path));
    try {
      await makeFolders(dirname(path));
      await fill(temporary, bytes, options);
      const placed = ifAbsent ? await placeIfAbsent(temporary, path) : await place(temporary, path);
      if (placed) await syncFolder(dirname(path));
      return placed;
    } catch (error) {
      signal.throwIfAborted();
      if (systemCode(error) !== 'ENOENT' || attempt >= writeAttempts) throw toStoreError(error, 'write', path);
    } finally {
      await unlink(temporary).catch(() => undefined);
    }
  }
}

/** As mkdir's `recursive`, which never returns where the system answers ENOENT for a folder whose parent exists (/proc). */
async function makeFolders(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') return;
    if (
      code !== 'ENOENT' ||
      dirname(folder) === folder ||
      (await stat(dirname(folder)).catch(() => undefined)) !== undefined
    )
      throw error;
    await makeFolders(dirname(folder));
    await makeFolders(folder);
  }
}

async function fill(temporary: string, bytes: Uint8Array, { signal, onBytes }: StoreTransfer): Promise<void> {
  await using handle = await open(temporary, 'wx');
  for (let done = 0; done < bytes.length;) {
    signal.throwIfAborted();
    const { bytesWritten } = await handle.write(bytes, done, Math.min(chunkBytes, bytes.length - done));
    done += bytesWritten;
    onBytes?.(done);
  }
  await handle.sync();
  signal.throwIfAborted();
}

async function place(temporary: string, path: string): Promise<true> {
  await rename(temporary, path);
  return true;
}

/** A hard link is made or fails as one step, so of many writers exactly one wins. */
async function placeIfAbsent(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') return false;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    return await claim(temporary, path);
  }
}

/** Without hard links: the name is claimed by an empty file, which the content replaces at once. */
async function claim(temporary: string, path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx')).close();
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
  return await place(temporary, path);
}

async function deleteObject(path: string): Promise<boolean> {
  try {
    if ((await lstat(path)).isDirectory()) return false;
    await unlink(path);
    return true;
  } catch (error) {
    const known = toStoreError(error, 'delete', path);
    if (known instanceof AppError && known.code === 'store.not-found') return false;
    throw known;
  }
}

async function removeEmptyFolders(root: string, folder: string): Promise<void> {
  for (let at = folder; at.length > root.length && at.startsWith(root); at = dirname(at)) {
    try {
      await rmdir(at);
    } catch {
      return;
    }
  }
}
