import path from 'node:path';
import * as vscode from 'vscode';
import type { Context } from './context.ts';
import { pickNew } from './pick.ts';
import { withLateProgress } from './progress.ts';
import type { VerbOptions } from './verb-table.ts';
import { reviewLines } from './review-words.ts';

/** What a review asks, in the words of what comes after it. */
export interface Review {
  readonly title: string;
  readonly icon: string;
  readonly go: string;
  readonly goElsewhere: string;
  /** Title of the dialog in which another place is chosen. */
  readonly dialog: string;
  /** Where the outcome goes unless another place is chosen. */
  readonly proposed: string;
}

/**
 * Checks the data, then shows what a job would send, what it would take and where it would go. Enter goes on; the rows below are there to be read.
 * @returns where the outcome goes, or undefined where the person thinks better of it
 */
export async function reviewJob(
  context: Context,
  job: VerbOptions<'previewJob'>,
  review: Review,
): Promise<string | undefined> {
  const checking = vscode.l10n.t('Checking {0}', path.basename(job.data));
  const preview = await withLateProgress(checking, (running) => context.verbs.call('previewJob', job, running));
  const choices = [
    {
      label: `$(${review.icon}) ${review.go}`,
      description: vscode.l10n.t('into {0}', path.basename(review.proposed)),
      does: 'go',
    },
    { label: `$(save-as) ${review.goElsewhere}`, does: 'choose' },
    { label: vscode.l10n.t('what it takes'), kind: vscode.QuickPickItemKind.Separator, does: 'read' },
    ...reviewLines(preview).map((line) => ({ ...line, does: 'read' })),
  ] as const;
  for (;;) {
    const chosen = await vscode.window.showQuickPick(choices, { title: review.title, ignoreFocusOut: true });
    if (chosen === undefined) return undefined;
    if (chosen.does === 'go') return review.proposed;
    if (chosen.does === 'choose') return await pickNew(review.dialog, review.go, review.proposed);
  }
}
