import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { keyFileNames, keyManifest, keySetName, type KeyManifest } from '../core/artifact/key-files.ts';
import { canonicalJson } from '../core/artifact/ids.ts';
import { AppError } from '../core/error.ts';
import { toIoError, writeFileAtomic } from './atomic.ts';
import { alteredKey, parseJson, sha256Hex } from './envelope.ts';
import { systemCode } from './errors.ts';
import { withLock } from './lock-file.ts';

const folderMode = 0o700;
const fileMode = 0o600;
const maxManifestBytes = 1 << 20;
const workPrefix = '.unfinished-';
const keyFolder = /^[0-9a-f]{64}$/u;

/** What the manifest of a key set says; nothing in it is secret. */
export type KeySet = KeyManifest;

/** Key sets by name; `root` is `<home>/keys`. A damaged one goes to `onUnreadable`. */
export async function listKeySets(root: string, onUnreadable: (error: AppError) => void): Promise<KeySet[]> {
  const found: KeySet[] = [];
  for (const name of await readFolder(root)) {
    if (!keyFolder.test(name)) continue;
    try {
      found.push(await readManifest(root, name));
    } catch (error) {
      // One that is being deleted at this moment is no damage.
      if (!(error instanceof AppError)) throw error;
      if (error.code !== 'io.not-found' || (await readFolder(root)).includes(name)) onUnreadable(error);
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The id of the one damaged key set whose id begins like this; what is damaged has no name. */
export async function findDamaged(root: string, query: string): Promise<string | undefined> {
  if (!/^[0-9a-f]{4,64}$/u.test(query)) return undefined;
  const damaged: string[] = [];
  await listKeySets(root, ({ place }) => damaged.push(basename(dirname(place.file ?? ''))));
  const [only, another] = damaged.filter((key) => key.startsWith(query));
  return another === undefined ? only : undefined;
}

async function readManifest(root: string, key: string): Promise<KeySet> {
  const path = join(root, key, keyFileNames.manifest);
  const manifest = parseJson(keyManifest, await readBounded(path, maxManifestBytes), path);
  // The folder is named after the key: a manifest of another key set is as wrong as a damaged one.
  if (manifest.key !== key || digestOf(manifest) !== manifest.digest) throw alteredKey(path);
  return manifest;
}

/** Everything in a folder that no reader looks at, until one rename gives it its name. */
export async function inWorkFolder<T>(root: string, build: (work: string) => Promise<T>): Promise<T> {
  await sweep(root);
  const work = join(root, `${workPrefix}${randomBytes(12).toString('hex')}`);
  try {
    await mkdir(work, { mode: folderMode });
    return await build(work);
  } catch (error) {
    await rm(work, { recursive: true, force: true }).catch(() => undefined);
    throw toIoError(error, 'write', root);
  }
}

/** Called under the lock of names only: nobody is building, so what is unfinished was left by a run that was killed. */
async function sweep(root: string): Promise<void> {
  for (const name of await readFolder(root)) {
    if (name.startsWith(workPrefix)) await rm(join(root, name), { recursive: true, force: true });
  }
}

/** One rename takes a key set away whole; a run that is killed afterwards leaves only what the next one sweeps. */
export async function removeFolder(root: string, key: string): Promise<void> {
  const folder = join(root, key);
  await withNames(root, async () => {
    await withLock(join(root, `${key}.lock`), async () => {
      try {
        await rename(folder, join(root, `${workPrefix}${randomBytes(12).toString('hex')}`));
      } catch (error) {
        throw toIoError(error, 'delete', folder);
      }
    });
    await sweep(root);
  });
}

export async function writeDurably(path: string, bytes: Uint8Array | string): Promise<void> {
  await writeFile(path, bytes, { mode: fileMode, flag: 'wx', flush: true });
}

export async function changeManifest(
  root: string,
  keySet: KeySet,
  change: (current: KeySet) => Promise<Omit<KeyManifest, 'digest'>>,
): Promise<KeySet> {
  return await withLock(join(root, `${keySet.key}.lock`), async () => {
    const changed = withDigest(await change(await readManifest(root, keySet.key)));
    await writeFileAtomic(join(root, keySet.key, keyFileNames.manifest), manifestText(changed), { mode: fileMode });
    return changed;
  });
}

/** @throws {AppError} key.altered where the file is larger than it can be; io.* */
export async function readBounded(path: string, maxBytes: number): Promise<Buffer> {
  try {
    if ((await stat(path)).size > maxBytes) throw alteredKey(path);
    return await readFile(path);
  } catch (error) {
    throw toIoError(error, 'read', path);
  }
}

/** Holds the lock under which names are given, key sets appear and disappear: names are unique among all of them. */
export async function withNames<T>(root: string, action: () => Promise<T>): Promise<T> {
  return await withLock(join(root, 'names.lock'), action);
}

/** @throws {AppError} io.* where the folder cannot be made */
export async function makeFolder(root: string): Promise<void> {
  try {
    await mkdir(root, { recursive: true, mode: folderMode });
  } catch (error) {
    throw toIoError(error, 'create', root);
  }
}

export async function readFolder(root: string): Promise<string[]> {
  try {
    return await readdir(root);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw toIoError(error, 'list', root);
  }
}

export function withDigest(manifest: Omit<KeyManifest, 'digest'>): KeyManifest {
  return { ...manifest, digest: digestOf(manifest) };
}

/** SHA-256 of the canonical JSON of all but the digest itself. */
export function digestOf(manifest: Omit<KeyManifest, 'digest'>): string {
  return sha256Hex(Buffer.from(canonicalJson({ ...manifest, digest: undefined }), 'utf8'));
}

export function manifestText(manifest: KeyManifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** @throws {AppError} usage.arguments */
export function checkName(name: string): void {
  if (keySetName.safeParse(name).success) return;
  throw new AppError('usage.arguments', 'This cannot be the name of a key set.', {
    hint: 'A name has 1 to 64 characters, no slashes or control characters, and no blanks at its ends.',
  });
}

export function refuseTaken(others: readonly KeySet[], name: string): void {
  if (!others.some((other) => other.name === name)) return;
  throw new AppError('key.exists', `There is a key set "${name}" already.`, {
    hint: 'Choose another name, or rename that one (sealpoint keys rename); nothing was changed.',
  });
}

export function alreadyThere(key: string): AppError {
  const short = key.slice(0, 8);
  return new AppError('key.exists', `Key set ${short} is in the key store already.`, {
    hint: `Nothing was changed; sealpoint keys list shows it. If it is damaged, delete it first: sealpoint keys delete ${short}`,
  });
}

export function freeName(others: readonly KeySet[]): string {
  const taken = new Set(others.map(({ name }) => name));
  let number = 1;
  while (taken.has(`key-${String(number)}`)) number += 1;
  return `key-${String(number)}`;
}

/** Names with the beginnings of their ids, for a hint. */
export function namesOf(keySets: readonly KeySet[]): string {
  return keySets.map(({ name, key }) => `${name} (${key.slice(0, 8)})`).join(', ');
}
