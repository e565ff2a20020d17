import { randomBytes } from 'node:crypto';
import { link, lstat, open, readFile, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../core/error.ts';
import { temporaryPath } from './atomic.ts';
import { systemCode, toIoError } from './errors.ts';

export interface LockOptions {
  readonly signal?: AbortSignal;
  /** How long to wait for another holder; 10 s by default. */
  readonly waitMs?: number;
  /** The error of a lock that another one holds; key.locked by default. */
  readonly refusal?: (who: string) => AppError;
}

/** Who holds a lock: enough for another process to see whether the holder still lives. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the lock was taken, ISO 8601. */
  readonly started: string;
  /** The kernel's start time of the holder's process, where it can be known: tells a reused pid from the holder. */
  readonly processStart?: string | undefined;
  readonly nonce: string;
}

const defaultWaitMs = 10_000;
/** A lock or guard without a readable holder is one that a crash left, once it is this old. */
const unreadableStaleMs = 5_000;

/**
 * Runs `action` while this process alone holds the lock file `path`, and removes the file afterwards. A lock whose process has died on this host
 * is taken over; a lock of another host is respected, as nobody here can tell whether its holder lives.
 * @throws {AppError} key.locked naming the holder's pid after `waitMs`; io.* where the file cannot be made; when the signal aborts, its reason
 */
export async function withLock<T>(path: string, action: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const nonce = randomBytes(12).toString('hex');
  await acquire(path, nonce, { refusal: keyLocked(path), ...options });
  try {
    return await action();
  } finally {
    await release(path, nonce);
  }
}

/** Whether somebody who may be alive holds the lock now. @throws {AppError} io.* */
export async function isLocked(path: string): Promise<boolean> {
  const state = await inspect(path);
  return state !== undefined && !state.stale;
}

async function acquire(
  path: string,
  nonce: string,
  { signal, waitMs = defaultWaitMs, refusal }: LockOptions & Required<Pick<LockOptions, 'refusal'>>,
): Promise<void> {
  const deadline = Date.now() + waitMs;
  for (let pauseMs = 10; ; pauseMs = Math.min(200, pauseMs * 2)) {
    signal?.throwIfAborted();
    if (await tryCreate(path, nonce)) return;
    const state = await inspect(path);
    if (state === undefined) continue;
    if (state.stale && (await removeStale(path))) continue;
    if (Date.now() >= deadline) throw refusal(nameOf(state.holder));
    await sleep(pauseMs * (0.5 + Math.random()), undefined, signal === undefined ? {} : { signal }).catch(
      (error: unknown) => {
        signal?.throwIfAborted();
        throw error;
      },
    );
  }
}

/** The file appears with its content: written aside, then linked, which fails when the name is taken. */
async function tryCreate(path: string, nonce: string): Promise<boolean> {
  const temporary = temporaryPath(dirname(path));
  try {
    const holder: Holder = {
      pid: process.pid,
      host: hostname(),
      started: new Date().toISOString(),
      processStart: await processStart(process.pid),
      nonce,
    };
    await writeFile(temporary, JSON.stringify(holder), { flag: 'wx', mode: 0o600 });
    return await createLink(temporary, path);
  } catch (error) {
    throw toIoError(error, 'lock', path);
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

async function createLink(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') return false;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS' && code !== 'EMLINK') throw error;
    return await createExclusive(path, await readFile(temporary));
  }
}

/** For file systems without hard links. */
async function createExclusive(path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await writeFile(path, bytes, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

interface LockState {
  readonly holder: Holder | undefined;
  readonly stale: boolean;
}

/** undefined: there is no lock (any more). */
async function inspect(path: string): Promise<LockState | undefined> {
  try {
    const holder = parseHolder(await readFile(path, 'utf8'));
    if (holder !== undefined) return { holder, stale: await isDead(holder) };
    return { holder, stale: Date.now() - (await lstat(path)).mtimeMs > unreadableStaleMs };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw toIoError(error, 'lock', path);
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isHolder(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, host, started, nonce } = value as Readonly<Partial<Record<keyof Holder, unknown>>>;
  return (
    Number.isSafeInteger(pid) &&
    Number(pid) > 0 &&
    typeof host === 'string' &&
    typeof started === 'string' &&
    typeof nonce === 'string'
  );
}

async function isDead({ pid, host, processStart: start }: Holder): Promise<boolean> {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return systemCode(error) === 'ESRCH';
  }
  const now = await processStart(pid);
  return start !== undefined && now !== undefined && now !== start;
}

/** Field 22 of /proc/<pid>/stat; undefined where there is no /proc. */
async function processStart(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}

/**
 * Removes a lock that is still stale once nobody else is removing it: of two processes that saw the same dead lock, the slower one must not
 * remove the lock that the faster one has taken meanwhile.
 */
async function removeStale(path: string): Promise<boolean> {
  const guard = `${path}.takeover`;
  if (!(await takeGuard(guard))) return false;
  try {
    if ((await inspect(path))?.stale === true) await unlink(path);
    return true;
  } catch (error) {
    throw toIoError(error, 'unlock', path);
  } finally {
    await unlink(guard).catch(() => undefined);
  }
}

async function takeGuard(guard: string): Promise<boolean> {
  try {
    const handle = await open(guard, 'wx', 0o600);
    await handle.close();
    return true;
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw toIoError(error, 'lock', guard);
    const age = Date.now() - ((await lstat(guard).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (age > unreadableStaleMs) await unlink(guard).catch(() => undefined);
    return false;
  }
}

async function release(path: string, nonce: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => '');
  if (parseHolder(text)?.nonce === nonce) await unlink(path).catch(() => undefined);
}

function nameOf(holder: Holder | undefined): string {
  if (holder === undefined) return 'another process';
  return `process ${String(holder.pid)} on ${holder.host} since ${holder.started}`;
}

function keyLocked(path: string): (who: string) => AppError {
  const hint = `Wait until it is done; if that process no longer exists, remove ${path}.`;
  return (who) => new AppError('key.locked', `Locked by ${who}.`, { file: path, hint });
}
