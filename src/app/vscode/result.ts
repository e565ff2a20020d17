import * as vscode from 'vscode';
import type { RunOutcome } from '../../core/artifact/outcomes.ts';
import { AppError } from '../../core/error.ts';
import type { Context } from './context.ts';
import { exists } from './pick.ts';
import { isNode, type Node } from './tree-model.ts';
import { baseName, plural, ranText, shortId } from './words.ts';

/** The predictions in an editor tab; what the job did behind a button. */
export async function showResult(context: Context, outcome: RunOutcome): Promise<void> {
  await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(outcome.output), { preview: false });
  void offerSummary(context, outcome);
}

export interface ResultRequest {
  readonly job: string;
}

/** Opens predictions of an earlier job, with its summary beside them. */
export async function openResult(context: Context, target?: ResultRequest | Node): Promise<RunOutcome | undefined> {
  const job = isNode(target) ? (target.kind === 'job' ? target.id : undefined) : target?.job;
  const outcome =
    job === undefined ? await pickResult(context) : context.memory.results().find((known) => known.job === job);
  if (outcome === undefined) {
    if (job === undefined) return undefined;
    throw new AppError('job.not-found', `The predictions of job ${shortId(job)} are not known in this editor.`, {
      hint: 'They lie where that run wrote them.',
    });
  }
  if (!(await exists(outcome.output))) {
    throw new AppError('io.not-found', 'The predictions file was moved or deleted.', {
      file: outcome.output,
      hint: 'Run the job again.',
    });
  }
  await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(outcome.output), { preview: false });
  await context.summaries.openJob(outcome.job);
  return outcome;
}

async function offerSummary(context: Context, outcome: RunOutcome): Promise<void> {
  const open = vscode.l10n.t('Open Summary');
  const show = outcome.warnings.length === 0 ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
  const chosen = await show([ranText(outcome), ...outcome.warnings].join(' '), open);
  if (chosen === open) await context.summaries.openJob(outcome.job);
}

async function pickResult(context: Context): Promise<RunOutcome | undefined> {
  const items = context.memory.results().map((outcome) => ({
    label: baseName(outcome.output),
    description: plural(outcome.records, 'record'),
    detail: outcome.output,
    outcome,
  }));
  if (items.length === 0) {
    const run = vscode.l10n.t('Run Encrypted Inference');
    const chosen = await vscode.window.showInformationMessage(vscode.l10n.t('No job has finished here yet.'), run);
    if (chosen === run) await vscode.commands.executeCommand('sealpoint.run');
    return undefined;
  }
  return (await vscode.window.showQuickPick(items, { title: vscode.l10n.t('Result to open'), matchOnDetail: true }))
    ?.outcome;
}
