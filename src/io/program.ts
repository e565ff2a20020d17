import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { AppError } from '../core/error.ts';
import { toIoError } from './errors.ts';

export interface ProgramRun {
  readonly program: string;
  readonly args: readonly string[];
  /** The working folder. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** All of its standard input. */
  readonly input: string;
  readonly timeoutMs: number;
}

export interface ProgramEnd {
  /** Undefined where a signal ended it. */
  readonly code: number | undefined;
  readonly output: string;
  /** The last of what it wrote to standard error. */
  readonly errors: string;
}

/** An answer of more bytes ends the program. */
const maxOutputBytes = 32 << 20;
const keptErrorChars = 16_384;
const outputWaitMs = 300;

/**
 * Runs a program to its end, with whatever it starts itself killed along with it.
 * @throws {AppError} `io.not-found` where there is no such program, `io.*` where it cannot be started, `io.failed` after the timeout or too
 *   long an answer; when `signal` aborts, its reason, the program killed
 */
export async function runProgram(run: ProgramRun, signal: AbortSignal): Promise<ProgramEnd> {
  signal.throwIfAborted();
  const child = start(run);
  const written = collect(child);
  const limits = AbortSignal.any([signal, written.tooLong, AbortSignal.timeout(run.timeoutMs)]);
  const kill = (): void => {
    killAll(child);
  };
  limits.addEventListener('abort', kill, { once: true });
  try {
    const code = await exitOf(child, run.program);
    signal.throwIfAborted();
    if (limits.aborted) throw endedBy(run, written.tooLong.aborted);
    return { code, ...written.texts() };
  } finally {
    limits.removeEventListener('abort', kill);
  }
}

function start({ program, args, folder, environment, input }: ProgramRun): ChildProcessWithoutNullStreams {
  const isWindows = process.platform === 'win32';
  // A group of its own: a program may be a script that starts the real one.
  const child = spawn(program, args, { cwd: folder, env: { ...environment }, detached: !isWindows, windowsHide: true });
  // It may end before it has read everything; how it ended says more.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return child;
}

function collect(child: ChildProcessWithoutNullStreams): {
  readonly texts: () => Pick<ProgramEnd, 'output' | 'errors'>;
  readonly tooLong: AbortSignal;
} {
  const output: string[] = [];
  let length = 0;
  let errors = '';
  const tooLong = new AbortController();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    length += text.length;
    if (length > maxOutputBytes) tooLong.abort();
    else output.push(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-keptErrorChars);
  });
  return { texts: () => ({ output: output.join(''), errors }), tooLong: tooLong.signal };
}

async function exitOf(child: ChildProcessWithoutNullStreams, program: string): Promise<number | undefined> {
  return await new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(toIoError(cause, 'start', program));
    });
    const end = (code: number | null): void => {
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      resolve(code ?? undefined);
    };
    child.once('close', end);
    // What it left running may hold its output open.
    child.once('exit', (code) => setTimeout(end, outputWaitMs, code).unref());
  });
}

function endedBy({ program, timeoutMs }: ProgramRun, wasTooLong: boolean): AppError {
  const what = wasTooLong
    ? `wrote more than ${String(maxOutputBytes >> 20)} MiB`
    : `did not end within ${String(Math.round(timeoutMs / 1000))} s`;
  return new AppError('io.failed', `${program} ${what} and was stopped.`);
}

/** Whatever the program started is in its group. */
function killAll(child: ChildProcessWithoutNullStreams): void {
  const { pid } = child;
  if (pid === undefined) return;
  if (process.platform === 'win32') {
    if (child.exitCode === null) spawn('taskkill', ['/pid', String(pid), '/t', '/f'], { windowsHide: true }).unref();
    return;
  }
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group has ended.
  }
}
