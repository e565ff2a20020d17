import * as vscode from 'vscode';

/** People's part in tests: the extension and its tests share one `vscode.window`, so that a method put in its place is seen by both. */

interface Shown {
  readonly message: string;
  readonly buttons: readonly string[];
}

/** The error messages that are shown while `work` runs, and which button is pressed then: none unless `press` says. */
export async function duringErrors(
  work: () => Promise<void>,
  press: () => Promise<string | undefined> = () => Promise.resolve(undefined),
): Promise<readonly Shown[]> {
  const shown: Shown[] = [];
  const stand = (message: string, ...buttons: string[]): Promise<string | undefined> => {
    shown.push({ message, buttons });
    return press();
  };
  using _ = replaced('showErrorMessage', stand);
  await work();
  return shown;
}

/** Passes on every error message from here on, until disposed. */
export function watchErrors(onError: (message: string) => void): Disposable {
  return replaced('showErrorMessage', (message: string) => {
    onError(message);
    return Promise.resolve(undefined);
  });
}

/** Answers every warning that is shown while `work` runs with its first button, or with none; gives what was asked. */
export async function answeringWarnings(
  answer: 'first button' | 'no',
  work: () => Promise<void>,
): Promise<readonly string[]> {
  const asked: string[] = [];
  const stand = (message: string, _options: unknown, ...buttons: string[]): Promise<string | undefined> => {
    asked.push(message);
    return Promise.resolve(answer === 'no' ? undefined : buttons[0]);
  };
  using _ = replaced('showWarningMessage', stand);
  await work();
  return asked;
}

/** Cancels `work` at its first report of progress; gives the milliseconds from there to its end. */
export async function duringProgress(work: () => Thenable<unknown>): Promise<number> {
  let cancelled = performance.now();
  const stand = async (
    _options: unknown,
    task: (report: unknown, token: unknown) => Promise<unknown>,
  ): Promise<unknown> => {
    const source = new vscode.CancellationTokenSource();
    const report = (): void => {
      if (source.token.isCancellationRequested) return;
      cancelled = performance.now();
      source.cancel();
    };
    return await task({ report }, source.token);
  };
  using _ = replaced('withProgress', stand);
  await work();
  return performance.now() - cancelled;
}

function replaced(method: 'showErrorMessage' | 'showWarningMessage' | 'withProgress', stand: unknown): Disposable {
  const window = vscode.window as unknown as Record<string, unknown>;
  const original = window[method];
  window[method] = stand;
  return {
    [Symbol.dispose]: () => {
      window[method] = original;
    },
  };
}
