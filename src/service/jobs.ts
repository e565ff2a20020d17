import { storeKeys } from '../core/artifact/layout.ts';
import { jobDocument, type JobDocument, type JobState } from '../core/artifact/job.ts';
import { AppError } from '../core/error.ts';
import type { Environment, Running } from './environment.ts';
import { isHeld, listLedgers, readLedger, writeLedger, type Ledger } from './ledger.ts';
import { resolveProfile } from './profiles.ts';
import { profileStore } from './stores.ts';

export interface JobRow {
  readonly job: string;
  readonly created: string;
  /** `interrupted`: nobody works on it any more, and nobody ended it. */
  readonly state: JobState | 'interrupted';
  readonly deployment: string;
  readonly plan: string;
  readonly profile: string;
  readonly records: number;
  /** Queries whose result verified. */
  readonly verified: number;
  readonly file: string;
  readonly output: string;
  readonly failure?: { readonly code: string; readonly message: string };
}

/** The jobs of this machine, newest first; with an id, that one. */
export async function listJobs(
  options: { readonly id?: string | undefined },
  environment: Environment,
  _running: Running,
): Promise<{ readonly jobs: readonly JobRow[] }> {
  const ledgers =
    options.id === undefined ? await listLedgers(environment.home) : [await readLedger(environment.home, options.id)];
  return { jobs: await Promise.all(ledgers.map(async (ledger) => await seenRow(environment.home, ledger))) };
}

/**
 * Marks a job as cancelled and removes its queries and results from the store. A run in another process that still works on it fails at its
 * next query.
 */
export async function cancelJob(
  options: { readonly job: string },
  environment: Environment,
  running: Running,
): Promise<JobRow> {
  const ledger = await readLedger(environment.home, options.job);
  if (ledger.state === 'done') throw new AppError('job.not-resumable', `Job ${ledger.job.slice(0, 8)} is done.`);
  const store = profileStore(await resolveProfile(ledger.profile, environment));
  const { signal } = running;
  const files = ledger.queries.flatMap(({ index }) => [
    storeKeys.query(ledger.job, index),
    storeKeys.result(ledger.job, index),
  ]);
  await store.delete(files, { signal });
  const cancelled: Ledger = { ...ledger, state: 'cancelled', queries: [] };
  await writeLedger(environment.home, cancelled);
  const document = await store.read(storeKeys.job(ledger.job), { signal, maxBytes: 1 << 20 }).catch(() => undefined);
  if (document !== undefined)
    await writeState(document, async (bytes) => await store.write(storeKeys.job(ledger.job), bytes, { signal }));
  return rowOf(cancelled);
}

async function writeState(bytes: Uint8Array, write: (bytes: Uint8Array) => Promise<boolean>): Promise<void> {
  const document: JobDocument = jobDocument.parse(JSON.parse(new TextDecoder().decode(bytes)));
  await write(new TextEncoder().encode(`${JSON.stringify({ ...document, state: 'cancelled' }, undefined, 2)}\n`));
}

async function seenRow(home: string, ledger: Ledger): Promise<JobRow> {
  const row = rowOf(ledger);
  return row.state === 'running' && !(await isHeld(home, row.job)) ? { ...row, state: 'interrupted' } : row;
}

function rowOf(ledger: Ledger): JobRow {
  const { job, created, state, deployment, plan, profile, output, data, queries, failure } = ledger;
  const verified = queries.filter((query) => query.verified).length;
  const row = {
    job,
    created,
    state,
    deployment,
    plan,
    profile,
    records: data.records,
    verified,
    file: data.file,
    output,
  };
  return failure === undefined ? row : { ...row, failure };
}
