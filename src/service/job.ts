import { randomBytes } from 'node:crypto';
import { storeKeys } from '../core/artifact/layout.ts';
import type { JobDocument, JobState } from '../core/artifact/job.ts';
import type { ArtifactStore } from '../core/artifact/store.ts';
import { toAppError, type AppError } from '../core/error.ts';
import { querySizes } from '../core/plan/canaries.ts';
import { queryCapacity } from '../core/plan/plan.ts';
import type { CanaryQueries } from '../seal/client/slots.ts';
import type { DecryptedResult } from '../seal/client/secret-session.ts';
import type { CheckedData } from './checked-data.ts';
import { writeLedger, type Ledger } from './ledger.ts';

/** A job under way: its ledger on this machine, its job.json in the store, and what it cost so far. */
export interface Job {
  readonly id: string;
  queries(): number;
  canaries(): number;
  /** The digest of a query that an earlier attempt sent. */
  digestOf(index: number): string | undefined;
  encrypted(
    query: { readonly index: number; readonly records: number; readonly digest: string },
    seconds: number,
  ): Promise<void>;
  sent(bytes: number): void;
  received(bytes: number): void;
  verified(index: number, result: DecryptedResult): Promise<void>;
  /** Writes the last state; a failure to write it does not hide the job's own. */
  finish(state: JobState, failure?: AppError): Promise<void>;
  totals(): {
    readonly bytes: { readonly sent: number; readonly received: number };
    readonly seconds: { readonly encrypt: number; readonly evaluate: number; readonly decrypt: number };
  };
}

/** What a new job's ledger says. */
export interface NewJob {
  readonly data: CheckedData;
  readonly deployment: string;
  readonly key: string;
  readonly profile: string;
  readonly source: string;
  readonly output: string;
  readonly withInput: boolean;
  readonly clip: boolean;
}

/** Starts a job, or goes on with an earlier ledger. @param places queries: how many the job has in all */
export async function openJob(
  ledger: Ledger,
  places: { readonly home: string; readonly store: ArtifactStore; readonly queries: number },
): Promise<Job> {
  const first: Ledger = { ...ledger, state: 'running', failure: undefined };
  const records = openRecords(first, places);
  const digests = new Map(first.queries.map((query) => [query.index, query.digest]));
  const bytes = { sent: 0, received: 0 };
  const seconds = { encrypt: 0, evaluate: 0, decrypt: 0 };
  let canaries = 0;
  await records.saveLedger();
  try {
    await records.saveDocument();
  } catch (error) {
    await records.finish('failed', toAppError(error));
    throw error;
  }
  return {
    id: first.job,
    queries: () => records.verified(),
    canaries: () => canaries,
    digestOf: (index) => digests.get(index),
    encrypted: async (query, spent) => {
      seconds.encrypt += spent;
      await records.note({ ...query, verified: false });
    },
    sent: (count) => {
      bytes.sent += count;
    },
    received: (count) => {
      bytes.received += count;
    },
    verified: async (index, result) => {
      seconds.evaluate += result.header.seconds;
      seconds.decrypt += result.seconds;
      canaries += result.canaries;
      await records.verify(index);
    },
    finish: async (state, failure) => {
      await records.finish(state, failure);
    },
    totals: () => ({ bytes: { ...bytes }, seconds: { ...seconds } }),
  };
}

export function countQueries(data: CheckedData, job: string, isCanary: CanaryQueries): number {
  const capacity = queryCapacity(data.plan);
  let count = 0;
  for (const _ of querySizes(data.records, { capacity, isCanary: (index) => isCanary(job, index) })) count += 1;
  return count;
}

/** The ledger on this machine and job.json in the store. */
interface JobRecords {
  saveLedger(): Promise<void>;
  saveDocument(): Promise<void>;
  note(query: Ledger['queries'][number]): Promise<void>;
  verify(index: number): Promise<void>;
  /** Queries verified by this run. */
  verified(): number;
  finish(state: JobState, failure: AppError | undefined): Promise<void>;
}

function openRecords(
  first: Ledger,
  places: { readonly home: string; readonly store: ArtifactStore; readonly queries: number },
): JobRecords {
  let ledger = first;
  let writing = Promise.resolve();
  const done = new Set<number>();
  const saveLedger = async (): Promise<void> => {
    const snapshot = ledger;
    // Writes go one after another: a later state never lies under an earlier one.
    writing = writing
      .catch(() => undefined)
      .then(async () => {
        await writeLedger(places.home, snapshot);
      });
    await writing;
  };
  const saveDocument = async (): Promise<void> => {
    const text = JSON.stringify(documentOf(ledger, { queries: places.queries, verified: done.size }), undefined, 2);
    // Not the job's own signal: the last state is written after a cancel too.
    const signal = AbortSignal.timeout(10_000);
    await places.store.write(storeKeys.job(ledger.job), new TextEncoder().encode(`${text}\n`), { signal });
  };
  const note = async (query: Ledger['queries'][number]): Promise<void> => {
    const others = ledger.queries.filter((other) => other.index !== query.index);
    ledger = { ...ledger, queries: [...others, query].sort((a, b) => a.index - b.index) };
    await saveLedger();
  };
  return {
    saveLedger,
    saveDocument,
    note,
    verify: async (index) => {
      const query = ledger.queries.find((candidate) => candidate.index === index);
      if (query === undefined) return;
      done.add(index);
      await note({ ...query, verified: true });
    },
    verified: () => done.size,
    finish: async (state, failure) => {
      const reason = failure === undefined ? {} : { failure: { code: failure.code, message: failure.message } };
      ledger = { ...ledger, state, ...reason };
      await saveLedger().catch(() => undefined);
      await saveDocument().catch(() => undefined);
    },
  };
}

export function newLedger(job: string, start: NewJob): Ledger {
  const { file, sha256, records, plan } = start.data;
  return {
    format: 'sealpoint.ledger',
    version: 1,
    job,
    created: new Date().toISOString(),
    state: 'running',
    data: { file, sha256, records },
    deployment: start.deployment,
    plan: plan.mode,
    key: start.key,
    profile: start.profile,
    source: start.source,
    output: start.output,
    withInput: start.withInput,
    clip: start.clip,
    queries: [],
  };
}

function documentOf(ledger: Ledger, counts: { readonly queries: number; readonly verified: number }): JobDocument {
  const { job, created, state, deployment, plan, key } = ledger;
  return {
    format: 'sealpoint.job',
    version: 1,
    job,
    created,
    state,
    deployment,
    plan,
    key,
    records: ledger.data.records,
    ...counts,
  };
}

/** A job id: 128 random bits. */
export function freshJob(): string {
  return randomBytes(16).toString('hex');
}
