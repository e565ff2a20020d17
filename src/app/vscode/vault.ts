import { createHash, randomBytes } from 'node:crypto';
import type { SecretStorage } from 'vscode';
import { AppError } from '../../core/error.ts';
import type { KeyVault } from '../../service/environment.ts';

const keyBytes = 32;
const ownName = 'sealpoint.vault.own';
const nameOf = (fingerprint: string): string => `sealpoint.vault.key.${fingerprint}`;

/**
 * Key-encryption keys in the editor's secret storage, each under its fingerprint (SHA-256). The pointer to "our own"
 * is a separate entry: two windows that make a key at the same moment lose a pointer at worst, never a key that wraps something.
 */
export function secretVault(secrets: SecretStorage): KeyVault {
  const get = async (fingerprint: string): Promise<Uint8Array | undefined> => {
    const text = await secrets.get(nameOf(fingerprint));
    if (text === undefined) return undefined;
    const key = new Uint8Array(Buffer.from(text, 'base64'));
    return fingerprintOf(key) === fingerprint ? key : undefined;
  };
  return {
    get,
    own: async () => {
      const known = await secrets.get(ownName);
      const found = known === undefined ? undefined : await get(known);
      if (known !== undefined && found !== undefined) return { fingerprint: known, key: found };
      return await makeKey(secrets, get);
    },
  };
}

async function makeKey(secrets: SecretStorage, get: KeyVault['get']): Promise<Awaited<ReturnType<KeyVault['own']>>> {
  const key = new Uint8Array(randomBytes(keyBytes));
  const fingerprint = fingerprintOf(key);
  await secrets.store(nameOf(fingerprint), Buffer.from(key).toString('base64'));
  // A storage that drops what it was given would lose every key set: look before anything is wrapped.
  if ((await get(fingerprint)) === undefined) {
    throw new AppError('key.no-slot', 'The editor did not keep a key in its secret storage.', {
      hint: 'Unlock the system keyring, or make the key set on the command line under a passphrase.',
    });
  }
  await secrets.store(ownName, fingerprint);
  return { fingerprint, key };
}

function fingerprintOf(key: Uint8Array): string {
  return createHash('sha256').update(key).digest('hex');
}
