import * as vscode from 'vscode';
import { AppError } from '../../core/error.ts';
import { secretVault } from './vault.ts';
import type { Question } from './verb-protocol.ts';

/** Answers what a verb in the worker cannot know: passphrases from a person, key-encryption keys from the secret storage. */
export function answerQuestions(
  secrets: vscode.SecretStorage,
): (question: Question, signal: AbortSignal) => Promise<unknown> {
  const vault = secretVault(secrets);
  return async (question, signal) => {
    switch (question.kind) {
      case 'vault.get':
        return await vault.get(question.fingerprint);
      case 'vault.own':
        return await vault.own();
      case 'passphrase':
        return await askPassphrase(question, signal);
    }
  };
}

async function askPassphrase(
  { purpose, confirm }: Extract<Question, { kind: 'passphrase' }>,
  signal: AbortSignal,
): Promise<string> {
  const first = await askSecret(purpose, signal);
  if (!confirm) return first;
  const again = await askSecret(vscode.l10n.t('{0}: the same passphrase again', purpose), signal, (text) =>
    text === first ? undefined : vscode.l10n.t('This differs from the passphrase that you typed first.'),
  );
  return again;
}

async function askSecret(
  prompt: string,
  signal: AbortSignal,
  check?: (text: string) => string | undefined,
): Promise<string> {
  signal.throwIfAborted();
  const token = new vscode.CancellationTokenSource();
  const close = (): void => {
    token.cancel();
  };
  signal.addEventListener('abort', close, { once: true });
  try {
    const options = { prompt, password: true, ignoreFocusOut: true, placeHolder: vscode.l10n.t('Passphrase') };
    const validateInput = (text: string): string | undefined =>
      text === '' ? vscode.l10n.t('A passphrase has at least one character.') : check?.(text);
    const typed = await vscode.window.showInputBox({ ...options, validateInput }, token.token);
    if (typed === undefined) throw new AppError('cancelled', 'Cancelled.');
    return typed;
  } finally {
    signal.removeEventListener('abort', close);
    token.dispose();
  }
}
