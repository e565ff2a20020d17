import { resolve } from 'node:path';
import { storeKeys } from '../core/artifact/layout.ts';
import type { KeyDeletedOutcome, KeyFileOutcome, KeyListOutcome, KeySetOutcome } from '../core/artifact/outcomes.ts';
import type { ArtifactStore } from '../core/artifact/store.ts';
import { AppError } from '../core/error.ts';
import { writeFileAtomic } from '../io/atomic.ts';
import { exportKeySet as writeExport, importKeySet as readExport } from '../io/key-export.ts';
import { openKeyStore, type KeySet } from '../io/key-store.ts';
import type { Environment, Running } from './environment.ts';
import { listProfiles } from './profiles.ts';
import { profileStore } from './stores.ts';

/** How long a store may take to say whether it holds evaluation keys, before a deletion goes on without its answer. */
const storeTimeoutMs = 5_000;

export interface KeyChoice {
  /** Name, id or the beginning of an id; absent: the only key set there is. */
  readonly key?: string | undefined;
  /** Only key sets of this deployment count. */
  readonly deployment?: string | undefined;
}

/** @throws {AppError} key.not-found, usage.ambiguous listing them, key.other-deployment, key.altered */
export async function pickKeySet(choice: KeyChoice, environment: Environment): Promise<KeySet> {
  const store = openKeyStore(environment.home);
  if (choice.key === undefined) return await onlyKeySet(choice, environment);
  const found = await store.find(choice.key);
  if (choice.deployment === undefined || found.deployment === choice.deployment) return found;
  throw new AppError(
    'key.other-deployment',
    `Key set "${found.name}" belongs to deployment ${found.deployment.slice(0, 8)}, not to ${choice.deployment.slice(0, 8)}.`,
    {
      hint: 'sealpoint keys list shows the key sets of each deployment; keys create makes one.',
    },
  );
}

async function onlyKeySet({ deployment }: KeyChoice, environment: Environment): Promise<KeySet> {
  const all = await readableKeySets(environment);
  const fitting = all.filter((keySet) => deployment === undefined || keySet.deployment === deployment);
  const [only, another] = fitting;
  if (only !== undefined && another === undefined) return only;
  if (only !== undefined) {
    const names = fitting.map(({ name }) => name).join(', ');
    throw new AppError('usage.ambiguous', `There is more than one key set: ${names}.`, {
      hint: 'Choose one by its name with --key.',
    });
  }
  const whose = deployment === undefined ? '' : ` for deployment ${deployment.slice(0, 8)}`;
  throw new AppError('key.not-found', `There is no key set${whose} yet.`, {
    hint: 'Make one: sealpoint keys create DEPLOYMENT',
  });
}

/** What the JSON documents tell of a key set. */
export function keySetOutcome(keySet: KeySet): KeySetOutcome {
  return {
    key: keySet.key,
    name: keySet.name,
    deployment: keySet.deployment,
    created: keySet.created,
    slots: keySet.slots.map(({ kind }) => kind),
    bytes: {
      evaluationKeys: keySet.evaluationKeys.sizeBytes,
      secretKeys: keySet.parameterSets.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    },
  };
}

/** Every readable key set by name; of damaged ones a person is told. */
export async function listKeySets(
  _options: object,
  environment: Environment,
  _running?: Running,
): Promise<KeyListOutcome> {
  return { keys: (await readableKeySets(environment)).map(keySetOutcome) };
}

async function readableKeySets(environment: Environment): Promise<readonly KeySet[]> {
  return await openKeyStore(environment.home).list((error) => {
    const tell = environment.notify ?? environment.log;
    tell(`Left out a damaged key set: ${error.message} ${error.place.file ?? ''}`);
  });
}

export async function renameKeySet(
  options: { readonly key: string; readonly name: string },
  environment: Environment,
  _running?: Running,
): Promise<KeySetOutcome> {
  const keySet = await pickKeySet({ key: options.key }, environment);
  return keySetOutcome(await openKeyStore(environment.home).rename(keySet, options.name));
}

