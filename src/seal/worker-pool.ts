import { availableParallelism } from 'node:os';
import { Worker, parentPort } from 'node:worker_threads';
import { AppError, type ErrorCode, type ErrorOptions } from '../core/error.ts';

/** Kinds of tasks with what they take and give; both must be structured-cloneable. */
export type TaskTypes = Record<string, { readonly input: unknown; readonly output: unknown }>;

export type TaskHandlers<Tasks extends TaskTypes> = {
  readonly [Kind in keyof Tasks]: (
    input: Tasks[Kind]['input'],
  ) => Tasks[Kind]['output'] | Promise<Tasks[Kind]['output']>;
};

export interface WorkerPool<Tasks extends TaskTypes> extends AsyncDisposable {
  readonly threads: number;
  /** Runs one task on the next free worker. An abort rejects at once; what runs already is left to end and its outcome dropped. */
  run<Kind extends keyof Tasks & string>(
    kind: Kind,
    input: Tasks[Kind]['input'],
    signal: AbortSignal,
  ): Promise<Tasks[Kind]['output']>;
}

interface Job {
  readonly kind: string;
  readonly input: unknown;
  readonly settle: (outcome: Outcome) => void;
  readonly signal: AbortSignal;
}

type Outcome = { readonly output: unknown } | { readonly failure: unknown };

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

/** As many as the machine can run at once, the main thread only waiting; more than eight share memory bandwidth in vain. */
export function usefulThreads(): number {
  return Math.max(1, Math.min(8, availableParallelism()));
}

/**
 * The only place that knows threads. Workers start at once and load while the first input is read.
 * @param data given to each worker as its workerData
 */
export function openWorkerPool<Tasks extends TaskTypes>(
  program: URL,
  options: { readonly threads?: number; readonly data: unknown },
): WorkerPool<Tasks> {
  const threads = options.threads ?? usefulThreads();
  const queue: Job[] = [];
  let closed = false;
  const lanes = Array.from({ length: threads }, (): Lane => ({ worker: undefined, job: undefined }));
  for (const lane of lanes) startWorker(lane);

  function startWorker(lane: Lane): Worker {
    const worker = new Worker(program, { workerData: options.data, stdin: false });
    lane.worker = worker;
    worker.on('message', (outcome: Outcome) => {
      finish(lane, outcome);
    });
    worker.on('error', (cause) => {
      bury(lane, worker, cause);
    });
    worker.on('exit', (code) => {
      bury(lane, worker, new Error(`exit code ${String(code)}`));
    });
    worker.unref();
    return worker;
  }

  function finish(lane: Lane, outcome: Outcome): void {
    const job = lane.job;
    lane.job = undefined;
    lane.worker?.unref();
    job?.settle('failure' in outcome ? { failure: revive(outcome.failure as Failure) } : outcome);
    next();
  }

  /** A worker that died (out of memory, say) takes its task with it; the others go on. */
  function bury(lane: Lane, worker: Worker, cause: unknown): void {
    if (lane.worker !== worker || closed) return;
    lane.worker = undefined;
    lane.job?.settle({
      failure: new AppError('seal.worker-died', 'A computing thread ended unexpectedly.', {
        cause,
        hint: 'Memory may have run out: close other programs, or use fewer threads.',
      }),
    });
    lane.job = undefined;
    next();
  }

  function next(): void {
    for (const lane of lanes) {
      if (lane.job !== undefined) continue;
      const job = queue.shift();
      if (job === undefined) return;
      lane.job = job;
      const worker = lane.worker ?? startWorker(lane);
      worker.ref();
      worker.postMessage({ kind: job.kind, input: job.input });
    }
  }

  return {
    threads,
    run: async (kind, input, signal) => {
      signal.throwIfAborted();
      return await new Promise((resolve, reject) => {
        const abort = (): void => {
          const waiting = queue.indexOf(job);
          if (waiting >= 0) queue.splice(waiting, 1);
          reject(signal.reason as Error);
        };
        const job: Job = {
          kind,
          input,
          signal,
          settle: (outcome) => {
            signal.removeEventListener('abort', abort);
            if ('failure' in outcome) reject(outcome.failure as Error);
            else resolve(outcome.output as Tasks[typeof kind]['output']);
          },
        };
        signal.addEventListener('abort', abort, { once: true });
        queue.push(job);
        next();
      });
    },
    [Symbol.asyncDispose]: async () => {
      closed = true;
      await Promise.all(lanes.map(async (lane) => await lane.worker?.terminate()));
    },
  };
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
