import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { FilesOutcome } from '../core/artifact/outcomes.ts';
import { temporaryPath, toIoError, writeFileAtomic } from '../io/atomic.ts';
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

/** Encrypts a data file into query files. The whole file is checked first, and the queries appear together or not at all. */
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
  using keys = await unlock(keySet, environment);
  await using cipher = openCipher(client, keys.secrets, { worker: environment.programs.clientWorker });
  const job = freshJob();
  const isCanary = canaryQueries(client.id, data.plan, keys.secrets.canarySecret);
  let bytes = 0;
  let done = 0;
  const { signal } = running;
  const files = await allOrNone(folder, async (work) => {
    const names: string[] = [];
    const written = inOrder(
      queryRecords(data, client.document, { clip, signal, isCanary: (index) => isCanary(job, index) }),
      cipher.threads + 2,
      async (records) => {
        const identity = { mode: data.plan.mode, job, index: records.index, records: headerRecords(records) };
        const { query } = await cipher.encrypt(identity, records.features, { signal });
        const name = `query-${String(records.index).padStart(5, '0')}.spq`;
        await writeFileAtomic(join(work, name), query);
        return { name, size: query.length, records: records.records };
      },
    );
    for await (const query of written) {
      names.push(query.name);
      bytes += query.size;
      done += query.records;
      running.onProgress({ stage: `Encrypting ${basename(data.file)}`, done, total: data.records, unit: 'records' });
    }
    return names;
  });
  const seconds = (performance.now() - started) / 1000;
  return { deployment: client.id, plan: data.plan.mode, key: keySet.key, files, records: data.records, seconds, bytes };
}

/**
 * Some of a job's queries cannot be told from all of them, neither by who evaluates them nor by who decrypts what comes back.
 * @param fill writes files into a folder of their own and names them
 * @returns their paths in `folder`, which is made if need be
 */
async function allOrNone(folder: string, fill: (work: string) => Promise<readonly string[]>): Promise<string[]> {
  const made = await makeFolder(folder);
  const work = temporaryPath(folder);
  try {
    await makeFolder(work);
    const names = await fill(work);
    for (const name of names) await rename(join(work, name), join(folder, name));
    return names.map((name) => join(folder, name));
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    if (made) await rmdir(folder).catch(() => undefined);
    throw toIoError(error, 'write to', folder);
  } finally {
    await rmdir(work).catch(() => undefined);
  }
}

/** @returns whether there was none before. @throws {AppError} io.* */
export async function makeFolder(folder: string): Promise<boolean> {
  try {
    return (await mkdir(folder, { recursive: true })) !== undefined;
  } catch (cause) {
    throw toIoError(cause, 'write to', folder);
  }
}
