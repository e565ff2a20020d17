import { encodeContainer } from '../core/artifact/container.ts';
import type { ServerDeployment } from '../core/artifact/deployment.ts';
import { readArtifact, type QueryHeader } from '../core/artifact/headers.ts';
import { queryDigest } from '../core/artifact/ids.ts';
import { AppError } from '../core/error.ts';
import { sharing, type ServerPlan } from '../core/plan/plan.ts';
import { sha256 } from './digest.ts';
import type { BlockRequest, EvaluatedBlock } from './server/server-session.ts';
import type { ServerTasks } from './server-worker.ts';
import { openWorkerPool, type WorkerPool } from './worker-pool.ts';

export interface Evaluation {
  readonly result: Uint8Array;
  /** From the query's bytes in to the result's bytes out. */
  readonly seconds: number;
  /** Of these, where threads shared a block: what one of them computed after the shared steps. */
  readonly aloneSeconds?: number;
}

/** Fetches the evaluation keys (.spk) of a key id; called when they are not in the cache. */
export type LoadEvaluationKeys = (keyId: string, signal: AbortSignal) => Promise<Uint8Array>;

/** Evaluates queries of one deployment over a pool of threads; the calling thread never computes. */
export interface Evaluator extends AsyncDisposable {
  readonly deployment: string;
  readonly threads: number;
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
  const takeTurn = turns();
  let underWay = 0;
  prepareSplitPlans(pool, deployment);
  return {
    deployment: deployment.id,
    threads: pool.threads,
    evaluate: async (query, loadKeys, signal) => {
      const { header, sections } = readArtifact('sealpoint.query', query, 'query');
      const plan = checkQuery(header, deployment);
      const evaluationKeys = await keysOf(header.key, loadKeys, signal);
      const requests = header.sections.map((entry, index) => {
        const bytes = sections[index] ?? new Uint8Array(0);
        return { mode: header.plan, entry, bytes, key: header.key, evaluationKeys };
      });
      // One record is split over all threads, one query after the other: they end sooner than in each other's way. Large blocks are, too,
      // while no other query wants the threads; several are spread whole, which costs less in all.
      using turn = sharing(plan) === 'always' ? await takeTurn(signal) : undefined;
      const split = turn !== undefined || (sharing(plan) === 'when idle' && underWay === 0 && requests.length === 1);
      underWay += 1;
      try {
        const started = turn?.started ?? performance.now();
        const blocks = await Promise.all(
          requests.map(async (request) => await (split ? evaluateSplit : evaluateWhole)(pool, request, signal)),
        );
        const seconds = (performance.now() - started) / 1000;
        const named = blocks.map(({ block }, index) => ({ name: `block-${String(index)}`, ...block }));
        const result = encodeContainer(resultHeaderOf(header, seconds), named, sha256);
        const aloneSeconds = blocks.reduce((sum, block) => sum + block.aloneSeconds, 0);
        return split ? { result, seconds, aloneSeconds } : { result, seconds };
      } finally {
        underWay -= 1;
      }
    },
    [Symbol.asyncDispose]: async () => {
      await pool[Symbol.asyncDispose]();
    },
  };
}

interface TimedBlock {
  readonly block: EvaluatedBlock;
  readonly aloneSeconds: number;
}

async function evaluateWhole(pool: WorkerPool<Tasks>, request: BlockRequest, signal: AbortSignal): Promise<TimedBlock> {
  return { block: await pool.run('evaluate', request, { signal }), aloneSeconds: 0 };
}

/** A block over all threads: each its share of the first steps, then the rest on the first, ahead of whatever waits. */
async function evaluateSplit(pool: WorkerPool<Tasks>, request: BlockRequest, signal: AbortSignal): Promise<TimedBlock> {
  const shared = { ...request, bytes: sharedBytes(request.bytes) };
  const partials = await Promise.all(
    Array.from({ length: pool.threads }, async (_, part) => {
      return await pool.run('share', { ...shared, share: { part, of: pool.threads } }, { signal, lane: part });
    }),
  );
  const { mode, key, evaluationKeys } = request;
  const started = performance.now();
  const block = await pool.run('finish', { mode, key, evaluationKeys, partials }, { signal, lane: 0, first: true });
  return { block, aloneSeconds: (performance.now() - started) / 1000 };
}

/** Encodes ahead of the first query; a failure shows again at that query, where there is somebody to tell. */
function prepareSplitPlans(pool: WorkerPool<Tasks>, deployment: ServerDeployment): void {
  const never = new AbortController().signal;
  for (const plan of deployment.document.plans.filter((candidate) => sharing(candidate) === 'always')) {
    for (let part = 0; part < pool.threads; part += 1) {
      const share = { part, of: pool.threads };
      pool.run('prepare', { mode: plan.mode, share }, { signal: never, lane: part }).catch(() => undefined);
    }
  }
}

/** Lets callers through one at a time, in the order in which they came. @returns a turn, which ends when it is disposed of */
function turns(): (signal: AbortSignal) => Promise<Disposable & { readonly started: number }> {
  let last = Promise.resolve();
  return async (signal) => {
    const before = last;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    last = before.then(async () => {
      await promise;
    });
    const end = (): void => {
      resolve(undefined);
    };
    // Whoever gives up while waiting lets those behind through.
    signal.addEventListener('abort', end, { once: true });
    await before;
    signal.throwIfAborted();
    return {
      started: performance.now(),
      [Symbol.dispose]: () => {
        signal.removeEventListener('abort', end);
        end();
      },
    };
  };
}

/** @returns the query's plan */
function checkQuery(header: QueryHeader, deployment: ServerDeployment): ServerPlan {
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
  return plan;
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
