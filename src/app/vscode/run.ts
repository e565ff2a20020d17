import path from 'node:path';
import * as vscode from 'vscode';
import type { RunOutcome } from '../../core/artifact/outcomes.ts';
import { toAppError } from '../../core/error.ts';
import type { Context } from './context.ts';
import { describeDeployment, pickDeployment, type Deployment } from './deployments.ts';
import { pickKeySet } from './key-sets.ts';
import { dataExtensions, freePath, localPath, pickFile, pickNew } from './pick.ts';
import { withProgress } from './progress.ts';
import { showResult } from './result.ts';
import { settingsFor } from './settings.ts';
import { StoppedJob } from './stopped-job.ts';
import { isNode, type Node } from './tree-model.ts';
import type { VerbOptions } from './verb-table.ts';
import { planLines } from './words.ts';

/** What Run Encrypted Inference asks for; whatever a key binding or a test gives is not asked again. */
export interface RunRequest {
  readonly data?: string;
  readonly deployment?: string;
  readonly key?: string;
  readonly output?: string;
}

export async function runInference(
  context: Context,
  target?: vscode.Uri | RunRequest | Node,
): Promise<RunOutcome | undefined> {
  const given = requestOf(target);
  const data = given.data ?? (await pickData());
  if (data === undefined) return undefined;
  const deployment =
    given.deployment === undefined
      ? await pickDeployment(context, vscode.l10n.t('Deployment to evaluate {0} with', path.basename(data)))
      : await describeDeployment(context, given.deployment);
  if (deployment === undefined) return undefined;
  const key = given.key ?? (await pickKeySet(context, deployment))?.key;
  if (key === undefined) return undefined;
  const output = given.output ?? (await reviewRun(data, deployment));
  if (output === undefined) return undefined;
  return await execute(context, { ...given, data, deployment: deployment.target, key, output });
}

export async function pickData(): Promise<string | undefined> {
  return await pickFile({ title: vscode.l10n.t('Data file'), extensions: dataExtensions, offered: dataExtensions });
}

/** A request from whatever the command was called with: a file of the explorer, a deployment of the tree, arguments. */
export function requestOf(target: vscode.Uri | RunRequest | Node | undefined): RunRequest {
  if (target instanceof vscode.Uri) return { data: localPath(target) };
  if (isNode(target)) return target.kind === 'deployment' ? { deployment: target.uri } : {};
  return target ?? {};
}

/** The plans' measured numbers before anything is sent, and where the predictions go. A plan's row is there to be read. */
async function reviewRun(data: string, deployment: Deployment): Promise<string | undefined> {
  const { dir, name } = path.parse(data);
  const proposed = await freePath(dir, `${name}.predictions`, '.csv');
  const choices = [
    {
      label: `$(play) ${vscode.l10n.t('Run')}`,
      description: vscode.l10n.t('into {0}', path.basename(proposed)),
      does: 'run',
    },
    { label: `$(save-as) ${vscode.l10n.t('Run and save as…')}`, does: 'save' },
    {
      label: vscode.l10n.t('plans'),
      kind: vscode.QuickPickItemKind.Separator,
      does: 'read',
    },
    ...deployment.plans.map((plan) => ({ ...planLines(plan), does: 'read' })),
  ] as const;
  const title = vscode.l10n.t('Run Encrypted Inference on {0}', path.basename(data));
  for (;;) {
    const chosen = await vscode.window.showQuickPick(choices, { title, ignoreFocusOut: true });
    if (chosen === undefined) return undefined;
    if (chosen.does === 'run') return proposed;
    if (chosen.does === 'save') return await pickNew(vscode.l10n.t('Predictions file'), vscode.l10n.t('Run'), proposed);
  }
}

async function execute(
  context: Context,
  request: RunRequest & { readonly data: string; readonly output: string },
): Promise<RunOutcome> {
  return await runAndShow(context, { ...settingsFor(vscode.Uri.file(request.data)), ...request });
}

/** Runs a job with progress and opens its predictions. @throws {StoppedJob} where it can go on later */
export async function runAndShow(context: Context, options: VerbOptions<'runJob'>): Promise<RunOutcome> {
  const title = vscode.l10n.t('Running encrypted inference on {0}', path.basename(options.data));
  const started = new Date().toISOString();
  try {
    const outcome = await withProgress(title, (running) => context.verbs.call('runJob', options, running));
    context.log.info(
      `job ${outcome.job}: ${String(outcome.records)} records, ${String(outcome.bytes.sent)} bytes sent, ${outcome.seconds.total.toFixed(2)} s`,
    );
    await context.memory.rememberResult(outcome);
    await showResult(context, outcome);
    return outcome;
  } catch (error) {
    throw await withJob(context, error, { ...options, started });
  } finally {
    context.trees.refresh();
  }
}

/** A failure of a job that has begun names it, so that it can go on; what is wrong with the data stays wrong. */
async function withJob(
  context: Context,
  error: unknown,
  { data, resume, started }: { readonly data: string; readonly resume?: string | undefined; readonly started: string },
): Promise<unknown> {
  const known = toAppError(error);
  if (known.code === 'cancelled' || known.code === 'job.not-resumable' || known.code.startsWith('data.')) return error;
  const { jobs } = await context.verbs.call('listJobs', {}).catch(() => ({ jobs: [] }));
  const job = resume ?? jobs.find((row) => row.file === data && row.created >= started && row.state === 'failed')?.job;
  return job === undefined ? error : new StoppedJob(job, known);
}
