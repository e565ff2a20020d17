import { storeKeys } from '../core/artifact/layout.ts';
import type { JobDocument, JobState } from '../core/artifact/job.ts';
import type { ArtifactStore } from '../core/artifact/store.ts';
import type { AppError } from '../core/error.ts';
import { queryCapacity } from '../core/plan/plan.ts';
import type { DecryptedResult } from '../seal/client/secret-session.ts';
import type { CheckedData } from './checked-data.ts';
import { writeLedger, type Ledger } from './ledger.ts';
import { freshJob } from './prove.ts';

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

export interface NewJob {
  readonly data: CheckedData;
  readonly deployment: string;
  readonly key: string;
  readonly profile: string;
  readonly output: string;
  readonly withInput: boolean;
  readonly clip: boolean;
}

/** Starts a job, or goes on with an earlier ledger. */
export async function openJob(
  start: NewJob | Ledger,
  places: { readonly home: string; readonly store: ArtifactStore },
): Promise<Job> {
  const { home, store } = places;
  let ledger: Ledger = 'job' in start ? { ...start, state: 'running', failure: undefined } : newLedger(start);
  const capacity = 'job' in start ? undefined : queryCapacity(start.data.plan);
  const queryCount = capacity === undefined ? ledger.queries.length : Math.ceil(ledger.data.records / capacity);
  const digests = new Map(ledger.queries.map((query) => [query.index, query.digest]));
  const done = new Map<number, Ledger['queries'][number]>();
  const bytes = { sent: 0, received: 0 };
  const seconds = { encrypt: 0, evaluate: 0, decrypt: 0 };
  let canaries = 0;
  let writing = Promise.resolve();

  /** Writes go one after another: a later state never lies under an earlier one. */
  const save = async (): Promise<void> => {
    const snapshot = ledger;
    writing = writing
      .catch(() => undefined)
      .then(async () => {
        await writeLedger(home, snapshot);
      });
    await writing;
  };
  const saveDocument = async (): Promise<void> => {
    const text = JSON.stringify(
      documentOf(ledger, { queries: Math.max(1, queryCount), verified: done.size }),
      undefined,
      2,
    );
    // Not the job's own signal: the last state is written after a cancel too.
    await store.write(storeKeys.job(ledger.job), new TextEncoder().encode(`${text}\n`), {
      signal: AbortSignal.timeout(10_000),
    });
  };
  const note = (query: Ledger['queries'][number]): void => {
    const others = ledger.queries.filter((other) => other.index !== query.index);
    ledger = { ...ledger, queries: [...others, query].sort((a, b) => a.index - b.index) };
  };

  await save();
  await saveDocument();
  return {
    id: ledger.job,
    queries: () => done.size,
    canaries: () => canaries,
    digestOf: (index) => digests.get(index),
    encrypted: async (query, spent) => {
      seconds.encrypt += spent;
      note({ ...query, verified: false });
      await save();
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
      const query = ledger.queries.find((candidate) => candidate.index === index);
      if (query === undefined) return;
      done.set(index, query);
      note({ ...query, verified: true });
      await save();
    },
    finish: async (state, failure) => {
      const reason = failure === undefined ? {} : { failure: { code: failure.code, message: failure.message } };
      ledger = { ...ledger, state, ...reason };
      await save().catch(() => undefined);
      await saveDocument().catch(() => undefined);
    },
    totals: () => ({ bytes: { ...bytes }, seconds: { ...seconds } }),
  };
}

function newLedger(start: NewJob): Ledger {
  const { file, sha256, records, plan } = start.data;
  return {
    format: 'sealpoint.ledger',
    version: 1,
    job: freshJob(),
    created: new Date().toISOString(),
    state: 'running',
    data: { file, sha256, records },
    deployment: start.deployment,
    plan: plan.mode,
    key: start.key,
    profile: start.profile,
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
