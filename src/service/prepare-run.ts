import { resolve } from 'node:path';
import { AppError } from '../core/error.ts';
import { isSameFile } from '../io/file-bytes.ts';
import { checkTableFile } from '../io/table-file.ts';
import { checkData, type CheckedData } from './checked-data.ts';
import { createKeySetFor } from './create-key-set.ts';
import type { Environment, Running } from './environment.ts';
import { findDeployment, type FoundDeployment } from './find-deployment.ts';
import { readLedger, type Ledger } from './ledger.ts';
import { resolveProfile, type Profile } from './profiles.ts';
import { chooseKeySet, type UnlockedKeySet } from './unlock.ts';

export interface RunOptions {
  readonly data: string;
  readonly deployment?: string | undefined;
  readonly profile?: string | undefined;
  readonly key?: string | undefined;
  /** Default: predictions.csv in the current folder. */
  readonly output?: string | undefined;
  readonly withInput?: boolean | undefined;
  readonly clip?: boolean | undefined;
  /** A job to go on with, by id or its beginning: the same data, deployment and key. */
  readonly resume?: string | undefined;
}

/** A key set that is made and opened in one run has one passphrase, which nobody should type again. */
export function askingOnce(environment: Environment): Environment {
  const { askPassphrase } = environment;
  if (askPassphrase === undefined) return environment;
  let asked: Promise<string> | undefined;
  return { ...environment, askPassphrase: (request) => (asked ??= askPassphrase(request)) };
}

/** What a run works with, all of it found good before a job begins. */
export interface Prepared {
  readonly earlier: Ledger | undefined;
  readonly profile: Profile;
  readonly found: FoundDeployment;
  readonly data: CheckedData;
  readonly keySet: UnlockedKeySet['keySet'];
  readonly output: string;
  readonly withInput: boolean;
  readonly clip: boolean;
  readonly warnings: string[];
}

/** @throws {AppError} whatever is wrong with what was named: nothing was sent or made then, but perhaps a key set */
export async function prepareRun(options: RunOptions, environment: Environment, running: Running): Promise<Prepared> {
  const earlier = options.resume === undefined ? undefined : await readLedger(environment.home, options.resume);
  const chosen = { ...earlier, ...definedOnly(options) };
  const profile = await resolveProfile(chosen.profile, environment);
  const found = await deploymentFor(options, earlier, { profile, environment, running });
  const { clip = false, withInput: withInputs = false } = chosen;
  const data = await checkData(resolve(options.data), found.client.document, {
    clip,
    overLine: profile.name !== 'local',
    running,
  });
  const output = resolve(chosen.output ?? 'predictions.csv');
  await checkOutput(output, data.file);
  const warnings: string[] = [];
  const keySet = await keySetFor(chosen.key, { found, profile, warnings, environment, running });
  checkResumable(earlier, { data, deployment: found.client.id, key: keySet.key });
  return { earlier, profile, found, data, keySet, output, withInput: withInputs, clip, warnings };
}

/** What the user said; what was left out is taken from the job that goes on. */
function definedOnly(options: RunOptions): Partial<Omit<RunOptions, 'data' | 'resume'>> {
  const { data: _data, resume: _resume, ...rest } = options;
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
}

/**
 * A job that goes on is of the same deployment wherever that lies now: in the local store or the profile's, else where it was first, which may
 * hold another one meanwhile.
 */
async function deploymentFor(
  { deployment }: RunOptions,
  earlier: Ledger | undefined,
  bound: { readonly profile: Profile; readonly environment: Environment; readonly running: Running },
): Promise<FoundDeployment> {
  const { environment, running } = bound;
  const find = async (reference: string | undefined): Promise<FoundDeployment> =>
    await findDeployment({ deployment: reference, profile: bound.profile.name }, environment, running);
  if (deployment !== undefined || earlier === undefined) return await find(deployment);
  try {
    return await find(earlier.deployment);
  } catch (error) {
    if (earlier.source === undefined) throw error;
    return await find(earlier.source);
  }
}

/** Before anything is made: a job whose predictions cannot be written is work for nothing. */
async function checkOutput(output: string, data: string): Promise<void> {
  if (await isSameFile(output, data)) {
    const hint = 'Name another file with -o.';
    throw new AppError('usage.arguments', 'The predictions would replace the data file.', { file: output, hint });
  }
  await checkTableFile(output);
}

async function keySetFor(
  reference: string | undefined,
  context: {
    readonly found: FoundDeployment;
    readonly profile: Profile;
    readonly warnings: string[];
    readonly environment: Environment;
    readonly running: Running;
  },
): Promise<UnlockedKeySet['keySet']> {
  const { found, profile, environment, running } = context;
  const chosen = await chooseKeySet(found.client, reference, environment);
  if (chosen !== undefined) return chosen;
  // Elsewhere evaluation keys go out with the job: there the user decides when.
  if (profile.name !== 'local') {
    throw new AppError('key.not-found', 'There is no key set for this deployment yet.', {
      hint: 'Make one: sealpoint keys create DEPLOYMENT',
    });
  }
  const created = await createKeySetFor(found.client, { isFirst: true }, { environment, running });
  context.warnings.push(`There was no key set for this deployment: "${created.name}" was created.`);
  return created;
}

/** @param earlier what its ledger says; undefined for a new job. @throws {AppError} job.not-resumable */
export function checkResumable(
  earlier: Ledger | undefined,
  now: { readonly data: CheckedData; readonly deployment: string; readonly key: string },
): void {
  if (earlier === undefined) return;
  const refuse = (what: string): AppError =>
    new AppError('job.not-resumable', `Job ${earlier.job.slice(0, 8)} cannot go on: ${what}.`, {
      hint: 'Start a new job without --resume.',
    });
  if (earlier.state === 'done') throw refuse('it is done');
  if (earlier.data.sha256 !== now.data.sha256) throw refuse('the data file is not the same');
  if (earlier.deployment !== now.deployment) throw refuse('the deployment is another one');
  if (earlier.key !== now.key) throw refuse('the key set is another one');
}
