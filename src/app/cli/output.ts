import type { Writable } from 'node:stream';
import type { Progress } from '../../core/progress.ts';
import { progressText } from './words.ts';

const redrawMs = 200;
const eraseLine = '\r\u001b[K';

/** stdout for what was asked for, stderr for everything else. */
export interface Output {
  print(text: string): void;
  /** The one JSON document of `--json`. */
  document(value: unknown): Promise<void>;
  /** A line on stderr. */
  note(line: string): void;
  /** Redraws one line, on a terminal only and at most five times a second. */
  progress(step: Progress): void;
  clearProgress(): void;
  /** Resolves when everything is with the operating system, or nobody reads any more. */
  flush(): Promise<void>;
}

export function openOutput(
  stdout: Writable = process.stdout,
  stderr: Writable & { readonly isTTY?: boolean } = process.stderr,
): Output {
  const writeOut = pipe(stdout);
  const writeError = pipe(stderr);
  const isTerminal = stderr.isTTY === true;
  let drawnAt = -Infinity;
  let isDrawn = false;
  const clearProgress = (): void => {
    if (isDrawn) void writeError(eraseLine);
    isDrawn = false;
  };
  return {
    print: (text) => void writeOut(text),
    document: (value) => writeOut(`${JSON.stringify(value)}\n`),
    note: (line) => {
      clearProgress();
      void writeError(`${line}\n`);
    },
    progress: (step) => {
      const now = performance.now();
      if (!isTerminal || now - drawnAt < redrawMs) return;
      drawnAt = now;
      isDrawn = true;
      void writeError(`${eraseLine}${progressText(step)}`);
    },
    clearProgress,
    flush: async () => {
      await Promise.all([writeOut(''), writeError('')]);
    },
  };
}

/** A reader that goes away (`| head`) ends the printing, not the work: a job that is paid for is finished. */
function pipe(stream: Writable): (text: string) => Promise<void> {
  let isOpen = true;
  stream.on('error', () => {
    isOpen = false;
  });
  return (text) =>
    new Promise((resolve) => {
      if (!isOpen || stream.destroyed) resolve();
      else stream.write(text, () => resolve());
    });
}
