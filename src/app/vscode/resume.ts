import * as vscode from 'vscode';
import type { RunOutcome } from '../../core/artifact/outcomes.ts';
import { AppError } from '../../core/error.ts';
import type { JobRow } from '../../service/jobs.ts';
import type { Context } from './context.ts';
import { runAndShow } from './run.ts';
import { isNode, type Node } from './tree-model.ts';
import { baseName, plural, shortId } from './words.ts';

/** What Resume Job takes from its button, a key binding or a test. */
export interface ResumeRequest {
  readonly job: string;
}

/** Goes on with a job that stopped: the same data, deployment, key set, profile and predictions file, which its ledger knows. */
export async function resumeJob(context: Context, target?: ResumeRequest | Node): Promise<RunOutcome | undefined> {
  const id = isNode(target) ? (target.kind === 'job' ? target.id : undefined) : target?.job;
  const row = id === undefined ? await pickStoppedJob(context) : await stoppedJob(context, id);
  if (row === undefined) return undefined;
  return await runAndShow(context, { data: row.file, resume: row.job });
}

async function stoppedJob(context: Context, id: string): Promise<JobRow> {
  const { jobs } = await context.verbs.call('listJobs', { id });
  const [row] = jobs;
  if (row !== undefined && row.state !== 'done') return row;
  throw new AppError('job.not-resumable', `Job ${shortId(id)} is done.`, { hint: 'Open its result instead.' });
}

async function pickStoppedJob(context: Context): Promise<JobRow | undefined> {
  const { jobs } = await context.verbs.call('listJobs', {});
  const stopped = jobs.filter(({ state }) => state !== 'done' && state !== 'running');
  if (stopped.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('No job has stopped on its way.'));
    return undefined;
  }
  const items = stopped.map((row) => ({
    label: baseName(row.file),
    description: `${plural(row.records, 'record')}, ${row.state}`,
    detail: row.failure?.message ?? row.file,
    row,
  }));
  const title = vscode.l10n.t('Job to resume');
  return (await vscode.window.showQuickPick(items, { title, matchOnDetail: true }))?.row;
}
