import * as vscode from 'vscode';
import { toAppError, type AppError } from '../../core/error.ts';
import type { Log } from './log.ts';
import { RefusedPlan } from './refused-plan.ts';
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

interface WayOut {
  readonly label: string;
  readonly go: () => unknown;
}

async function offerWaysOut(error: AppError, log: Log): Promise<void> {
  const showLog = { label: vscode.l10n.t('Show Log'), go: log.show };
  const ways: readonly WayOut[] = [...waysOn(error), ...waysToPlace(error), showLog];
  const chosen = await vscode.window.showErrorMessage(errorText(error), ...ways.map(({ label }) => label));
  await ways.find(({ label }) => label === chosen)?.go();
}

/** What a person may try next. */
function waysOn(error: AppError): readonly WayOut[] {
  if (error instanceof StoppedJob) {
    const resume = { job: error.job };
    return [{ label: vscode.l10n.t('Resume'), go: () => vscode.commands.executeCommand('sealpoint.resume', resume) }];
  }
  if (!(error instanceof RefusedPlan)) return [];
  const again = { ...error.answers, askTolerances: true };
  return [
    { label: vscode.l10n.t('Choose Again…'), go: () => vscode.commands.executeCommand('sealpoint.compile', again) },
  ];
}

function waysToPlace(error: AppError): readonly WayOut[] {
  const place = placeInEditor(error);
  if (place === undefined) return [];
  const selection = { selection: place.line };
  return [{ label: vscode.l10n.t('Open'), go: () => vscode.window.showTextDocument(place.file, selection) }];
}

function placeInEditor(error: AppError): { readonly file: vscode.Uri; readonly line: vscode.Range } | undefined {
  const { file, row, line } = error.place;
  if (file === undefined || !textFile.test(file) || (row === undefined && line === undefined)) return undefined;
  const header = /\.(jsonl|ndjson)$/iu.test(file) ? 0 : headerLines;
  const index = line === undefined ? (row ?? 1) - 1 + header : line - 1;
  return { file: vscode.Uri.file(file), line: new vscode.Range(index, 0, index, Number.MAX_SAFE_INTEGER) };
}
