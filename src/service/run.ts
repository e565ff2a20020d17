import { resolve } from 'node:path';
import { storeKeys } from '../core/artifact/layout.ts';
import type { RunOutcome } from '../core/artifact/outcomes.ts';
import type { ArtifactStore } from '../core/artifact/store.ts';
import { AppError, toAppError } from '../core/error.ts';
import { predictionColumns, predictionRows, withInput } from '../core/table/predictions.ts';
import { digestFile } from '../io/data-file.ts';
import { openTableFile, type TableFile } from '../io/table-file.ts';
import { openCipher } from '../seal/cipher.ts';
import { canaryQueries } from '../seal/client/slots.ts';
import { checkData, queryRecords, type CheckedData } from './checked-data.ts';
import { openEndpoint } from './endpoints.ts';
import type { Environment, Running } from './environment.ts';
import { findDeployment, type FoundDeployment } from './find-deployment.ts';
import { openJob, type Job } from './job.ts';
import { readLedger, type Ledger } from './ledger.ts';
import { answer, type Answered, type Line } from './query-line.ts';
import { inOrder } from './ordered.ts';
import { resolveProfile, type Profile } from './profiles.ts';
import { profileStore } from './stores.ts';
import { createKeySetFor } from './create-key-set.ts';
import { chooseKeySet, unlock, type UnlockedKeySet } from './unlock.ts';

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

/**
 * One data file through one endpoint: check, encrypt, put, invoke, get, decrypt, verify, write. The predictions file appears only when every
 * result verified; what was verified before a failure stays in the store, and `resume` goes on from there.
 */
export async function runJob(options: RunOptions, machine: Environment, running: Running): Promise<RunOutcome> {
  const started = performance.now();
  const environment = askingOnce(machine);
  const prepared = await prepare(options, environment, running);
  const { profile, found, data, keySet, warnings } = prepared;
  using keys = await unlock(keySet, environment);
  // Before a job begins: a damaged server.zip is found as the endpoint starts.
  await using cipher = openCipher(found.client, keys.secrets, { worker: environment.programs.clientWorker });
  await using endpoint = await openEndpoint(profile, found, { environment, running });
  const store = profileStore(profile);
  const ids = { deployment: found.client.id, key: keySet.key };
  const job = await openJob(prepared.earlier ?? { ...prepared, ...ids, profile: profile.name }, {
    home: environment.home,
    store,
    isCanary: canaryQueries(found.client.id, data.plan, keys.secrets.canarySecret),
  });
  environment.log(
    `job ${job.id}: ${String(data.records)} records, plan ${data.plan.mode}, key ${ids.key.slice(0, 12)}`,
  );
  try {
    await publishKeys(store, keys, { job, signal: running.signal });
    await writePredictions({ found, data, keys, cipher, store, endpoint, job, running }, prepared);
    await job.finish('done');
    if (data.clipped > 0) warnings.push(`${String(data.clipped)} values beyond the planned range were clipped.`);
    return outcomeOf({ ...prepared, ...ids, job, started });
  } catch (error) {
    await job.finish(running.signal.aborted ? 'cancelled' : 'failed', toAppError(error));
    throw withResumeHint(error, job);
  }
}

/** A key set that is made and opened in one run has one passphrase, which nobody should type again. */
function askingOnce(environment: Environment): Environment {
  const { askPassphrase } = environment;
  if (askPassphrase === undefined) return environment;
  let asked: Promise<string> | undefined;
  return { ...environment, askPassphrase: (request) => (asked ??= askPassphrase(request)) };
}

