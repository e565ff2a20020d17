import path from 'node:path';
import * as vscode from 'vscode';
import { AppError } from '../../core/error.ts';
import { pythonSetting } from './settings.ts';

/**
 * What compile may do with a pickle: open it only after asking, and in a trusted workspace.
 * @returns undefined where the answer was no
 * @throws {AppError} usage.arguments for a pickle in an untrusted workspace
 */
export async function consentToOpen(
  model: string,
): Promise<{ readonly openPickle: { readonly python: string | undefined } } | undefined> {
  const name = path.basename(model);
  if (!vscode.workspace.isTrusted) {
    throw new AppError('usage.arguments', `${name} is a Python pickle, which runs its code when it is opened.`, {
      file: model,
      hint: 'Trust this workspace first, or compile the model as ONNX.',
    });
  }
  const python = pythonSetting();
  const open = vscode.l10n.t('Open with Python');
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t('{0} is a Python pickle: opening it runs the code that it holds, with your rights.', name),
    {
      modal: true,
      detail: vscode.l10n.t(
        'Sealpoint runs {0} to convert the model in a temporary folder. Open only files that come from where you trust.',
        python ?? vscode.l10n.t('your Python (the setting sealpoint.python names another)'),
      ),
    },
    open,
  );
  return chosen === open ? { openPickle: { python } } : undefined;
}
