import path from 'node:path';
import * as vscode from 'vscode';
import type { RunOutcome } from '../../core/artifact/outcomes.ts';
import { toAppError } from '../../core/error.ts';
import type { Context } from './context.ts';
import { describeDeployment, pickDeployment } from './deployments.ts';
import { pickKeySet } from './key-sets.ts';
import { dataExtensions, freePath, localPath, pickFile } from './pick.ts';
import { withProgress } from './progress.ts';
import { showResult } from './result.ts';
import { reviewJob } from './review.ts';
import { settingsFor } from './settings.ts';
import { StoppedJob } from './stopped-job.ts';
import { isNode, type Node } from './tree-model.ts';
import type { VerbOptions } from './verb-table.ts';

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
  const { profile, clip, withInput } = settingsFor(vscode.Uri.file(data));
  const job = { data, deployment: deployment.target, key, profile, clip };
  const output = given.output ?? (await reviewRun(context, job));
  return output === undefined ? undefined : await runAndShow(context, { ...job, withInput, output });
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

/** What the job will send and take, before anything is sent, and where the predictions go. */
async function reviewRun(context: Context, job: VerbOptions<'previewJob'>): Promise<string | undefined> {
  const { dir, name } = path.parse(job.data);
  return await reviewJob(context, job, {
    title: vscode.l10n.t('Run Encrypted Inference on {0}', path.basename(job.data)),
    icon: 'play',
    go: vscode.l10n.t('Run'),
    goElsewhere: vscode.l10n.t('Run and save as…'),
    dialog: vscode.l10n.t('Predictions file'),
    proposed: await freePath(dir, `${name}.predictions`, '.csv'),
  });
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
