import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  keyFileNames,
  parameterSetId,
  type KeyManifest,
  type ScryptParameters,
  type SlotKind,
} from '../core/artifact/key-files.ts';
import { AppError } from '../core/error.ts';
import { syncFolder } from './atomic.ts';
import { alteredKey, decodeSecretKey, encodeSecretKey, sha256Hex } from './envelope.ts';
import {
  alreadyThere,
  changeManifest,
  checkName,
  findDamaged,
  freeName,
  inWorkFolder,
  listKeySets,
  makeFolder,
  manifestText,
  namesOf,
  readBounded,
  readFolder,
  refuseTaken,
  removeFolder,
  withDigest,
  withNames,
  writeDurably,
  type KeySet,
} from './key-folder.ts';
import { makeSlots, openSlots, type NewSlots, type Openers } from './key-slots.ts';

export type { KeySet };

const maxSecretKeyBytes = 64 * 2 ** 20;

/** Secret keys by parameter set; disposing of them zeroes their bytes. */
export interface SecretKeys extends ReadonlyMap<string, Uint8Array>, Disposable {}

export interface NewKeySet {
  readonly key: string;
  /** Absent: the first free of "key-1", "key-2", … */
  readonly name?: string | undefined;
  readonly deployment: string;
  /** ISO 8601, UTC. */
  readonly created: string;
  /** Borrowed: the caller zeroes them. */
  readonly secretKeys: ReadonlyMap<string, Uint8Array>;
  /** The bytes of an `.spk` file. */
  readonly evaluationKeys: Uint8Array;
  readonly slots: NewSlots;
  /** Only if its deployment has no key set yet; else `create` gives that one. */
  readonly isFirst?: boolean | undefined;
}

export interface KeyStore {
  /** Writes a key set whole or not at all. @throws {AppError} key.exists (name or id), usage.arguments (a name that cannot be), io.* */
  create(keySet: NewKeySet): Promise<KeySet>;
  /** Whether a new key set may have this name, asked before long work; `create` asks again. @throws {AppError} key.exists, usage.arguments */
  checkNewName(name: string): Promise<void>;
  /** Every readable key set by name; a damaged one goes to `onUnreadable`. */
  list(onUnreadable?: (error: AppError) => void): Promise<KeySet[]>;
  /** By name, id, or the beginning of an id that no other has. @throws {AppError} key.not-found, usage.ambiguous, key.altered */
  find(query: string): Promise<KeySet>;
  /** The id of a key set that can only be deleted any more, by its id or the beginning of it; a damaged one has no name. */
  findDamaged(query: string): Promise<string | undefined>;
  /** Opens the secret keys: the editor's slot first, then the passphrase. @throws {AppError} key.wrong-passphrase, key.no-slot, key.altered */
  unlock(keySet: KeySet, openers: Openers): Promise<SecretKeys>;
  rename(keySet: KeySet, name: string): Promise<KeySet>;
  remove(keySet: Pick<KeySet, 'key'>): Promise<void>;
  /** Adds a slot, replacing one of the same kind; `openers` must open the key set as it is. */
  addSlot(keySet: KeySet, slot: NewSlots, openers: Openers): Promise<KeySet>;
  /** @throws {AppError} key.no-slot rather than remove the last one */
  removeSlot(keySet: KeySet, kind: SlotKind): Promise<KeySet>;
  evaluationKeysPath(keySet: KeySet): string;
  /** @throws {AppError} key.altered where they are not those that were written */
  readEvaluationKeys(keySet: KeySet): Promise<Uint8Array>;
}

type SlotOptions = NewSlots & KeyStoreOptions;

export interface KeyStoreOptions {
  /** For slots made from now on; the default is `defaultScrypt`. */
  readonly scrypt?: ScryptParameters;
}