/** What a run works with, all of it found good before a job begins. */
interface Prepared {
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

async function prepare(options: RunOptions, environment: Environment, running: Running): Promise<Prepared> {
  const earlier = options.resume === undefined ? undefined : await readLedger(environment.home, options.resume);
  const chosen = { ...earlier, ...definedOnly(options) };
  const profile = await resolveProfile(chosen.profile, environment);
  const found = await findDeployment(chosen, environment, running);
  const { clip = false, withInput: withInputs = false } = chosen;
  const data = await checkData(resolve(options.data), found.client.document, {
    clip,
    overLine: profile.name !== 'local',
    running,
  });
  const warnings: string[] = [];
  const keySet = await keySetFor(chosen.key, { found, profile, warnings, environment, running });
  const output = resolve(chosen.output ?? 'predictions.csv');
  if (output === data.file) {
    const hint = 'Name another file with -o.';
    throw new AppError('usage.arguments', 'The predictions would replace the data file.', { file: output, hint });
  }
  checkResumable(earlier, { data, deployment: found.client.id, key: keySet.key });
  return { earlier, profile, found, data, keySet, output, withInput: withInputs, clip, warnings };
}

/** What the user said; what was left out is taken from the job that goes on. */
function definedOnly(options: RunOptions): Partial<Omit<RunOptions, 'data' | 'resume'>> {
  const { data: _data, resume: _resume, ...rest } = options;
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
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

function checkResumable(
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

async function publishKeys(
  store: ArtifactStore,
  keys: UnlockedKeySet,
  context: { readonly job: Job; readonly signal: AbortSignal },
): Promise<void> {
  const written = await store.write(storeKeys.evaluationKeys(keys.secrets.key), keys.evaluationKeys, {
    signal: context.signal,
    ifAbsent: true,
  });
  if (written) context.job.sent(keys.evaluationKeys.length);
}

async function writePredictions(
  line: Line,
  options: { readonly output: string; readonly withInput: boolean; readonly clip: boolean },
): Promise<void> {
  const { found, data, keys, job, cipher, running } = line;
  const { task } = found.client.document;
  const predicted = predictionColumns(task, data.plan.outputs);
  const inputs = options.withInput ? data.header.map((name) => ({ name, type: 'text' as const })) : [];
  const columns = options.withInput ? [...inputs, ...withInput(data.header, predicted)] : predicted;
  const table = await openTableFile(options.output, columns);
  const stop = new AbortController();
  const signal = AbortSignal.any([running.signal, stop.signal]);
  try {
    const isCanary = canaryQueries(found.client.id, data.plan, keys.secrets.canarySecret);
    const records = queryRecords(data, found.client.document, {
      clip: options.clip,
      signal,
      isCanary: (index) => isCanary(job.id, index),
    });
    const answers = inOrder(records, cipher.threads + 2, async (query) => await answer(line, query, signal));
    await writeAnswers(table, answers, { line, withInput: options.withInput });
    const again = await checkUnchanged(data, running.signal);
    if (!again)
      throw new AppError('data.changed', `${data.file} changed while it was read.`, {
        file: data.file,
        hint: 'Run it again.',
      });
    await table.commit();
  } catch (error) {
    stop.abort(error);
    await table.discard();
    running.signal.throwIfAborted();
    throw error;
  }
}

async function writeAnswers(
  table: TableFile,
  answers: AsyncIterable<Answered>,
  context: { readonly line: Line; readonly withInput: boolean },
): Promise<void> {
  const { found, data, running } = context.line;
  let done = 0;
  for await (const { records, scores } of answers) {
    const rows = predictionRows(found.client.document.task, scores, records.records);
    await table.write(context.withInput ? rows.map((row, index) => [...(records.cells[index] ?? []), ...row]) : rows);
    done += records.records;
    running.onProgress({ stage: 'Evaluating encrypted records', done, total: data.records, unit: 'records' });
  }
}

async function checkUnchanged(data: CheckedData, signal: AbortSignal): Promise<boolean> {
  return (await digestFile(data.file, { signal })) === data.sha256;
}

function withResumeHint(error: unknown, job: Job): unknown {
  const failure = toAppError(error);
  if (failure.code === 'cancelled' || failure.code.startsWith('data.')) return error;
  const advice = failure.hint === undefined ? '' : `${failure.hint} `;
  return new AppError(failure.code, failure.message, {
    ...failure.place,
    cause: error,
    hint: `${advice}Go on from what was verified: sealpoint run DATA --resume ${job.id.slice(0, 8)}`,
  });
}

function outcomeOf(parts: {
  readonly job: Job;
  readonly data: CheckedData;
  readonly profile: Profile;
  readonly output: string;
  readonly warnings: readonly string[];
  readonly deployment: string;
  readonly key: string;
  readonly started: number;
}): RunOutcome {
  const { job, data, deployment, key, output } = parts;
  const { bytes, seconds } = job.totals();
  return {
    job: job.id,
    deployment,
    plan: data.plan.mode,
    key,
    profile: parts.profile.name,
    output,
    records: data.records,
    queries: job.queries(),
    verified: job.canaries(),
    clipped: data.clipped,
    bytes,
    seconds: { ...seconds, total: (performance.now() - parts.started) / 1000 },
    warnings: [...parts.warnings],
  };
}
