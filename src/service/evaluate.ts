import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { readArtifact } from '../core/artifact/headers.ts';
import type { FilesOutcome } from '../core/artifact/outcomes.ts';
import { toIoError, writeFileAtomic } from '../io/atomic.ts';
import { AppError } from '../core/error.ts';
import { makeFolder } from './encrypt.ts';
import { openEndpointEngine } from './endpoint-engine.ts';
import type { Environment, Running } from './environment.ts';
import { findDeployment } from './find-deployment.ts';
import { serverFolder } from './endpoints.ts';
import { inOrder } from './ordered.ts';

export interface EvaluateOptions {
  readonly queries: readonly string[];
  readonly deployment?: string | undefined;
  /** An .spk file. */
  readonly evaluationKeys: string;
  /** A folder; query-NNNNN.spq becomes result-NNNNN.spr. */
  readonly output: string;
}

/** The bundled evaluator without a server: queries to results. */
export async function evaluateQueries(
  options: EvaluateOptions,
  environment: Environment,
  running: Running,
): Promise<FilesOutcome> {
  const [first] = options.queries;
  if (first === undefined)
    throw new AppError('usage.arguments', 'No query was named.', { hint: 'Give one or more .spq files.' });
  const names = resultNames(options.queries);
  const started = performance.now();
  const found = await findDeployment(options, environment, running);
  const folder = resolve(options.output);
  await makeFolder(folder);
  const engine = await openEndpointEngine(
    { deployment: await serverFolder(found, { environment, running }) },
    environment,
  );
  try {
    const keys = await readWhole(options.evaluationKeys, running.signal);
    const files: string[] = [];
    let bytes = 0;
    let records = 0;
    const evaluated = inOrder(options.queries.entries(), engine.threads, async ([index, file]) => {
      const query = await readWhole(file, running.signal);
      const { header } = readArtifact('sealpoint.query', query, file);
      const { result } = await engine
        .evaluate(query, { load: () => Promise.resolve(keys) }, running)
        .catch((error: unknown) => {
          throw placed(error, { query: file, 'evaluation keys': options.evaluationKeys });
        });
      const target = join(folder, names[index] ?? '');
      await writeFileAtomic(target, result);
      return { target, size: result.length, records: header.records };
    });
    for await (const { target, size, records: more } of evaluated) {
      files.push(target);
      bytes += size;
      records += more;
      running.onProgress({ stage: 'Evaluating', done: files.length, total: options.queries.length, unit: 'queries' });
    }
    const { header } = readArtifact('sealpoint.query', await readWhole(first, running.signal), first);
    const seconds = (performance.now() - started) / 1000;
    return { deployment: engine.deployment, plan: header.plan, key: header.key, files, records, seconds, bytes };
  } finally {
    await engine.close();
  }
}

/** query-NNNNN.spq becomes result-NNNNN.spr. @throws {AppError} usage.arguments where two would get one name */
function resultNames(queries: readonly string[]): string[] {
  const names = queries.map((file) =>
    basename(file)
      .replace(/^query-/u, 'result-')
      .replace(/(?:\.spq)?$/u, '.spr'),
  );
  const twin = names.findIndex((name, index) => names.indexOf(name) < index);
  if (twin < 0) return names;
  throw new AppError('usage.arguments', 'Two queries have the same name, and their results would too.', {
    file: queries[twin],
    hint: 'Evaluate the queries of one job at a time, each once.',
  });
}

/** The engine knows no files: it calls what it was given by its kind. */
function placed(error: unknown, files: Readonly<Record<string, string>>): unknown {
  if (!(error instanceof AppError)) return error;
  const file = files[error.place.file ?? ''];
  if (file === undefined) return error;
  return new AppError(error.code, error.message, { ...error.place, file, hint: error.hint, cause: error });
}

/** @throws {AppError} io.* */
export async function readWhole(file: string, signal: AbortSignal): Promise<Uint8Array> {
  try {
    return await readFile(file, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw toIoError(cause, 'read', file);
  }
}
