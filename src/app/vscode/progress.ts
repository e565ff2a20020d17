import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { Progress, Running } from '../../core/progress.ts';

/** Shows a notification with a Cancel button while `work` runs. The worker sends at most four updates a second. */
export async function withProgress<T>(title: string, work: (running: Running) => Promise<T>): Promise<T> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return await vscode.window.withProgress(options, async (report, token) => {
    const abort = new AbortController();
    using _ = onCancel(token, abort);
    return await work({
      signal: abort.signal,
      onProgress: (step) => {
        report.report({ message: describeProgress(step) });
      },
    });
  });
}

/** Long enough that quick work is done without a word. */
const lateMs = 700;

/** As {@link withProgress}, for what is quick unless files are large: the notification shows once it takes long. */
export async function withLateProgress<T>(title: string, work: (running: Running) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  let onProgress = (_: Progress): void => undefined;
  const outcome = work({
    signal: abort.signal,
    onProgress: (step) => {
      onProgress(step);
    },
  });
  const ended = outcome.then(
    () => true,
    () => true,
  );
  if (await Promise.race([ended, sleep(lateMs, false)])) return await outcome;
  return await withProgress(title, async (running) => {
    ({ onProgress } = running);
    running.signal.addEventListener('abort', () => {
      abort.abort();
    });
    return await outcome;
  });
}

/** "Evaluating 3 of 12 queries", "Uploading 40 MB", "Proving". */
function describeProgress({ stage, done, total, unit }: Progress): string {
  if (done === undefined) return stage;
  if (unit === 'bytes') return `${stage} ${megabytes(done)}${total === undefined ? '' : ` of ${megabytes(total)}`}`;
  const amount = total === undefined ? String(done) : `${done.toLocaleString()} of ${total.toLocaleString()}`;
  return `${stage} ${amount}${unit === undefined ? '' : ` ${unit}`}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function onCancel(token: vscode.CancellationToken, abort: AbortController): Disposable {
  const listener = token.onCancellationRequested(() => {
    abort.abort();
  });
  return {
    [Symbol.dispose]: () => {
      listener.dispose();
    },
  };
}
