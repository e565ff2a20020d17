import { open } from 'node:fs/promises';
import { AppError } from '../../core/error.ts';
import { toIoError } from '../../io/errors.ts';
import type { AskPassphrase } from '../../service/environment.ts';
import type { Output } from './output.ts';

const maxFileBytes = 64 * 1024;

export interface PassphraseOptions {
  /** What SEALPOINT_PASSPHRASE held. */
  readonly passphrase: string | undefined;
  readonly passphraseFile: string | undefined;
  readonly output: Output;
  readonly signal: AbortSignal;
}

const threeWays = 'Answer the prompt on a terminal, set SEALPOINT_PASSPHRASE, or name a file: --passphrase-file FILE. It is never an argument.';

/** The file, then the environment, then a prompt on a terminal. @throws {AppError} usage.no-passphrase naming the three ways */
export function passphraseSource(options: PassphraseOptions): AskPassphrase {
  return async ({ purpose, confirm }) => {
    options.signal.throwIfAborted();
    if (options.passphraseFile !== undefined) return notEmpty(await unlessAborted(firstLine(options.passphraseFile), options.signal), purpose);
    if (options.passphrase !== undefined) return notEmpty(options.passphrase, purpose);
    if (!process.stdin.isTTY || !process.stderr.isTTY) {
      throw new AppError('usage.no-passphrase', `A passphrase is needed (${purpose}), and there is no terminal to ask on.`, { hint: threeWays });
    }
    const first = notEmpty(await promptHidden(purpose, options), purpose);
    if (confirm && (await promptHidden('The same again', options)) !== first) {
      throw new AppError('usage.no-passphrase', 'The two passphrases are not the same.', { hint: 'Run the command again.' });
    }
    return first;
  };
}

function notEmpty(passphrase: string, purpose: string): string {
  if (passphrase !== '') return passphrase;
  throw new AppError('usage.no-passphrase', `The passphrase is empty (${purpose}).`, { hint: threeWays });
}

/** A pipe may keep its reader waiting for ever, and reading it cannot be called off: the wait can. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

async function firstLine(file: string): Promise<string> {
  try {
    await using handle = await open(file, 'r');
    const buffer = Buffer.alloc(maxFileBytes);
    const { bytesRead } = await handle.read(buffer, 0, maxFileBytes, null);
    const [line = ''] = buffer.toString('utf8', 0, bytesRead).replace(/^\ufeff/u, '').split(/\r?\n/u);
    buffer.fill(0);
    return line;
  } catch (error) {
    throw toIoError(error, 'read', file);
  }
}

/** Raw mode: nothing typed is shown, and Ctrl-C arrives as a character, which is given back as the signal it means. */
function promptHidden(purpose: string, { output, signal }: PassphraseOptions): Promise<string> {
  const { stdin, stderr } = process;
  output.clearProgress();
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
        if (character === '\r' || character === '\n') return finish(() => resolve(typed));
        if (character === '\u0003') process.kill(process.pid, 'SIGINT');
        else typed = edited(typed, character);
      }
    };
    signal.addEventListener('abort', onAbort, { once: true });
    stdin.setEncoding('utf8').setRawMode(true).resume().on('data', onData);
  });
}

/** Backspace takes the last character, Ctrl-U all of them; other control characters do nothing. */
function edited(typed: string, character: string): string {
  if (character === '\u007f' || character === '\b') return [...typed].slice(0, -1).join('');
  if (character === '\u0015') return '';
  return character < ' ' ? typed : typed + character;
}
