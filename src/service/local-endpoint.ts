import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { AppError, errorCodes, type ErrorCode } from '../core/error.ts';
import type { Environment, Running } from './environment.ts';
import { httpEndpoint, type Endpoint } from './http-endpoint.ts';

const startSeconds = 30;
const announcement = z.looseObject({ listening: z.int().positive() });
const pong = z.looseObject({ deployment: z.string() });
/** The child's last words where it cannot start. */
const failure = z.looseObject({
  error: z.looseObject({
    code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
    message: z.string(),
    file: z.string().optional(),
    hint: z.string().optional(),
  }),
});

/**
 * The endpoint's server as a child process on a free loopback port, with a random bearer token. It ends with this process: its standard
 * input closes then.
 */
export async function startLocalEndpoint(
  options: LocalEndpointOptions,
  environment: Environment,
  running: Running,
): Promise<Endpoint> {
  const token = randomBytes(32).toString('hex');
  const server = spawnServer(options, token, environment);
  const { child } = server;
  try {
    const port = await announcedPort(child, running.signal);
    environment.log(`local endpoint ${String(child.pid)} listens on ${String(port)}`);
    const url = `http://127.0.0.1:${String(port)}`;
    await checkServed(url, options, running.signal);
    return watched(httpEndpoint(url, { token }), server);
  } catch (error) {
    await stop(child);
    running.signal.throwIfAborted();
    if (error instanceof AppError) throw error;
    throw notStarted(server.errors, error);
  }
}

/** What it would answer to the first query, said before one is sent. */
async function checkServed(
  url: string,
  { folder, deployment }: LocalEndpointOptions,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(`${url}/ping`, { signal });
  if (pong.parse(await response.json()).deployment === deployment) return;
  throw new AppError(
    'artifact.other-deployment',
    'This server.zip belongs to another deployment than the client.zip.',
    {
      file: join(folder, 'server.zip'),
      hint: 'Get both from where they were made, or compile the model again.',
    },
  );
}

/** The error that the child wrote, with its code and place; else whatever it said. */
function notStarted(errors: readonly string[], cause: unknown): AppError {
  const lines = errors.join('').trim().split('\n');
  const said = failure.safeParse(parseJson(lines.at(-1) ?? ''));
  if (!said.success) {
    const words = lines.join('\n').slice(-500);
    return new AppError('endpoint.unavailable', `The local evaluator did not start: ${words}`, { cause });
  }
  const { code, message, file, hint } = said.data.error;
  return new AppError(code, message, { file, hint, cause });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Where queries, results and keys lie, and how the process reaches them. */
export interface Serving {
  readonly args: readonly string[];
  readonly environmentVariables: Readonly<Record<string, string>>;
}

interface LocalEndpointOptions {
  /** With server.zip. */
  readonly folder: string;
  /** The id that the server.zip there must have. */
  readonly deployment: string;
  readonly serving: Serving;
}

interface ServerProcess {
  readonly child: ChildProcess;
  /** The last of what it wrote to stderr. */
  readonly errors: readonly string[];
  /** Resolves with how it ended. */
  readonly exit: Promise<string>;
}

function spawnServer(options: LocalEndpointOptions, token: string, environment: Environment): ServerProcess {
  const program = fileURLToPath(environment.programs.endpoint);
  const listening = ['--host', '127.0.0.1', '--port', '0', '--token-from-env', '--child'];
  const args = [program, '--deployment', options.folder, ...listening, ...options.serving.args];
  // In VS Code the running program is Electron, which is Node when told so.
  const { environmentVariables } = options.serving;
  const env = { ...process.env, ...environmentVariables, SEALPOINT_TOKEN: token, ELECTRON_RUN_AS_NODE: '1' };
  const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const errors: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    environment.log(text.trimEnd());
    errors.push(text);
    if (errors.length > 50) errors.shift();
  });
  const exit = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve(signal ?? `exit code ${String(code)}`);
    });
    child.once('error', (error) => {
      resolve(error.message);
    });
  });
  return { child, errors, exit };
}

/** The endpoint, whose failures say so when the process behind it has ended. */
function watched(endpoint: Endpoint, server: ServerProcess): Endpoint {
  return {
    invoke: async (request, signal) => {
      try {
        await endpoint.invoke(request, signal);
      } catch (error) {
        signal.throwIfAborted();
        // A broken connection is seen before the exit that broke it.
        const ended = await Promise.race([server.exit, sleep(500, undefined, { ref: false })]);
        throw ended === undefined || signal.aborted ? error : endedEarly(ended, error);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await stop(server.child);
    },
  };
}

function endedEarly(how: string, cause: unknown): AppError {
  return new AppError('endpoint.unavailable', `The local evaluator ended in the middle of the job (${how}).`, {
    cause,
    hint: 'What was verified is kept.',
  });
}

/** The child says where it listens in one JSON line. */
async function announcedPort(child: ChildProcess, signal: AbortSignal): Promise<number> {
  if (child.stdout === null) throw new Error('no standard output');
  const limit = AbortSignal.any([signal, AbortSignal.timeout(startSeconds * 1000)]);
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([
    once(lines, 'line', { signal: limit }).then(([line]) => String(line)),
    once(child, 'exit', { signal: limit }).then(() => undefined),
  ]);
  if (first === undefined) throw new Error('it ended at once');
  return announcement.parse(JSON.parse(first)).listening;
}

/** Nothing is lost by a kill: results that count are in the store. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), 300);
  await exit;
  clearTimeout(killer);
}
