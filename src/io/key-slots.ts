import { randomBytes, scrypt } from 'node:crypto';
import { scryptParameters, type KeySlot, type ScryptParameters } from '../core/artifact/key-files.ts';
import { AppError } from '../core/error.ts';
import { unwrapKey, wrapKey } from './envelope.ts';

/** 128 MiB and about 0.4 s on one core. Source: OWASP Password Storage Cheat Sheet, scrypt. */
const defaultScrypt: ScryptParameters = { cost: 2 ** 17, blockSize: 8, parallelism: 1 };
const keyBytes = 32;
const saltBytes = 24;

/** What the key store needs of an editor's secret storage: 32-byte keys by their fingerprints. */
export interface SlotVault {
  get(fingerprint: string): Promise<Uint8Array | undefined>;
  own(): Promise<{ readonly fingerprint: string; readonly key: Uint8Array }>;
}

/** The slots that a key set is to have; at least one. */
export interface NewSlots {
  readonly passphrase?: string | undefined;
  readonly vault?: SlotVault | undefined;
  /** Looked at around scrypt, which takes a while and cannot be called off. */
  readonly signal?: AbortSignal | undefined;
}

/** Ways to open a key set; the passphrase is asked for only where the editor's slot does not open. */
export interface Openers {
  readonly askPassphrase?:
    ((request: { readonly purpose: string; readonly confirm: boolean }) => Promise<string>) | undefined;
  readonly vault?: Pick<SlotVault, 'get'> | undefined;
  /** As in {@link NewSlots}. */
  readonly signal?: AbortSignal | undefined;
}

/** The parts of a manifest that opening needs. */
export interface Slotted {
  readonly key: string;
  readonly name: string;
  readonly slots: readonly KeySlot[];
}

/** @throws {AppError} usage.no-passphrase where no slot, or one under an empty passphrase, is asked for */
export async function makeSlots(
  dataKey: Uint8Array,
  key: string,
  slots: NewSlots & { readonly scrypt?: ScryptParameters },
): Promise<KeySlot[]> {
  const made: KeySlot[] = [];
  if (slots.vault !== undefined) {
    const { fingerprint, key: wrapping } = await slots.vault.own();
    made.push({ kind: 'editor', fingerprint, wrapped: wrapKey(wrapping, dataKey, key) });
  }
  if (slots.passphrase !== undefined)
    made.push(
      await passphraseSlot(dataKey, key, {
        passphrase: slots.passphrase,
        scrypt: slots.scrypt ?? defaultScrypt,
        signal: slots.signal,
      }),
    );
  if (made.length > 0) return made;
  throw new AppError('usage.no-passphrase', 'A key set needs a passphrase where no editor keeps its key.');
}

async function passphraseSlot(
  dataKey: Uint8Array,
  key: string,
  options: {
    readonly passphrase: string;
    readonly scrypt: ScryptParameters;
    readonly signal: AbortSignal | undefined;
  },
): Promise<KeySlot> {
  if (options.passphrase === '') throw new AppError('usage.no-passphrase', 'An empty passphrase protects nothing.');
  const salt = randomBytes(saltBytes);
  const wrapping = await deriveKey(options.passphrase, salt, options);
  const wrapped = wrapKey(wrapping, dataKey, key);
  wrapping.fill(0);
  return { kind: 'passphrase', salt: salt.toString('base64url'), scrypt: options.scrypt, wrapped };
}

/**
 * The data key, owned by the caller, who zeroes it.
 * @throws {AppError} key.wrong-passphrase; key.no-slot where nothing at hand opens any slot; usage.no-passphrase where nobody can be asked
 */
export async function openSlots(keySet: Slotted, openers: Openers): Promise<Buffer> {
  const fromEditor = await openEditorSlots(keySet, openers.vault);
  if (fromEditor !== undefined) return fromEditor;
  const slot = keySet.slots.find((candidate) => candidate.kind === 'passphrase');
  if (slot === undefined) throw noSlot(keySet, openers.vault !== undefined);
  if (openers.askPassphrase === undefined) {
    throw new AppError(
      'usage.no-passphrase',
      `Key set "${keySet.name}" opens with a passphrase, and there is nobody to ask for it.`,
    );
  }
  const passphrase = await openers.askPassphrase({ purpose: `Passphrase of key set "${keySet.name}"`, confirm: false });
  const { signal } = openers;
  const wrapping = await deriveKey(passphrase, Buffer.from(slot.salt, 'base64url'), { scrypt: slot.scrypt, signal });
  const dataKey = unwrapKey(wrapping, slot.wrapped, keySet.key);
  wrapping.fill(0);
  if (dataKey !== undefined) return dataKey;
  throw new AppError('key.wrong-passphrase', `This is not the passphrase of key set "${keySet.name}".`, {
    hint: 'Try again; a forgotten passphrase cannot be recovered, only another slot or an exported copy helps.',
  });
}

async function openEditorSlots(keySet: Slotted, vault: Openers['vault']): Promise<Buffer | undefined> {
  if (vault === undefined) return undefined;
  for (const slot of keySet.slots) {
    if (slot.kind !== 'editor') continue;
    const wrapping = await vault.get(slot.fingerprint);
    const dataKey = wrapping?.length === keyBytes ? unwrapKey(wrapping, slot.wrapped, keySet.key) : undefined;
    if (dataKey !== undefined) return dataKey;
  }
  return undefined;
}

function noSlot(keySet: Slotted, hasVault: boolean): AppError {
  if (hasVault) {
    return new AppError(
      'key.no-slot',
      `The editor's secret storage no longer holds the key that opens key set "${keySet.name}".`,
      {
        hint: 'Import a copy of the key set that was exported with a passphrase. Without one, its results stay closed: create a new key set.',
      },
    );
  }
  return new AppError('key.no-slot', `Key set "${keySet.name}" opens only in the editor that made it.`, {
    hint: 'In the editor, export it with a passphrase or give it one; then it opens here too.',
  });
}

/** scrypt (RFC 7914) over the passphrase in NFKC, so that every keyboard and system gives the same bytes. */
async function deriveKey(
  passphrase: string,
  salt: Uint8Array,
  options: { readonly scrypt: ScryptParameters; readonly signal: AbortSignal | undefined },
): Promise<Buffer> {
  options.signal?.throwIfAborted();
  const derived = await derive(passphrase, salt, options.scrypt);
  if (options.signal?.aborted === true) derived.fill(0);
  options.signal?.throwIfAborted();
  return derived;
}

function derive(passphrase: string, salt: Uint8Array, parameters: ScryptParameters): Promise<Buffer> {
  const { cost, blockSize, parallelism } = scryptParameters.parse(parameters);
  const secret = Buffer.from(passphrase.normalize('NFKC'), 'utf8');
  const maxmem = 128 * blockSize * (cost + parallelism + 16);
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, keyBytes, { cost, blockSize, parallelization: parallelism, maxmem }, (error, key) => {
      secret.fill(0);
      if (error === null) resolve(key);
      else reject(new AppError('internal', 'The passphrase could not be turned into a key.', { cause: error }));
    });
  });
}
