import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { inRepository, root } from '../../scripts/paths.ts';

export interface Ended {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  /** Both streams, in the order in which they came. */
  readonly output: string;
}

const running = new Set<ChildProcess>();
const limitMs = 20 * 60_000;

/** Programs of the tests find the Node that runs this one, and the packages' own programs, first. */
const path = [dirname(process.execPath), inRepository('node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter);

/** Runs a program to its end, its output kept in out/test/<name>.log. Rejects when it cannot be started. */
export async function run(name: string, command: string, options: readonly string[]): Promise<Ended> {
  // A group of its own: what the program starts is stopped with it.
  const child = spawn(command, options, {
    cwd: root,
    env: { ...process.env, PATH: path, FORCE_COLOR: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  const log = createWriteStream(inRepository('out/test', `${name}.log`));
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      log.write(chunk);
    });
  }
  const late = setTimeout(() => {
    stop(child, 'SIGKILL');
  }, limitMs);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return { code: code ?? undefined, output: Buffer.concat(chunks).toString() };
  } finally {
    clearTimeout(late);
    running.delete(child);
    log.end();
  }
}

/** Asks all programs that run to end, and ends those that have not after five seconds. */
export async function stopChildren(): Promise<void> {
  const children = [...running];
  const ended = Promise.all(children.map((child) => once(child, 'close')));
  for (const child of children) stop(child, 'SIGTERM');
  const late = new Promise((resolve) => setTimeout(resolve, 5000).unref());
  await Promise.race([ended, late]);
  for (const child of children) stop(child, 'SIGKILL');
}

function stop(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group has ended by itself.
  }
}
