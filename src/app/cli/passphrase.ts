import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../core/error.ts';
import { systemCode, toIoError } from '../../io/errors.ts';
import type { AskPassphrase } from '../../service/environment.ts';
import type { Output } from './output.ts';

const maxFileBytes = 64 * 1024;
const pollMs = 50;

export interface PassphraseOptions {
  /** What SEALPOINT_PASSPHRASE held. */
  readonly passphrase: string | undefined;
  readonly passphraseFile: string | undefined;
  readonly output: Output;
  readonly signal: AbortSignal;
}

const threeWays =
  'Answer the prompt on a terminal, set SEALPOINT_PASSPHRASE, or name a file: --passphrase-file FILE. It is never an argument.';

/** The file, then the environment, then a prompt on a terminal. @throws {AppError} usage.no-passphrase naming the three ways */
export function passphraseSource(options: PassphraseOptions): AskPassphrase {
  // A pipe can be read once, and a command may ask twice: to make a key set, and to open it.
  let fromFile: Promise<string> | undefined;
  return async ({ purpose, confirm }) => {
    options.signal.throwIfAborted();
    if (options.passphraseFile !== undefined)
      return notEmpty(await (fromFile ??= firstLine(options.passphraseFile, options.signal)), purpose);
    if (options.passphrase !== undefined) return notEmpty(options.passphrase, purpose);
    if (!process.stdin.isTTY || !process.stderr.isTTY) {
      throw new AppError(
        'usage.no-passphrase',
        `A passphrase is needed (${purpose}), and there is no terminal to ask on.`,
        { hint: threeWays },
      );
    }
    const first = notEmpty(await promptHidden(purpose, options), purpose);
    if (confirm && (await promptHidden('The same again', options)) !== first) {
      throw new AppError('usage.no-passphrase', 'The two passphrases are not the same.', {
        hint: 'Run the command again.',
      });
    }
    return first;
  };
}

function notEmpty(passphrase: string, purpose: string): string {
  if (passphrase !== '') return passphrase;
  throw new AppError('usage.no-passphrase', `The passphrase is empty (${purpose}).`, { hint: threeWays });
}

/**
 * Files and pipes, such as a shell's `<(command)`. Without blocking: a read that waits for a pipe's writer cannot be called off, and would
 * hold up even the end of the process.
 */
async function firstLine(file: string, signal: AbortSignal): Promise<string> {
  const buffer = Buffer.alloc(maxFileBytes);
  try {
    // Windows has no such flag, and no such pipes.
    const flags = process.platform === 'win32' ? 'r' : constants.O_RDONLY | constants.O_NONBLOCK;
    const descriptor = openSync(file, flags);
    const isPipe = fstatSync(descriptor).isFIFO();
    const length = await (isPipe ? readPipe(descriptor, buffer, signal) : readLine(descriptor, buffer, signal));
    const text = buffer.toString('utf8', 0, length).replace(/^\ufeff/u, '');
    return text.split(/\r?\n/u)[0] ?? '';
  } catch (error) {
    throw toIoError(error, 'read', file);
  } finally {
    buffer.fill(0);
  }
}

/**
 * Fills the buffer up to a line's end at least, or to the end of what a writer wrote. A socket tells a pipe whose writer is yet to come from
 * one whose writer has gone. Takes the descriptor over. Returns the bytes read.
 */
async function readPipe(descriptor: number, buffer: Buffer, signal: AbortSignal): Promise<number> {
  const socket = new Socket({ fd: descriptor, readable: true, writable: false, signal });
  let length = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    length += chunk.copy(buffer, length);
    const isEnough = length === buffer.length || chunk.includes('\n');
    chunk.fill(0);
    if (isEnough) break;
  }
  return length;
}

/** As {@link readPipe}, of a file or a device. */
async function readLine(descriptor: number, buffer: Buffer, signal: AbortSignal): Promise<number> {
  try {
    let length = 0;
    while (length < buffer.length && !buffer.subarray(0, length).includes('\n')) {
      const read = readSome(descriptor, buffer.subarray(length));
      if (read === 0) break;
      length += read ?? 0;
      if (read === undefined) await sleep(pollMs, undefined, { signal });
    }
    return length;
  } finally {
    closeSync(descriptor);
  }
}

/** Bytes read; 0 at the end; undefined where a terminal has nothing yet. */
function readSome(descriptor: number, buffer: Buffer): number | undefined {
  try {
    return readSync(descriptor, buffer);
  } catch (error) {
    if (systemCode(error) === 'EAGAIN') return undefined;
    throw error;
  }
}

/** Raw mode: nothing typed is shown, and Ctrl-C arrives as a character, which is given back as the signal it means. */
function promptHidden(purpose: string, { output, signal }: PassphraseOptions): Promise<string> {
  const { stdin, stderr } = process;
  output.clearProgress();
  // Before the question: whoever answers at once is not to see it echoed.
  stdin.setEncoding('utf8').setRawMode(true);
  stderr.write(`${purpose}: `);
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      stdin.off('data', onData);
      signal.removeEventListener('abort', onAbort);
      stdin.setRawMode(false).pause();
      stderr.write('\n');
      settle();
    };
    const onAbort = (): void => finish(() => reject(signal.reason as Error));
    let typed = '';
    const onData = (text: string): void => {
      for (const character of text) {
        if (character === '\r' || character === '\n') {
          finish(() => resolve(typed));
          return;
        }
        if (character === '\u0003') process.kill(process.pid, 'SIGINT');
        else typed = edited(typed, character);
      }
    };
    signal.addEventListener('abort', onAbort, { once: true });
    stdin.on('data', onData).resume();
  });
}

/** Backspace takes the last character, Ctrl-U all of them; other control characters do nothing. */
function edited(typed: string, character: string): string {
  if (character === '\u007f' || character === '\b') return Array.from(typed).slice(0, -1).join('');
  if (character === '\u0015') return '';
  return character < ' ' ? typed : typed + character;
}
