import { encodeContainer } from '../core/artifact/container.ts';
import type { ServerDeployment } from '../core/artifact/deployment.ts';
import { readArtifact, type QueryHeader } from '../core/artifact/headers.ts';
import { queryDigest } from '../core/artifact/ids.ts';
import { AppError } from '../core/error.ts';
import { sha256 } from './digest.ts';
import type { ServerTasks } from './server-worker.ts';
import { openWorkerPool } from './worker-pool.ts';

export interface Evaluation {
  readonly result: Uint8Array;
  /** From the query's bytes in to the result's bytes out. */
  readonly seconds: number;
}

/** Fetches the evaluation keys (.spk) of a key id; called when they are not in the cache. */
export type LoadEvaluationKeys = (keyId: string, signal: AbortSignal) => Promise<Uint8Array>;

/** Evaluates queries of one deployment over a pool of threads; the calling thread never computes. */
export interface Evaluator extends AsyncDisposable {
  readonly deployment: string;
  evaluate(query: Uint8Array, loadKeys: LoadEvaluationKeys, signal: AbortSignal): Promise<Evaluation>;
}

type Tasks = { [Kind in keyof ServerTasks]: ServerTasks[Kind] };

/** Starts the threads of one deployment. @param options keyCacheBytes: most bytes of evaluation keys kept */
export function openEvaluator(
  deployment: ServerDeployment,
  options: { readonly worker: URL; readonly threads?: number; readonly keyCacheBytes: number },
): Evaluator {
  const shared = { ...deployment, tensors: sharedFloats(deployment.tensors) };
  const pool = openWorkerPool<Tasks>(options.worker, {
    data: shared,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  });
  const keysOf = keyCache(options.keyCacheBytes);
  return {
    deployment: deployment.id,
    evaluate: async (query, loadKeys, signal) => {
      const started = performance.now();
      const { header, sections } = readArtifact('sealpoint.query', query, 'query');
      checkQuery(header, deployment);
      const evaluationKeys = await keysOf(header.key, loadKeys, signal);
      const blocks = await Promise.all(
        header.sections.map(async (entry, index) => {
          const bytes = sections[index] ?? new Uint8Array(0);
          return await pool.run(
            'evaluate',
            { mode: header.plan, entry, bytes, key: header.key, evaluationKeys },
            signal,
          );
        }),
      );
      const seconds = (performance.now() - started) / 1000;
      const named = blocks.map((block, index) => ({ name: `block-${String(index)}`, ...block }));
      return { result: encodeContainer(resultHeaderOf(header, seconds), named, sha256), seconds };
    },
    [Symbol.asyncDispose]: async () => {
      await pool[Symbol.asyncDispose]();
    },
  };
}

function checkQuery(header: QueryHeader, deployment: ServerDeployment): void {
  if (header.deployment !== deployment.id) {
    throw new AppError('artifact.other-deployment', 'This query was encrypted for another deployment.', {
      hint: `This endpoint serves ${deployment.id}; the query wants ${header.deployment}.`,
    });
  }
  const plan = deployment.document.plans.find((candidate) => candidate.mode === header.plan);
  if (plan === undefined) throw new AppError('artifact.unreadable', `The deployment has no plan for ${header.plan}.`);
  if (header.sections.length < 1 || header.sections.length > plan.blocksPerQuery) {
    throw new AppError('artifact.unreadable', `A query of this plan has 1 to ${String(plan.blocksPerQuery)} blocks.`);
  }
}

function resultHeaderOf(header: QueryHeader, seconds: number): object {
  const { deployment, plan, key, job, index, records } = header;
  const query = queryDigest(header.sections, sha256);
  return { format: 'sealpoint.result', version: 1, deployment, plan, key, job, index, records, query, seconds };
}

/** .spk files by key id in memory that all threads share; the least recently used go when the bound is passed. */
function keyCache(
  maxBytes: number,
): (keyId: string, load: LoadEvaluationKeys, signal: AbortSignal) => Promise<Uint8Array> {
  const files = new Map<string, Promise<Uint8Array>>();
  const sizes = new Map<string, number>();
  const evict = (): void => {
    let total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    for (const [keyId, size] of sizes) {
      if (total <= maxBytes || sizes.size === 1) return;
      sizes.delete(keyId);
      files.delete(keyId);
      total -= size;
    }
  };
  return async (keyId, load, signal) => {
    const known = files.get(keyId);
    if (known !== undefined) {
      const size = sizes.get(keyId);
      sizes.delete(keyId);
      if (size !== undefined) sizes.set(keyId, size);
      return await known;
    }
    const loading = load(keyId, signal).then(sharedBytes);
    files.set(keyId, loading);
    try {
      const file = await loading;
      sizes.set(keyId, file.length);
      evict();
      return file;
    } catch (error) {
      files.delete(keyId);
      throw error;
    }
  };
}

function sharedBytes(bytes: Uint8Array): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

function sharedFloats(values: Float64Array): Float64Array {
  const shared = new Float64Array(new SharedArrayBuffer(values.byteLength));
  shared.set(values);
  return shared;
}