/** Writes a copy of a key set under a passphrase that is asked for. */
export async function exportKeySet(
  options: { readonly key: string; readonly file: string },
  environment: Environment,
  running: Running,
): Promise<KeyFileOutcome> {
  const store = openKeyStore(environment.home);
  const keySet = await pickKeySet({ key: options.key }, environment);
  const passphrase = await asking(environment)({
    purpose: `New passphrase for the copy of key set "${keySet.name}"`,
    confirm: true,
  });
  running.onProgress({ stage: 'Exporting' });
  const file = resolve(options.file);
  const bytes = await writeExport(store, keySet, {
    file,
    passphrase,
    openers: { ...environment, signal: running.signal },
  });
  return { key: keySet.key, name: keySet.name, file, bytes };
}

/** The editor's slot wraps an imported key set where there is an editor, else the passphrase that opened the copy. */
export async function importKeySet(
  options: { readonly file: string },
  environment: Environment,
  running: Running,
): Promise<KeySetOutcome> {
  const ask = asking(environment);
  const passphrase = await ask({ purpose: 'Passphrase of the exported key set', confirm: false });
  running.signal.throwIfAborted();
  running.onProgress({ stage: 'Importing' });
  const { vault } = environment;
  const keySet = await readExport(openKeyStore(environment.home), {
    file: resolve(options.file),
    openers: { askPassphrase: () => Promise.resolve(passphrase), signal: running.signal },
    slots: () => ({ ...(vault === undefined ? { passphrase } : { vault }), signal: running.signal }),
  });
  return keySetOutcome(keySet);
}

function asking(environment: Environment): NonNullable<Environment['askPassphrase']> {
  if (environment.askPassphrase !== undefined) return environment.askPassphrase;
  throw new AppError('usage.no-passphrase', 'A passphrase is needed, and there is nobody to ask for it.');
}

export interface DeleteOptions {
  readonly key: string;
  /** Removes its evaluation keys from the stores of known profiles too. */
  readonly published?: boolean | undefined;
}

/** Deletes a key set for good, and tells where its evaluation keys are published. */
export async function deleteKeySet(
  options: DeleteOptions,
  environment: Environment,
  running: Running,
): Promise<KeyDeletedOutcome> {
  const keySet = await deletable(options.key, environment);
  running.onProgress({ stage: 'Looking for published evaluation keys' });
  const { holding, unchecked } = await storesHolding(storeKeys.evaluationKeys(keySet.key), environment, running);
  running.signal.throwIfAborted();
  const key = storeKeys.evaluationKeys(keySet.key);
  // The published ones go first: where a store refuses, the key set is still there to try again with.
  if (options.published === true) {
    for (const store of holding) await store.delete([key], { signal: running.signal });
  }
  await openKeyStore(environment.home).remove(keySet);
  return {
    key: keySet.key,
    name: keySet.name,
    published: holding.map((store) => store.uriOf(key)),
    publishedRemoved: options.published === true,
    unchecked,
  };
}

/** A damaged key set has lost its name; its id remains. */
async function deletable(reference: string, environment: Environment): Promise<Pick<KeySet, 'key' | 'name'>> {
  try {
    return await pickKeySet({ key: reference }, environment);
  } catch (error) {
    const key = await openKeyStore(environment.home).findDamaged(reference);
    if (key === undefined) throw error;
    return { key, name: key.slice(0, 8) };
  }
}

async function storesHolding(key: string, environment: Environment, running: Running) {
  const { profiles } = await listProfiles({}, environment);
  const unchecked: string[] = [];
  const holding: ArtifactStore[] = [];
  for (const profile of profiles) {
    const signal = AbortSignal.any([running.signal, AbortSignal.timeout(storeTimeoutMs)]);
    try {
      const store = profileStore(profile);
      if ((await store.stat(key, { signal })) !== undefined) holding.push(store);
    } catch {
      running.signal.throwIfAborted();
      // A store that does not answer keeps nobody from deleting a key; it is named.
      unchecked.push(profile.name);
    }
  }
  return { holding, unchecked };
}

/** Saves the evaluation keys, which are public, as a file for the endpoint. */
export async function saveEvaluationKeys(
  options: { readonly key: string; readonly output: string },
  environment: Environment,
  _running?: Running,
): Promise<KeyFileOutcome> {
  const keySet = await pickKeySet({ key: options.key }, environment);
  const bytes = await openKeyStore(environment.home).readEvaluationKeys(keySet);
  const file = resolve(options.output);
  await writeFileAtomic(file, bytes);
  return { key: keySet.key, name: keySet.name, file, bytes: bytes.length };
}