/** The key sets below `<home>/keys`. Nothing is created before the first key set is. */
export function openKeyStore(home: string, options: KeyStoreOptions = {}): KeyStore {
  const root = join(home, 'keys');
  return {
    create: (keySet) => createKeySet(root, keySet, options),
    checkNewName: async (name) => {
      checkName(name);
      refuseTaken(await listKeySets(root, () => undefined), name);
    },
    list: (onUnreadable = () => undefined) => listKeySets(root, onUnreadable),
    find: (query) => findKeySet(root, query),
    findDamaged: (query) => findDamaged(root, query),
    unlock: (keySet, openers) => unlockKeySet(root, keySet, openers),
    rename: (keySet, name) => renameKeySet(root, keySet, name),
    remove: (keySet) => removeFolder(root, keySet.key),
    addSlot: (keySet, slot, openers) => addSlot(root, keySet, { slot: { ...slot, ...options }, openers }),
    removeSlot: (keySet, kind) => removeSlot(root, keySet, kind),
    evaluationKeysPath: (keySet) => join(root, keySet.key, keyFileNames.evaluationKeys),
    readEvaluationKeys: (keySet) => readEvaluationKeys(root, keySet),
  };
}

async function createKeySet(root: string, keySet: NewKeySet, options: KeyStoreOptions): Promise<KeySet> {
  for (const id of keySet.secretKeys.keys()) parameterSetId.parse(id);
  if (keySet.name !== undefined) checkName(keySet.name);
  await makeFolder(root);
  return await withNames(root, async () => {
    const others = await listKeySets(root, () => undefined);
    const before = others.find(({ deployment }) => deployment === keySet.deployment);
    if (keySet.isFirst === true && before !== undefined) return before;
    const name = keySet.name ?? freeName(others);
    refuseTaken(others, name);
    const folder = join(root, keySet.key);
    if ((await readFolder(root)).includes(keySet.key)) throw alreadyThere(keySet.key);
    return await inWorkFolder(root, async (work) => {
      const manifest = await writeFiles(work, { ...keySet, name }, options);
      await rename(work, folder);
      await syncFolder(root);
      return manifest;
    });
  });
}

async function writeFiles(
  work: string,
  keySet: NewKeySet & { readonly name: string },
  options: KeyStoreOptions,
): Promise<KeyManifest> {
  const dataKey = randomBytes(32);
  try {
    const parameterSets = [];
    for (const [id, plaintext] of keySet.secretKeys) {
      const bytes = encodeSecretKey(dataKey, plaintext, {
        key: keySet.key,
        parameterSet: id,
        deployment: keySet.deployment,
      });
      const file = `${id}.key`;
      await writeDurably(join(work, file), bytes);
      parameterSets.push({ id, file, sizeBytes: bytes.length });
    }
    await writeDurably(join(work, keyFileNames.evaluationKeys), keySet.evaluationKeys);
    const manifest = withDigest({
      format: 'sealpoint.key-set',
      version: 1,
      key: keySet.key,
      name: keySet.name,
      deployment: keySet.deployment,
      created: keySet.created,
      parameterSets,
      evaluationKeys: {
        file: keyFileNames.evaluationKeys,
        sizeBytes: keySet.evaluationKeys.length,
        sha256: sha256Hex(keySet.evaluationKeys),
      },
      slots: await makeSlots(dataKey, keySet.key, { ...keySet.slots, ...options }),
    });
    await writeDurably(join(work, keyFileNames.manifest), manifestText(manifest));
    await syncFolder(work);
    return manifest;
  } finally {
    dataKey.fill(0);
  }
}

