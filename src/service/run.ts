import { storeKeys } from '../core/artifact/layout.ts';
import type { RunOutcome } from '../core/artifact/outcomes.ts';
import type { ArtifactStore } from '../core/artifact/store.ts';
import { AppError, toAppError } from '../core/error.ts';
import { predictionColumns, predictionRows, withInput } from '../core/table/predictions.ts';
import { digestFile } from '../io/data-file.ts';
import { openTableFile, type TableFile } from '../io/table-file.ts';
import { openCipher } from '../seal/cipher.ts';
import { canaryQueries } from '../seal/client/slots.ts';
import { queryRecords, type CheckedData } from './checked-data.ts';
import { openEndpoint } from './endpoints.ts';
import type { Environment, Running } from './environment.ts';
import { countQueries, freshJob, newLedger, openJob, type Job } from './job.ts';
import { holdingJob, readLedger } from './ledger.ts';
import { answer, type Answered, type Line } from './query-line.ts';
import { inOrder } from './ordered.ts';
import { askingOnce, checkResumable, prepareRun, type RunOptions } from './prepare-run.ts';
import type { Profile } from './profiles.ts';
import { profileStore } from './stores.ts';
import { unlock, type UnlockedKeySet } from './unlock.ts';

/**
 * One data file through one endpoint: check, encrypt, put, invoke, get, decrypt, verify, write. The predictions file appears only when every
 * result verified; what was verified before a failure stays in the store, and `resume` goes on from there.
 */
export async function runJob(options: RunOptions, machine: Environment, running: Running): Promise<RunOutcome> {
  const started = performance.now();
  const environment = askingOnce(machine);
  const prepared = await prepareRun(options, environment, running);
  const { profile, found, data, keySet, warnings } = prepared;
  using keys = await unlock(keySet, environment);
  // Before a job begins: a damaged server.zip is found as the endpoint starts.
  await using cipher = openCipher(found.client, keys.secrets, { worker: environment.programs.clientWorker });
  await using endpoint = await openEndpoint(profile, found, { environment, running });
  const store = profileStore(profile);
  const ids = { deployment: found.client.id, key: keySet.key };
  const id = prepared.earlier?.job ?? freshJob();
  return await holdingJob(environment.home, id, async () => {
    // What goes on may have gone further since it was looked at.
    const earlier = prepared.earlier && (await readLedger(environment.home, id));
    checkResumable(earlier, { data, ...ids });
    const first = earlier ?? newLedger(id, { ...prepared, ...ids, profile: profile.name, source: found.source });
    const job = await openJob(first, {
      home: environment.home,
      store,
      queries: countQueries(data, id, canaryQueries(found.client.id, data.plan, keys.secrets.canarySecret)),
    });
    environment.log(`job ${id}: ${String(data.records)} records, plan ${data.plan.mode}, key ${ids.key.slice(0, 12)}`);
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
  });
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
  if (failure.code.startsWith('data.')) return error;
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
