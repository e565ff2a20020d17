import * as vscode from 'vscode';
import type { InspectOutcome } from '../../core/artifact/outcomes.ts';
import type { Context } from './context.ts';
import { pickDeployment } from './deployments.ts';
import { localPath, pickFile, pickOne } from './pick.ts';
import { withProgress } from './progress.ts';
import { isNode, type Node } from './tree-model.ts';
import { baseName, shortId } from './words.ts';

const artifactExtensions = ['zip', 'spq', 'spr', 'spk'] as const;

/** What an artifact is, for what, its sizes and parameters: as a read-only JSON page. */
export async function inspectArtifact(
  context: Context,
  target?: vscode.Uri | Node,
): Promise<InspectOutcome | undefined> {
  const title = vscode.l10n.t('Artifact to inspect');
  const chosen =
    targetOf(target) ?? (await pickFile({ title, extensions: artifactExtensions, offered: artifactExtensions }));
  if (chosen === undefined) return undefined;
  const outcome = await context.verbs.call('inspectArtifact', { target: chosen });
  await context.summaries.openJson(baseName(chosen), outcome);
  return outcome;
}

export async function copyUri(target?: Node): Promise<void> {
  if (isNode(target) && 'uri' in target) await vscode.env.clipboard.writeText(target.uri);
}

export async function copyId(target?: Node): Promise<void> {
  if (!isNode(target)) return;
  if (target.kind === 'keySet') await vscode.env.clipboard.writeText(target.keys.key);
  else if ('id' in target) await vscode.env.clipboard.writeText(target.id);
}

/** Copies a deployment into a profile's store. */
export async function publishDeployment(context: Context, target?: Node): Promise<void> {
  const deployment =
    targetOf(target) ?? (await pickDeployment(context, vscode.l10n.t('Deployment to publish')))?.target;
  if (deployment === undefined) return;
  const { profiles } = await context.verbs.call('listProfiles', {});
  const choices = profiles.map(({ name, store }) => ({ label: name, detail: store, value: name }));
  const profile = await pickOne(vscode.l10n.t('Profile to publish to'), choices);
  if (profile === undefined) return;
  const title = vscode.l10n.t('Publishing {0}', baseName(deployment));
  const options = { deployment, profile };
  const published = await withProgress(title, (running) => context.verbs.call('publishDeployment', options, running));
  context.trees.refresh();
  void vscode.window.showInformationMessage(
    vscode.l10n.t('Deployment {0} is in the store of {1}.', shortId(published.deployment), profile),
  );
}

function targetOf(target: vscode.Uri | Node | undefined): string | undefined {
  if (target instanceof vscode.Uri) return localPath(target);
  return isNode(target) && 'uri' in target ? target.uri : undefined;
}
