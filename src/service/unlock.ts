import type { ClientDeployment } from '../core/artifact/deployment.ts';
import { AppError } from '../core/error.ts';
import { openKeyStore, type KeySet } from '../io/key-store.ts';
import type { KeySetSecrets } from '../seal/client/secret-session.ts';
import type { Environment } from './environment.ts';
import { canarySecretName } from './key-material.ts';

/** A key set's secrets in memory; disposing of them zeroes the bytes. */
export interface UnlockedKeySet extends Disposable {
  readonly keySet: KeySet;
  readonly secrets: KeySetSecrets;
  /** The .spk file. */
  readonly evaluationKeys: Uint8Array;
}

/**
 * The key set that a verb works with: the one named, else the only one of the deployment.
 * @returns undefined where none is named and the deployment has none
 * @throws {AppError} key.not-found, key.other-deployment, usage.ambiguous; key.altered where a damaged one may be meant
 */
export async function chooseKeySet(
  deployment: ClientDeployment,
  reference: string | undefined,
  environment: Environment,
): Promise<KeySet | undefined> {
  const store = openKeyStore(environment.home);
  if (reference !== undefined) {
    const keySet = await store.find(reference);
    if (keySet.deployment === deployment.id) return keySet;
    throw new AppError('key.other-deployment', `Key set "${keySet.name}" was made for another deployment.`, {
      hint: `It is for ${keySet.deployment.slice(0, 12)}…, and this is ${deployment.id.slice(0, 12)}…; make one: sealpoint keys create DEPLOYMENT`,
    });
  }
  const damaged: AppError[] = [];
  const all = await store.list((error) => damaged.push(error));
  const fitting = all.filter((keySet) => keySet.deployment === deployment.id);
  if (fitting.length > 1) {
    throw new AppError(
      'usage.ambiguous',
      `There is more than one key set for this deployment: ${fitting.map(({ name }) => name).join(', ')}.`,
      {
        hint: 'Choose with --key.',
      },
    );
  }
  // A damaged one may be that of the deployment: another in its place would hide it.
  if (fitting.length === 0 && damaged[0] !== undefined) throw damaged[0];
  return fitting[0];
}

/** As {@link chooseKeySet}, where there must be one. */
export async function requireKeySet(
  deployment: ClientDeployment,
  reference: string | undefined,
  environment: Environment,
): Promise<KeySet> {
  const keySet = await chooseKeySet(deployment, reference, environment);
  if (keySet !== undefined) return keySet;
  throw new AppError('key.not-found', 'There is no key set for this deployment yet.', {
    hint: 'Make one: sealpoint keys create DEPLOYMENT',
  });
}

/** @throws {AppError} key.wrong-passphrase, key.no-slot, key.altered */
export async function unlock(keySet: KeySet, environment: Environment): Promise<UnlockedKeySet> {
  const store = openKeyStore(environment.home);
  const evaluationKeys = await store.readEvaluationKeys(keySet);
  const { askPassphrase, vault } = environment;
  const opened = await store.unlock(keySet, { askPassphrase, vault });
  const canarySecret = opened.get(canarySecretName);
  if (canarySecret === undefined)
    throw new AppError('key.altered', `Key set "${keySet.name}" lacks its canary secret.`);
  const secretKeys = new Map([...opened].filter(([name]) => name !== canarySecretName));
  return {
    keySet,
    secrets: { key: keySet.key, secretKeys, canarySecret },
    evaluationKeys,
    [Symbol.dispose]: () => {
      opened[Symbol.dispose]();
    },
  };
}
