import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../core/error.ts';
import { openEvaluator } from '../seal/evaluator.ts';
import { readServerArchive } from './deployment-archives.ts';
import type { Environment } from './environment.ts';

/** Where the engine gets evaluation keys that it does not hold in its cache. */
export interface EvaluationKeySource {
  load(keyId: string, signal: AbortSignal): Promise<Uint8Array>;
}

/** What the endpoint computes with: one deployment, opened. Knows nothing of HTTP, stores or URIs. */
export interface EndpointEngine {
  /** Deployment id. */
  readonly deployment: string;
  /** Queries that it evaluates side by side. */
  readonly threads: number;
  /**
   * From a query's bytes to a result's bytes. Verifies header, hashes and ids, and caches evaluation keys by key id.
   * @returns the result and the seconds from bytes in to bytes out
   * @throws {AppError} artifact.*, seal.*; whatever `keys.load` throws; aborts
   */
  evaluate(
    query: Uint8Array,
    keys: EvaluationKeySource,
    options: { readonly signal: AbortSignal },
  ): Promise<{ readonly result: Uint8Array; readonly seconds: number }>;
  close(): Promise<void>;
}

export interface EndpointEngineOptions {
  /** A deployment's folder or its server.zip. */
  readonly deployment: string;
  readonly threads?: number;
  /** Most bytes of evaluation keys held. */
  readonly keyCacheBytes?: number;
}

const defaultKeyCacheBytes = 512 * 2 ** 20;

/** @throws {AppError} artifact.* where the folder or archive holds no deployment, or was changed */
export async function openEndpointEngine(
  options: EndpointEngineOptions,
  environment: Environment,
): Promise<EndpointEngine> {
  const deployment = await readServerArchive(await serverZipOf(options.deployment), options.deployment);
  const evaluator = openEvaluator(deployment, {
    worker: environment.programs.serverWorker,
    keyCacheBytes: options.keyCacheBytes ?? defaultKeyCacheBytes,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  });
  return {
    deployment: deployment.id,
    threads: evaluator.threads,
    evaluate: async (query, keys, { signal }) =>
      await evaluator.evaluate(query, async (keyId, abort) => await keys.load(keyId, abort), signal),
    close: async () => {
      await evaluator[Symbol.asyncDispose]();
    },
  };
}

/** A folder as compile writes it or as a store lays it out, or the archive itself. */
async function serverZipOf(path: string): Promise<string> {
  for (const candidate of [path, join(path, 'server.zip'), join(path, 'server', 'server.zip')]) {
    const found = await stat(candidate).catch(() => undefined);
    if (found?.isFile() === true) return candidate;
  }
  throw new AppError('artifact.not-found', `There is no server.zip at ${path}.`, {
    file: path,
    hint: 'Give the folder that compile wrote.',
  });
}
