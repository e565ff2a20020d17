import path from 'node:path';
import * as vscode from 'vscode';
import type { FilesOutcome } from '../../core/artifact/outcomes.ts';
import type { Context } from './context.ts';
import { describeDeployment, pickDeployment } from './deployments.ts';
import { pickKeySet } from './key-sets.ts';
import { freePath } from './pick.ts';
import { withProgress } from './progress.ts';
import { reviewJob } from './review.ts';
import { pickData, requestOf, type RunRequest } from './run.ts';
import { settingsFor } from './settings.ts';
import type { Node } from './tree-model.ts';
import type { VerbOptions } from './verb-table.ts';
import { bytesText, plural } from './words.ts';

/** Writes a data file's encrypted queries into a folder, for whoever carries them to the endpoint. */
export async function encryptFile(
  context: Context,
  target?: vscode.Uri | RunRequest | Node,
): Promise<FilesOutcome | undefined> {
  const given = requestOf(target);
  const data = given.data ?? (await pickData());
  if (data === undefined) return undefined;
  const deployment =
    given.deployment === undefined
      ? await pickDeployment(context, vscode.l10n.t('Deployment to encrypt {0} for', path.basename(data)))
      : await describeDeployment(context, given.deployment);
  if (deployment === undefined) return undefined;
  const key = given.key ?? (await pickKeySet(context, deployment))?.key;
  if (key === undefined) return undefined;
  const job = { data, deployment: deployment.target, key, clip: settingsFor(vscode.Uri.file(data)).clip };
  const output = given.output ?? (await reviewEncryption(context, job));
  if (output === undefined) return undefined;
  const options = { ...job, output };
  const title = vscode.l10n.t('Encrypting {0}', path.basename(data));
  const outcome = await withProgress(title, (running) => context.verbs.call('encryptData', options, running));
  context.log.info(
    `encrypted ${String(outcome.records)} records into ${String(outcome.files.length)} queries, ${String(outcome.bytes)} bytes`,
  );
  void offerFolder(outcome, output);
  return outcome;
}

async function reviewEncryption(context: Context, job: VerbOptions<'previewJob'>): Promise<string | undefined> {
  const { dir, name } = path.parse(job.data);
  return await reviewJob(context, job, {
    title: vscode.l10n.t('Encrypt {0}', path.basename(job.data)),
    icon: 'lock',
    go: vscode.l10n.t('Encrypt'),
    goElsewhere: vscode.l10n.t('Encrypt and save as…'),
    dialog: vscode.l10n.t('Folder for the encrypted queries'),
    proposed: await freePath(dir, `${name}.queries`, ''),
  });
}

async function offerFolder(outcome: FilesOutcome, folder: string): Promise<void> {
  const records = plural(outcome.records, 'record');
  const queries = plural(outcome.files.length, 'query', 'queries');
  const show = vscode.l10n.t('Show in Explorer');
  const text = vscode.l10n.t('{0} encrypted into {1} ({2}).', records, queries, bytesText(outcome.bytes));
  if ((await vscode.window.showInformationMessage(text, show)) === show) {
    await vscode.commands.executeCommand('revealInExplorer', vscode.Uri.file(folder));
  }
}
