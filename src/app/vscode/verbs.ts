import { Worker } from 'node:worker_threads';
import { AppError, errorDocument, toAppError, type ErrorDocument } from '../../core/error.ts';
import type { Progress, Running } from '../../core/progress.ts';
import type { FromWorker, Question, ToWorker, WorkerStart } from './verb-protocol.ts';
import type { VerbName, VerbOptions, VerbOutcome } from './verb-table.ts';

/** How long a cancelled verb has to stop by itself, its temporary files removed, before its worker is ended. */
const graceMs = 400;

/** These read or change small files and answer within moments: they share one worker. Each other call gets a worker of its own. */
const quickVerbs: ReadonlySet<VerbName> = new Set<VerbName>([
  'inspectArtifact',
  'readDeploymentReport',
  'listArtifacts',
  'listJobs',
  'listKeySets',
  'listProfiles',
  'addProfile',
  'removeProfile',
  'renameKeySet',
]);

/** What the worker needs from the extension host. */
export interface VerbHost {
  /** The bundled worker script. */
  readonly script: URL;
  readonly start: WorkerStart;
  /** Answers what only the host knows; `signal` aborts when the verb that asked is gone. */
  readonly answer: (question: Question, signal: AbortSignal) => Promise<unknown>;
  readonly log: (message: string) => void;
}

/** Runs the verbs of src/service off the extension host's thread. Rejects with AppError; a cancel has the code `cancelled`. */
export interface Verbs extends Disposable {
  readonly call: <Name extends VerbName>(
    verb: Name,
    options: VerbOptions<Name>,
    running?: Partial<Running>,
  ) => Promise<VerbOutcome<Name>>;
}

export function workerVerbs(host: VerbHost): Verbs {
  const workers = new Set<VerbWorker>();
  let shared: VerbWorker | undefined;
  const start = (): VerbWorker => {
    const worker = startWorker(host, () => {
      workers.delete(worker);
      if (shared === worker) shared = undefined;
    });
    workers.add(worker);
    return worker;
  };
  return {
    call: async (verb, options, running = {}) => {
      running.signal?.throwIfAborted();
      if (quickVerbs.has(verb)) {
        shared ??= start();
        return (await shared.call(verb, options, running)) as VerbOutcome<typeof verb>;
      }
      const own = start();
      const stop = (): void => void setTimeout(own.end, graceMs);
      running.signal?.addEventListener('abort', stop, { once: true });
      try {
        return (await own.call(verb, options, running)) as VerbOutcome<typeof verb>;
      } finally {
        running.signal?.removeEventListener('abort', stop);
        own.end();
      }
    },
    [Symbol.dispose]: () => {
      for (const worker of workers) worker.end();
    },
  };
}

interface VerbWorker {
  readonly call: (verb: VerbName, options: unknown, running: Partial<Running>) => Promise<unknown>;
  readonly end: () => void;
}

interface Pending {
  readonly resolve: (outcome: unknown) => void;
  readonly reject: (error: AppError) => void;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

function startWorker(host: VerbHost, onEnd: () => void): VerbWorker {
  const worker = spawnWorker(host);
  const pending = new Map<number, Pending>();
  const gone = new AbortController();
  let calls = 0;
  const post = (message: ToWorker): void => {
    worker.postMessage(message);
  };
  const fail = (error: AppError): void => {
    gone.abort();
    for (const call of pending.values()) call.reject(error);
    pending.clear();
    onEnd();
  };
  worker.on('error', (cause: unknown) => {
    fail(
      new AppError('seal.worker-died', 'The background worker stopped unexpectedly.', {
        cause,
        hint: 'Try again; the log may say more.',
      }),
    );
  });
  worker.on('exit', () => {
    fail(new AppError('cancelled', 'Cancelled.'));
  });
  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'ask') void answer({ host, post, signal: gone.signal }, message.ask, message.question);
    else if (message.kind === 'log') host.log(message.message);
    else settle(pending, message);
  });
  return {
    call: (verb, options, running) => {
      const call = ++calls;
      const outcome = new Promise((resolve, reject) => {
        pending.set(call, { resolve, reject, onProgress: running.onProgress });
      });
      post({ kind: 'call', call, verb, options });
      return abortable(outcome, running.signal, () => {
        post({ kind: 'abort', call });
      });
    },
    end: () => void worker.terminate(),
  };
}

/** Calls `onAbort` if `signal` aborts before `outcome` is there. */
async function abortable<T>(outcome: Promise<T>, signal: AbortSignal | undefined, onAbort: () => void): Promise<T> {
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await outcome;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

function spawnWorker({ script, start }: VerbHost): Worker {
  const worker = new Worker(script, {
    workerData: start,
    // The host's own flags (inspector, loader hooks) are not for this thread; in the desktop editor a child started from here has to be Node.
    execArgv: [],
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    stdout: true,
    stderr: true,
  });
  worker.stdout.resume();
  worker.stderr.resume();
  worker.unref();
  return worker;
}

function settle(pending: Map<number, Pending>, message: Exclude<FromWorker, { kind: 'ask' | 'log' }>): void {
  const call = pending.get(message.call);
  if (call === undefined) return;
  if (message.kind === 'progress') {
    call.onProgress?.(message.progress);
    return;
  }
  pending.delete(message.call);
  if (message.kind === 'done') call.resolve(message.outcome);
  else call.reject(errorOf(message.error));
}

interface Answering {
  readonly host: VerbHost;
  readonly post: (message: ToWorker) => void;
  readonly signal: AbortSignal;
}

async function answer({ host, post, signal }: Answering, ask: number, question: Question): Promise<void> {
  try {
    post({ kind: 'answer', ask, value: await host.answer(question, signal) });
  } catch (error) {
    post({ kind: 'refused', ask, error: errorDocument(toAppError(error)).error });
  }
}

function errorOf({ code, message, ...place }: ErrorDocument['error']): AppError {
  return new AppError(code, message, place);
}
