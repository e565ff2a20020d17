import * as vscode from 'vscode';
import { toAppError, type AppError } from '../../core/error.ts';
import type { Log } from './log.ts';
import { StoppedJob } from './stopped-job.ts';
import { errorText } from './words.ts';

/** Where a row of a text file with one header line stands, when the error does not name the line itself. */
const headerLines = 1;
const textFile = /\.(csv|tsv|jsonl|ndjson|json|txt)$/iu;

/** One error, one message: what happened and what to do, buttons to go on, to the place in the file, to the log. A cancel is only logged. */
export function showFailure(command: string, error: unknown, log: Log): void {
  const known = toAppError(error);
  if (known.code === 'cancelled') {
    log.info(`${command}: cancelled`);
    return;
  }
  log.failure(command, known);
  void offerWaysOut(known, log);
}

async function offerWaysOut(error: AppError, log: Log): Promise<void> {
  const open = vscode.l10n.t('Open');
  const showLog = vscode.l10n.t('Show Log');
  const place = placeInEditor(error);
  const resume = vscode.l10n.t('Resume');
  const chosen = await vscode.window.showErrorMessage(
    errorText(error),
    ...(error instanceof StoppedJob ? [resume] : []),
    ...(place === undefined ? [] : [open]),
    showLog,
  );
  if (chosen === resume && error instanceof StoppedJob)
    await vscode.commands.executeCommand('sealpoint.resume', { job: error.job });
  if (chosen === showLog) log.show();
  if (chosen === open && place !== undefined)
    await vscode.window.showTextDocument(place.file, { selection: place.line });
}

function placeInEditor(error: AppError): { readonly file: vscode.Uri; readonly line: vscode.Range } | undefined {
  const { file, row, line } = error.place;
  if (file === undefined || !textFile.test(file) || (row === undefined && line === undefined)) return undefined;
  const header = /\.(jsonl|ndjson)$/iu.test(file) ? 0 : headerLines;
  const index = line === undefined ? (row ?? 1) - 1 + header : line - 1;
  return { file: vscode.Uri.file(file), line: new vscode.Range(index, 0, index, Number.MAX_SAFE_INTEGER) };
}
