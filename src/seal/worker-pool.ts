import { availableParallelism } from 'node:os';
import { Worker, parentPort } from 'node:worker_threads';
import { AppError, type ErrorCode, type ErrorOptions } from '../core/error.ts';
import { mostThreads } from '../core/plan/instances.ts';

/** Kinds of tasks with what they take and give; both must be structured-cloneable. */
export type TaskTypes = Record<string, { readonly input: unknown; readonly output: unknown }>;

export type TaskHandlers<Tasks extends TaskTypes> = {
  readonly [Kind in keyof Tasks]: (
    input: Tasks[Kind]['input'],
  ) => Tasks[Kind]['output'] | Promise<Tasks[Kind]['output']>;
};

export interface WorkerPool<Tasks extends TaskTypes> extends AsyncDisposable {
  readonly threads: number;
  /**
   * Runs one task on the next free worker. An abort rejects at once; what runs already is left to end and its outcome dropped.
   * @param options lane: the one worker that may take it (0 .. threads - 1), where what a task prepared is found again; first: ahead of
   * whatever waits
   */
  run<Kind extends keyof Tasks & string>(
    kind: Kind,
    input: Tasks[Kind]['input'],
    options: RunOptions,
  ): Promise<Tasks[Kind]['output']>;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly lane?: number;
  readonly first?: true;
}

interface Job {
  readonly kind: string;
  readonly input: unknown;
  readonly settle: (outcome: Outcome) => void;
  readonly signal: AbortSignal;
  readonly lane: number | undefined;
  readonly first: true | undefined;
}

type Outcome = { readonly output: unknown } | { readonly failure: AppError };

/** What a worker posts. */
type Answer = { readonly output: unknown } | { readonly failure: Failure };

interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly options: ErrorOptions;
}

interface Lane {
  /** Undefined after it died: the next task starts another. */
  worker: Worker | undefined;
  job: Job | undefined;
}

/** As many as the machine can run at once, the main thread only waiting. */
function usefulThreads(): number {
  return Math.max(1, Math.min(mostThreads, availableParallelism()));
}

interface Pool {
  readonly program: URL;
  readonly data: unknown;
  readonly queue: Job[];
  readonly lanes: readonly Lane[];
  closed: boolean;
}

/**
 * The only place that knows threads. Workers start at once and load while the first input is read.
 * @param options data: given to each worker as its workerData
 */
export function openWorkerPool<Tasks extends TaskTypes>(
  program: URL,
  options: { readonly threads?: number; readonly data: unknown },
): WorkerPool<Tasks> {
  const threads = options.threads ?? usefulThreads();
  const lanes = Array.from({ length: threads }, (): Lane => ({ worker: undefined, job: undefined }));
  const pool: Pool = { program, data: options.data, queue: [], lanes, closed: false };
  for (const lane of lanes) startWorker(pool, lane);
  return {
    threads,
    run: async (kind, input, { signal, lane, first }) => {
      signal.throwIfAborted();
      return await enqueue(pool, { kind, input, signal, lane, first });
    },
    [Symbol.asyncDispose]: async () => {
      pool.closed = true;
      await Promise.all(lanes.map(async (lane) => await lane.worker?.terminate()));
    },
  };
}

function startWorker(pool: Pool, lane: Lane): Worker {
  const worker = new Worker(pool.program, { workerData: pool.data, stdin: false });
  lane.worker = worker;
  worker.on('message', (answer: Answer) => {
    finish(pool, lane, answer);
  });
  worker.on('error', (cause) => {
    bury(pool, lane, { worker, cause });
  });
  worker.on('exit', (code) => {
    bury(pool, lane, { worker, cause: new Error(`exit code ${String(code)}`) });
  });
  worker.unref();
  return worker;
}

function enqueue<Output>(pool: Pool, task: Omit<Job, 'settle'>): Promise<Output> {
  const { signal } = task;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      const waiting = pool.queue.indexOf(job);
      if (waiting >= 0) pool.queue.splice(waiting, 1);
      reject(toError(signal.reason));
    };
    const job: Job = {
      ...task,
      settle: (outcome) => {
        signal.removeEventListener('abort', abort);
        if ('failure' in outcome) reject(outcome.failure);
        else resolve(outcome.output as Output);
      },
    };
    signal.addEventListener('abort', abort, { once: true });
    if (job.first === true) pool.queue.unshift(job);
    else pool.queue.push(job);
    startNext(pool);
  });
}

/** An abort's reason may be anything; by default it is an AbortError. */
function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new DOMException(String(reason), 'AbortError');
}

function finish(pool: Pool, lane: Lane, answer: Answer): void {
  const job = lane.job;
  lane.job = undefined;
  // Whoever closes the pool waits for the threads' ends, which only a referenced thread tells: without it the program would just stop there.
  if (!pool.closed) lane.worker?.unref();
  job?.settle('failure' in answer ? { failure: revive(answer.failure) } : answer);
  startNext(pool);
}

/** A worker that died (out of memory, say) takes its task with it; the others go on. */
function bury(pool: Pool, lane: Lane, death: { readonly worker: Worker; readonly cause: unknown }): void {
  if (lane.worker !== death.worker || pool.closed) return;
  const job = lane.job;
  lane.worker = undefined;
  lane.job = undefined;
  const failure = new AppError('seal.worker-died', 'A computing thread ended unexpectedly.', {
    cause: death.cause,
    hint: 'Memory may have run out: close other programs, or use fewer threads.',
  });
  job?.settle({ failure });
  startNext(pool);
}

function startNext(pool: Pool): void {
  if (pool.closed) return;
  for (const [index, lane] of pool.lanes.entries()) {
    if (lane.job !== undefined) continue;
    const place = pool.queue.findIndex((waiting) => waiting.lane === undefined || waiting.lane === index);
    const [job] = place < 0 ? [] : pool.queue.splice(place, 1);
    if (job === undefined) continue;
    lane.job = job;
    const worker = lane.worker ?? startWorker(pool, lane);
    worker.ref();
    worker.postMessage({ kind: job.kind, input: job.input });
  }
}

/** The worker's side: answers each message with its handler's output. Handlers run one after another. */
export function serveTasks<Tasks extends TaskTypes>(handlers: TaskHandlers<Tasks>): void {
  const port = parentPort;
  if (port === null) throw new Error('not a worker thread');
  port.on('message', (message: { readonly kind: keyof Tasks; readonly input: never }) => {
    void Promise.resolve()
      .then(() => handlers[message.kind](message.input))
      .then(
        (output) => {
          port.postMessage({ output });
        },
        (error: unknown) => {
          port.postMessage({ failure: strip(error) });
        },
      );
  });
}

/** Errors lose their class between threads; what people need of them is kept. */
function strip(error: unknown): Failure {
  if (error instanceof AppError)
    return { code: error.code, message: error.message, options: { ...error.place, hint: error.hint } };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'internal', message: `A computing thread failed: ${message}`, options: {} };
}

function revive(failure: Failure): AppError {
  return new AppError(failure.code, failure.message, failure.options);
}
