import type { KeySetOutcome } from '../core/artifact/outcomes.ts';
import type { ClientDeployment } from '../core/artifact/deployment.ts';
import { AppError } from '../core/error.ts';
import { openKeyStore, type KeySet } from '../io/key-store.ts';
import type { Environment, Running } from './environment.ts';
import { findDeployment } from './find-deployment.ts';
import { canarySecretName, makeKeyMaterial } from './key-material.ts';
import { keySetOutcome } from './keys.ts';

export interface CreateKeySetOptions {
  readonly deployment?: string | undefined;
  /** Absent: the first free of "key-1", "key-2", … */
  readonly name?: string | undefined;
}

/** Makes a key set for a deployment and keeps it in the key store: in the editor's slot where there is a vault, else under a passphrase. */
export async function createKeySet(
  options: CreateKeySetOptions,
  environment: Environment,
  running: Running,
): Promise<KeySetOutcome> {
  const { name } = options;
  const { client } = await findDeployment(options, environment, running);
  if (name !== undefined) await openKeyStore(environment.home).checkNewName(name);
  return keySetOutcome(await createKeySetFor(client, { name }, { environment, running }));
}

/**
 * @param which isFirst: where another process has made one for the deployment meanwhile, that one
 * @throws {AppError} usage.no-passphrase, key.exists, io.*
 */
export async function createKeySetFor(
  client: ClientDeployment,
  { name, isFirst }: { readonly name?: string | undefined; readonly isFirst?: boolean },
  context: { readonly environment: Environment; readonly running: Running },
): Promise<KeySet> {
  const { environment, running } = context;
  const slots = await newSlots(name, environment);
  running.onProgress({ stage: 'Creating keys' });
  using keys = await makeKeyMaterial(client, environment, running.signal);
  const secretKeys = new Map([...keys.secrets.secretKeys, [canarySecretName, keys.secrets.canarySecret]]);
  const created = new Date().toISOString();
  const { evaluationKeys, secrets } = keys;
  return await openKeyStore(environment.home).create({
    key: secrets.key,
    name,
    deployment: client.id,
    created,
    secretKeys,
    evaluationKeys,
    slots: { ...slots, signal: running.signal },
    isFirst,
  });
}

async function newSlots(
  name: string | undefined,
  environment: Environment,
): Promise<{ readonly passphrase?: string; readonly vault?: NonNullable<Environment['vault']> }> {
  if (environment.vault !== undefined) return { vault: environment.vault };
  if (environment.askPassphrase === undefined) {
    throw new AppError(
      'usage.no-passphrase',
      'A key set is kept under a passphrase, and there is nobody to ask for one.',
    );
  }
  const passphrase = await environment.askPassphrase({
    purpose: name === undefined ? 'Passphrase for the new key set' : `Passphrase for key set "${name}"`,
    confirm: true,
  });
  return { passphrase };
}
