import { randomBytes } from 'node:crypto';
import { canonicalJson } from '../core/artifact/ids.ts';
import {
  keyExportHeader,
  keyMagic,
  type KeyExportHeader,
  type KeyManifest,
  type ScryptParameters,
} from '../core/artifact/key-files.ts';
import { AppError } from '../core/error.ts';
import { writeFileAtomic } from './atomic.ts';
import {
  alteredKey,
  decodeHead,
  decodeSecretKey,
  encodeHead,
  encodeSecretKey,
  manifestMac,
  sha256Hex,
} from './envelope.ts';
import { digestOf, readBounded, withDigest } from './key-folder.ts';
import { disposable, type KeySet, type KeyStore, type SecretKeys } from './key-store.ts';
import { makeSlots, openSlots, type NewSlots, type Openers } from './key-slots.ts';

/** Evaluation keys are the bulk: at most some hundred MB. */
const maxExportBytes = 2 ** 31 - 1;

export interface ExportOptions {
  readonly file: string;
  /** The passphrase of the copy; the key set's own slots stay as they are. */
  readonly passphrase: string;
  /** Open the key set here. */
  readonly openers: Openers;
  readonly scrypt?: ScryptParameters;
}

/**
 * Writes a copy of a key set under a passphrase, mode 0600: header, secret key files under a data key of the copy's own, evaluation keys.
 * Returns its size in bytes. @throws {AppError} what unlocking throws; io.*
 */
export async function exportKeySet(store: KeyStore, keySet: KeySet, options: ExportOptions): Promise<number> {
  const evaluationKeys = await store.readEvaluationKeys(keySet);
  using secretKeys = await store.unlock(keySet, options.openers);
  const dataKey = randomBytes(32);
  try {
    const place = { key: keySet.key, deployment: keySet.deployment };
    const files = [...secretKeys].map(([id, plaintext]) =>
      encodeSecretKey(dataKey, plaintext, { ...place, parameterSet: id }),
    );
    const slots = await makeSlots(dataKey, keySet.key, {
      passphrase: options.passphrase,
      signal: options.openers.signal,
      ...(options.scrypt && { scrypt: options.scrypt }),
    });
    const manifest = withDigest({ ...keySet, slots });
    const header: KeyExportHeader = {
      format: 'sealpoint.key-export',
      version: 1,
      manifest,
      mac: manifestMac(dataKey, canonicalJson(manifest)),
    };
    const bytes = Buffer.concat([encodeHead(keyMagic.exported, header), ...files, evaluationKeys]);
    await writeFileAtomic(options.file, bytes, { mode: 0o600 });
    return bytes.length;
  } finally {
    dataKey.fill(0);
  }
}

/** What an exported file says of itself without a passphrase; undefined where it is none. @throws {AppError} key.altered */
export function describeExport(file: Uint8Array, path: string): KeySet | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length);
  return isExport(bytes) ? readExport(bytes, path).manifest : undefined;
}

function isExport(file: Buffer): boolean {
  return file.toString('latin1', 0, keyMagic.exported.length) === keyMagic.exported;
}

export interface ImportOptions {
  readonly file: string;
  readonly openers: Pick<Openers, 'askPassphrase' | 'signal'>;
  /** Slots of the key set in this store, made after the file has opened. */
  readonly slots: () => NewSlots | Promise<NewSlots>;
}

/**
 * Puts an exported key set into the store, under the name it had. Nothing is written unless all of the file is as it was exported.
 * @throws {AppError} key.altered, key.wrong-passphrase, key.exists, io.*
 */
export async function importKeySet(store: KeyStore, options: ImportOptions): Promise<KeySet> {
  const file = await readBounded(options.file, maxExportBytes);
  const exported = readExport(file, options.file);
  const dataKey = await openSlots(exported.manifest, options.openers);
  try {
    if (manifestMac(dataKey, canonicalJson(exported.manifest)) !== exported.mac) throw alteredKey(options.file);
    using secretKeys = openSecretKeys(dataKey, exported, options.file);
    const { key, name, deployment, created } = exported.manifest;
    const slots = await options.slots();
    return await store.create({
      key,
      name,
      deployment,
      created,
      secretKeys,
      evaluationKeys: exported.evaluationKeys,
      slots,
    });
  } finally {
    dataKey.fill(0);
  }
}

interface Exported {
  readonly manifest: KeyManifest;
  readonly mac: string;
  readonly secretKeyFiles: ReadonlyMap<string, Uint8Array>;
  readonly evaluationKeys: Uint8Array;
}

/** Everything that can be checked without the passphrase. */
function readExport(file: Buffer, path: string): Exported {
  if (!isExport(file)) {
    throw new AppError('artifact.unreadable', 'This is no exported key set.', {
      file: path,
      hint: 'sealpoint keys export writes one.',
    });
  }
  const { header, length } = decodeHead(keyMagic.exported, { schema: keyExportHeader, bytes: file, file: path });
  const { manifest, mac } = header;
  if (digestOf(manifest) !== manifest.digest) throw alteredKey(path);
  let offset = length;
  const secretKeyFiles = new Map<string, Uint8Array>();
  for (const { id, sizeBytes } of manifest.parameterSets) {
    secretKeyFiles.set(id, file.subarray(offset, offset + sizeBytes));
    offset += sizeBytes;
  }
  const evaluationKeys = file.subarray(offset);
  const { sizeBytes, sha256 } = manifest.evaluationKeys;
  if (evaluationKeys.length !== sizeBytes || sha256Hex(evaluationKeys) !== sha256) throw alteredKey(path);
  return { manifest, mac, secretKeyFiles, evaluationKeys };
}

function openSecretKeys(dataKey: Uint8Array, exported: Exported, file: string): SecretKeys {
  const { key, deployment } = exported.manifest;
  const opened = new Map<string, Uint8Array>();
  const closing = disposable(opened);
  try {
    for (const [id, bytes] of exported.secretKeyFiles) {
      opened.set(id, decodeSecretKey(dataKey, bytes, { key, deployment, parameterSet: id, file }));
    }
    return closing;
  } catch (error) {
    closing[Symbol.dispose]();
    throw error;
  }
}
