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

/** What was asked of the person, and the rows that were to be chosen from, icons left aside. */
export interface Asked {
  readonly title: string;
  readonly rows: readonly string[];
}

/**
 * Answers quick picks and input boxes while `work` runs, each by the answer to its title: a row's label, or what is typed. Save dialogs are
 * answered by what they propose.
 */
export async function answeringQuestions(
  answers: readonly (readonly [RegExp, string])[],
  work: () => Promise<void>,
): Promise<readonly Asked[]> {
  const asked: Asked[] = [];
  const answerTo = (title: string): string => {
    const found = answers.find(([question]) => question.test(title));
    if (found === undefined) throw new Error(`nobody answers "${title}"`);
    return found[1];
  };
  const pick = async (
    given: readonly vscode.QuickPickItem[] | Thenable<readonly vscode.QuickPickItem[]>,
    { title = '' }: vscode.QuickPickOptions = {},
  ): Promise<vscode.QuickPickItem | undefined> => {
    const items = await given;
    const labelOf = ({ label }: vscode.QuickPickItem): string => label.replace(/^\$\([\w-]+\) /u, '');
    asked.push({ title, rows: items.map((item) => [labelOf(item), item.detail ?? ''].join(' ').trim()) });
    const wanted = answerTo(title);
    return items.find((item) => labelOf(item) === wanted);
  };
  const type = ({ title = '' }: vscode.InputBoxOptions = {}): Promise<string> => {
    asked.push({ title, rows: [] });
    return Promise.resolve(answerTo(title));
  };
  const save = ({ title = '', defaultUri }: vscode.SaveDialogOptions = {}): Promise<vscode.Uri | undefined> => {
    asked.push({ title, rows: [] });
    return Promise.resolve(defaultUri);
  };
  using _picks = replaced('showQuickPick', pick);
  using _boxes = replaced('showInputBox', type);
  using _dialogs = replaced('showSaveDialog', save);
  await work();
  return asked;
}

/** What a cancelled command did from there on. */
export interface Cancelled {
  /** Milliseconds to its end. */
  readonly endedMs: number;
  /** What it still reported. */
  readonly reports: readonly string[];
}

/** Between two reports, too, a cancel has to be heard. */
const momentMs = 150;

/** Cancels `work` a moment after its first report of progress that matches. */
export async function cancellingAt(report: RegExp, work: () => Thenable<unknown>): Promise<Cancelled> {
  let isMatched = false;
  let cancelled: number | undefined;
  const reports: string[] = [];
  const stand = async (
    _options: unknown,
    task: (report: unknown, token: unknown) => Promise<unknown>,
  ): Promise<unknown> => {
    const source = new vscode.CancellationTokenSource();
    const onReport = ({ message = '' }: { readonly message?: string }): void => {
      if (cancelled !== undefined) reports.push(message);
      if (isMatched || !report.test(message)) return;
      isMatched = true;
      setTimeout(() => {
        cancelled = performance.now();
        source.cancel();
      }, momentMs);
    };
    return await task({ report: onReport }, source.token);
  };
  using _ = replaced('withProgress', stand);
  await work();
  if (cancelled === undefined) throw new Error(`it ended before it was cancelled at ${String(report)}`);
  return { endedMs: performance.now() - cancelled, reports };
}

type Replaceable =
  'showErrorMessage' | 'showWarningMessage' | 'showQuickPick' | 'showInputBox' | 'showSaveDialog' | 'withProgress';

function replaced(method: Replaceable, stand: unknown): Disposable {
  const window = vscode.window as unknown as Record<string, unknown>;
  const original = window[method];
  window[method] = stand;
  return {
    [Symbol.dispose]: () => {
      window[method] = original;
    },
  };
}
