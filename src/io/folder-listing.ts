import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredObject, StoreListing } from '../core/artifact/store.ts';
import { isTemporaryName } from './atomic.ts';
import { systemCode } from './errors.ts';
import { checkInside, checkKey, pathOf, toStoreError } from './folder-keys.ts';

const pageSize = 1000;

/**
 * One level below `prefix`, files and folders in the byte order of their keys, as S3 sorts. `next` is the last key of a page: what is added or
 * removed meanwhile neither repeats nor hides anything else.
 */
export async function listFolder(
  root: string,
  prefix: string,
  options: { readonly signal: AbortSignal; readonly next?: string },
): Promise<StoreListing> {
  const { signal, next } = options;
  signal.throwIfAborted();
  if (prefix !== '') checkKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix, root);
  const folder = prefix === '' ? root : pathOf(root, prefix.replace(/\/$/u, ''));
  await checkInside(root, folder);
  const names = sortedKeys(await entriesOf(folder), prefix, next);
  const objects: StoredObject[] = [];
  const folders: string[] = [];
  for (const key of names.slice(0, pageSize)) {
    signal.throwIfAborted();
    const found = await look(root, key);
    if (found === 'folder') folders.push(key.endsWith('/') ? key : `${key}/`);
    else if (found !== undefined) objects.push(found);
  }
  const last = names.length > pageSize ? names[pageSize - 1] : undefined;
  return { objects, folders, ...(last === undefined ? {} : { next: last }) };
}

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw toStoreError(error, 'list', folder);
  }
}

function sortedKeys(entries: readonly Dirent[], prefix: string, next: string | undefined): readonly string[] {
  const keyed = entries
    .filter(({ name }) => !isTemporaryName(name))
    .map((entry) => prefix + entry.name + (entry.isDirectory() ? '/' : ''))
    .map((key) => ({ key, bytes: Buffer.from(key) }));
  const after = next === undefined ? undefined : Buffer.from(next);
  const rest = after === undefined ? keyed : keyed.filter(({ bytes }) => bytes.compare(after) > 0);
  return rest.sort((a, b) => a.bytes.compare(b.bytes)).map(({ key }) => key);
}

/** Sockets, links that lead nowhere or outside the root, and what vanished meanwhile are left out. */
async function look(root: string, key: string): Promise<StoredObject | 'folder' | undefined> {
  if (key.endsWith('/')) return 'folder';
  const path = join(root, key);
  try {
    await checkInside(root, path);
    const info = await stat(path);
    if (info.isDirectory()) return 'folder';
    return info.isFile() ? { key, sizeBytes: info.size, modified: info.mtime } : undefined;
  } catch {
    return undefined;
  }
}
