import { parentPort, workerData } from 'node:worker_threads';
import { AppError, errorDocument, toAppError, type ErrorDocument } from '../../core/error.ts';
import type { Progress, Running } from '../../core/progress.ts';
import type { Environment, KeyVault } from '../../service/environment.ts';
import { throttle } from './throttle.ts';
import type { FromWorker, Question, ToWorker, WorkerStart } from './verb-protocol.ts';
import { verbTable, type VerbName } from './verb-table.ts';

/** Four updates a second are as many as a person reads, and keep the host free. */
const progressIntervalMs = 250;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: AppError) => void;
}
type AnyVerb = (options: unknown, environment: Environment, running: Running) => Promise<unknown>;

const calls = new Map<number, AbortController>();
const questions = new Map<number, Waiting>();
let asked = 0;

const port = parentPort;
if (port === null) throw new AppError('internal', 'The verb worker runs in a worker thread only.');
const { home, programs } = workerData as WorkerStart;

const vault: KeyVault = {
  get: async (fingerprint) => (await ask({ kind: 'vault.get', fingerprint })) as Uint8Array | undefined,
  own: async () => (await ask({ kind: 'vault.own' })) as Awaited<ReturnType<KeyVault['own']>>,
};
const environment: Environment = {
  home,
  programs: {
    clientWorker: new URL(programs.clientWorker),
    serverWorker: new URL(programs.serverWorker),
    endpoint: new URL(programs.endpoint),
    converter: new URL(programs.converter),
  },
  askPassphrase: async ({ purpose, confirm }) => (await ask({ kind: 'passphrase', purpose, confirm })) as string,
  vault,
  log: (message) => {
    send({ kind: 'log', message });
  },
  notify: (message) => {
    send({ kind: 'log', message });
  },
};

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'call':
      void answerCall(message.call, message.verb, message.options);
      return;
    case 'abort':
      calls.get(message.call)?.abort();
      return;
    case 'answer':
      settle(message.ask, (waiting) => {
        waiting.resolve(message.value);
      });
      return;
    case 'refused':
      settle(message.ask, (waiting) => {
        waiting.reject(errorOf(message.error));
      });
  }
});

async function answerCall(call: number, verb: VerbName, options: unknown): Promise<void> {
  const abort = new AbortController();
  calls.set(call, abort);
  try {
    using progress = throttle<Progress>(progressIntervalMs, (step) => {
      send({ kind: 'progress', call, progress: step });
    });
    const run = (await verbTable[verb]()) as AnyVerb;
    const outcome = await run(options, environment, { signal: abort.signal, onProgress: progress.push });
    send({ kind: 'done', call, outcome });
  } catch (error) {
    send({ kind: 'failed', call, error: failureOf(error, abort.signal) });
  } finally {
    calls.delete(call);
  }
}

/** After a cancel, whatever was torn down on the way is a cancel as well. */
function failureOf(error: unknown, signal: AbortSignal): ErrorDocument['error'] {
  const known = signal.aborted ? new AppError('cancelled', 'Cancelled.') : toAppError(error);
  if (known.code === 'internal' && error instanceof Error) {
    environment.log(
      `unexpected ${error.name} at ${error.stack?.split('\n').slice(1, 4).join(' ').trim() ?? 'unknown place'}`,
    );
  }
  return errorDocument(known).error;
}

function ask(question: Question): Promise<unknown> {
  const number = ++asked;
  return new Promise((resolve, reject) => {
    questions.set(number, { resolve, reject });
    send({ kind: 'ask', ask: number, question });
  });
}

function settle(number: number, how: (waiting: Waiting) => void): void {
  const waiting = questions.get(number);
  questions.delete(number);
  if (waiting !== undefined) how(waiting);
}

function errorOf({ code, message, ...place }: ErrorDocument['error']): AppError {
  return new AppError(code, message, place);
}

function send(message: FromWorker): void {
  port?.postMessage(message);
}