async function findKeySet(root: string, query: string): Promise<KeySet> {
  const damaged: AppError[] = [];
  const all = await listKeySets(root, (error) => damaged.push(error));
  const exact = all.find(({ name, key }) => name === query || key === query);
  if (exact !== undefined) return exact;
  const begun = /^[0-9a-f]{4,64}$/u.test(query) ? all.filter(({ key }) => key.startsWith(query)) : [];
  const [first, second] = begun;
  if (first !== undefined && second === undefined) return first;
  if (first !== undefined) {
    throw new AppError('usage.ambiguous', `The ids of ${String(begun.length)} key sets begin with ${query}.`, {
      hint: `Name one of: ${namesOf(begun)}.`,
    });
  }
  // A damaged key set may be the one that is asked for: saying "not found" would hide it.
  const [wrong] = damaged;
  if (wrong !== undefined) throw wrong;
  const hint =
    all.length === 0
      ? 'There are none yet: sealpoint keys create DEPLOYMENT makes one.'
      : `There are: ${namesOf(all)}.`;
  throw new AppError('key.not-found', `There is no key set "${query}".`, { hint });
}

async function unlockKeySet(root: string, keySet: KeySet, openers: Openers): Promise<SecretKeys> {
  const dataKey = await openSlots(keySet, openers);
  const keys = new Map<string, Uint8Array>();
  try {
    for (const { id, file, sizeBytes } of keySet.parameterSets) {
      const path = join(root, keySet.key, file);
      const bytes = await readNamed(path, maxSecretKeyBytes);
      if (bytes.length !== sizeBytes) throw alteredKey(path);
      keys.set(
        id,
        decodeSecretKey(dataKey, bytes, {
          key: keySet.key,
          parameterSet: id,
          deployment: keySet.deployment,
          file: path,
        }),
      );
    }
    return disposable(keys);
  } catch (error) {
    wipe(keys);
    throw error;
  } finally {
    dataKey.fill(0);
  }
}

/** A file that the manifest names: without it the key set is as damaged as with another one in its place. */
async function readNamed(path: string, maxBytes: number): Promise<Buffer> {
  try {
    return await readBounded(path, maxBytes);
  } catch (error) {
    throw error instanceof AppError && error.code === 'io.not-found' ? alteredKey(path, error) : error;
  }
}

/** Makes a map of secret keys one that `using` zeroes. Takes over `keys`. */
export function disposable(keys: Map<string, Uint8Array>): SecretKeys {
  return Object.assign(keys, {
    [Symbol.dispose]: () => {
      wipe(keys);
    },
  });
}

function wipe(keys: ReadonlyMap<string, Uint8Array>): void {
  for (const bytes of keys.values()) bytes.fill(0);
}

async function renameKeySet(root: string, keySet: KeySet, name: string): Promise<KeySet> {
  checkName(name);
  return await withNames(root, async () => {
    const others = (await listKeySets(root, () => undefined)).filter(({ key }) => key !== keySet.key);
    refuseTaken(others, name);
    return await changeManifest(root, keySet, (current) => Promise.resolve({ ...current, name }));
  });
}

async function addSlot(
  root: string,
  keySet: KeySet,
  change: { readonly slot: SlotOptions; readonly openers: Openers },
): Promise<KeySet> {
  return await changeManifest(root, keySet, async (current) => {
    const dataKey = await openSlots(current, change.openers);
    try {
      const added = await makeSlots(dataKey, current.key, change.slot);
      const kept = current.slots.filter(({ kind }) => !added.some((slot) => slot.kind === kind));
      return { ...current, slots: [...kept, ...added] };
    } finally {
      dataKey.fill(0);
    }
  });
}

async function removeSlot(root: string, keySet: KeySet, removed: SlotKind): Promise<KeySet> {
  return await changeManifest(root, keySet, (current) => {
    const slots = current.slots.filter(({ kind }) => kind !== removed);
    if (slots.length > 0) return Promise.resolve({ ...current, slots });
    throw new AppError('key.no-slot', `Nothing else would open key set "${current.name}".`, {
      hint: 'Give it another slot first.',
    });
  });
}

async function readEvaluationKeys(root: string, keySet: KeySet): Promise<Uint8Array> {
  const path = join(root, keySet.key, keyFileNames.evaluationKeys);
  const bytes = await readNamed(path, keySet.evaluationKeys.sizeBytes);
  if (sha256Hex(bytes) !== keySet.evaluationKeys.sha256) throw alteredKey(path);
  return bytes;
}
