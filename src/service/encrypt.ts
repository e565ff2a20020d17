import { mkdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { FilesOutcome } from '../core/artifact/outcomes.ts';
import { toIoError, writeFileAtomic } from '../io/atomic.ts';
import { openCipher } from '../seal/cipher.ts';
import { canaryQueries } from '../seal/client/slots.ts';
import { checkData, headerRecords, queryRecords } from './checked-data.ts';
import type { Environment, Running } from './environment.ts';
import { findDeployment } from './find-deployment.ts';
import { inOrder } from './ordered.ts';
import { freshJob } from './job.ts';
import { requireKeySet, unlock } from './unlock.ts';

export interface EncryptOptions {
  readonly data: string;
  readonly deployment?: string | undefined;
  readonly key?: string | undefined;
  /** A folder; the queries are named query-00000.spq and on. */
  readonly output: string;
  readonly clip?: boolean | undefined;
}

/** Encrypts a data file into query files. The whole file is checked first, and no file appears before it is whole. */
export async function encryptData(
  options: EncryptOptions,
  environment: Environment,
  running: Running,
): Promise<FilesOutcome> {
  const started = performance.now();
  const { client } = await findDeployment(options, environment, running);
  const keySet = await requireKeySet(client, options.key, environment);
  const clip = options.clip ?? false;
  const data = await checkData(resolve(options.data), client.document, { clip, overLine: true, running });
  const folder = resolve(options.output);
  await makeFolder(folder);
  using keys = await unlock(keySet, environment);
  await using cipher = openCipher(client, keys.secrets, { worker: environment.programs.clientWorker });
  const job = freshJob();
  const isCanary = canaryQueries(client.id, data.plan, keys.secrets.canarySecret);
  const files: string[] = [];
  let bytes = 0;
  let done = 0;
  const { signal } = running;
  const written = inOrder(
    queryRecords(data, client.document, { clip, signal, isCanary: (index) => isCanary(job, index) }),
    cipher.threads + 2,
    async (records) => {
      const identity = { mode: data.plan.mode, job, index: records.index, records: headerRecords(records) };
      const { query } = await cipher.encrypt(identity, records.features, { signal });
      const file = join(folder, `query-${String(records.index).padStart(5, '0')}.spq`);
      await writeFileAtomic(file, query);
      return { file, size: query.length, records: records.records };
    },
  );
  for await (const query of written) {
    files.push(query.file);
    bytes += query.size;
    done += query.records;
    running.onProgress({ stage: `Encrypting ${basename(data.file)}`, done, total: data.records, unit: 'records' });
  }
  const seconds = (performance.now() - started) / 1000;
  return { deployment: client.id, plan: data.plan.mode, key: keySet.key, files, records: data.records, seconds, bytes };
}

/** @throws {AppError} io.* */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw toIoError(cause, 'write to', folder);
  }
}
