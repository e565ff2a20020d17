import { resolve } from 'node:path';
import { readArtifact, type ResultHeader } from '../core/artifact/headers.ts';
import type { DecryptOutcome } from '../core/artifact/outcomes.ts';
import type { ClientDeployment } from '../core/artifact/deployment.ts';
import { AppError } from '../core/error.ts';
import { predictionColumns, predictionRows } from '../core/table/predictions.ts';
import { openKeyStore } from '../io/key-store.ts';
import { checkTableFile, openTableFile } from '../io/table-file.ts';
import { openCipher } from '../seal/cipher.ts';
import type { Environment, Running } from './environment.ts';
import { readWhole } from './evaluate.ts';
import { findDeployment } from './find-deployment.ts';
import { inOrder } from './ordered.ts';
import { unlock } from './unlock.ts';

export interface DecryptOptions {
  readonly results: readonly string[];
  readonly key?: string | undefined;
  /** A folder, client.zip, URI or id; default: by the results' own deployment id in the local store. */
  readonly deployment?: string | undefined;
  /** Default: predictions.csv in the current folder. */
  readonly output?: string | undefined;
}

/** Decrypts and verifies the results of one job, in the order of their queries, into a predictions file. */
export async function decryptResults(
  options: DecryptOptions,
  environment: Environment,
  running: Running,
): Promise<DecryptOutcome> {
  const started = performance.now();
  const headers = await readHeaders(options.results, running.signal);
  const [{ header: first }] = headers;
  const store = openKeyStore(environment.home);
  const keySet = await store.find(options.key ?? first.key);
  if (keySet.key !== first.key) {
    throw new AppError('artifact.other-key', 'The results were made for another key set.', {
      file: headers[0].file,
      hint: `They want the key set ${first.key.slice(0, 12)}.`,
    });
  }
  const reference = { deployment: options.deployment ?? first.deployment };
  const { client } = await findDeployment(reference, environment, running);
  const output = resolve(options.output ?? 'predictions.csv');
  await checkTableFile(output);
  using keys = await unlock(keySet, environment);
  await using cipher = openCipher(client, keys.secrets, { worker: environment.programs.clientWorker });
  const table = await openTableFile(output, columnsOf(client, first));
  let records = 0;
  let verified = 0;
  try {
    const decrypted = inOrder(listed(headers), cipher.threads + 2, async ({ file }) => {
      return await cipher.decrypt(await readWhole(file, running.signal), { file, signal: running.signal });
    });
    for await (const { scores, canaries, ...result } of decrypted) {
      await table.write(predictionRows(client.document.task, scores, result.records));
      records += result.records;
      verified += canaries;
      running.onProgress({ stage: 'Decrypting', done: records, unit: 'records' });
    }
    await table.commit();
  } catch (error) {
    await table.discard();
    throw error;
  }
  return { output, records, verified, seconds: (performance.now() - started) / 1000 };
}

interface ResultFile {
  readonly file: string;
  readonly header: ResultHeader;
}

/** In the order of their queries; one job, whole from its first query on. */
async function readHeaders(files: readonly string[], signal: AbortSignal): Promise<[ResultFile, ...ResultFile[]]> {
  const results: ResultFile[] = [];
  for (const file of files)
    results.push({ file, header: readArtifact('sealpoint.result', await readWhole(file, signal), file).header });
  results.sort((a, b) => a.header.index - b.header.index);
  const [first, ...others] = results;
  if (first === undefined)
    throw new AppError('usage.arguments', 'No result was named.', { hint: 'Give one or more .spr files.' });
  for (const [place, { file, header }] of [first, ...others].entries()) {
    if (header.job !== first.header.job || header.plan !== first.header.plan) {
      throw new AppError('artifact.unreadable', 'The results are of different jobs.', {
        file,
        hint: 'Decrypt one job at a time.',
      });
    }
    if (header.index === place) continue;
    throw new AppError('artifact.not-found', `The result of query ${String(place)} is missing, or there twice.`, {
      file,
      hint: 'Give every result of the job once: rows are in order only then.',
    });
  }
  return [first, ...others];
}

async function* listed(files: readonly ResultFile[]): AsyncGenerator<ResultFile> {
  for (const file of files) yield await Promise.resolve(file);
}

function columnsOf(client: ClientDeployment, header: ResultHeader): ReturnType<typeof predictionColumns> {
  const plan = client.document.plans.find((candidate) => candidate.mode === header.plan);
  if (plan === undefined) throw new AppError('artifact.unreadable', `The deployment has no plan for ${header.plan}.`);
  return predictionColumns(client.document.task, plan.outputs);
}
