import path from 'node:path';
import * as vscode from 'vscode';
import type { KeySetOutcome } from '../../core/artifact/outcomes.ts';
import type { Context } from './context.ts';
import { describeDeployment, pickDeployment, type Deployment } from './deployments.ts';
import { localPath, pickNew, pickOne } from './pick.ts';
import { withProgress } from './progress.ts';
import { isNode, type KeySetNode, type Node } from './tree-model.ts';
import { bytesText, shortId } from './words.ts';

export interface CreateKeysRequest {
  readonly deployment: string;
  readonly name?: string;
}
/** A key set by its name, id or unique prefix of the id. */
export interface KeyRequest {
  readonly key: string;
  readonly name?: string;
  readonly file?: string;
}

export async function createKeys(
  context: Context,
  target?: CreateKeysRequest | Node,
): Promise<KeySetOutcome | undefined> {
  const request = isNode(target) ? (target.kind === 'deployment' ? { deployment: target.uri } : undefined) : target;
  const given: CreateKeysRequest | undefined = request;
  const deployment =
    given === undefined
      ? await pickDeployment(context, vscode.l10n.t('Deployment to create keys for'))
      : await describeDeployment(context, given.deployment);
  if (deployment === undefined) return undefined;
  const name = given?.name ?? (await askName(await proposedName(context, deployment)));
  return name === undefined ? undefined : await makeKeys(context, deployment, name);
}

/** Makes a key set whose secret keys are wrapped by the editor's secret storage. */
async function makeKeys(context: Context, deployment: Deployment, name: string): Promise<KeySetOutcome> {
  const title = vscode.l10n.t('Creating key set {0}', name);
  const options = { deployment: deployment.target, name };
  const keys = await withProgress(title, (running) => context.verbs.call('createKeySet', options, running));
  context.log.info(
    `created key set ${keys.key} for ${keys.deployment}: ${String(keys.bytes.evaluationKeys)} bytes of evaluation keys`,
  );
  context.trees.refresh();
  void vscode.window.showInformationMessage(
    vscode.l10n.t(
      'Key set {0} is ready: {1} of evaluation keys. Its secret keys stay on this machine.',
      keys.name,
      bytesText(keys.bytes.evaluationKeys),
    ),
  );
  return keys;
}

/** The deployment's only key set, the one a person picks, or one made on the spot. */
export async function pickKeySet(context: Context, deployment: Deployment): Promise<KeySetOutcome | undefined> {
  const { keys } = await context.verbs.call('listKeySets', {});
  const fitting = keys.filter((key) => key.deployment === deployment.id);
  const [only] = fitting;
  if (only === undefined) return await makeKeys(context, deployment, await proposedName(context, deployment));
  if (fitting.length === 1) return only;
  const items = fitting.map((key) => ({ label: key.name, description: shortId(key.key), key }));
  return (await vscode.window.showQuickPick(items, { title: vscode.l10n.t('Key set to encrypt with') }))?.key;
}

export async function renameKeys(context: Context, target?: KeyRequest | Node): Promise<KeySetOutcome | undefined> {
  const chosen = await whichKeys(context, target, vscode.l10n.t('Key set to rename'));
  if (chosen === undefined) return undefined;
  const name = chosen.name ?? (await askName(chosen.label));
  if (name === undefined) return undefined;
  const renamed = await context.verbs.call('renameKeySet', { key: chosen.key, name });
  context.trees.refresh();
  return renamed;
}

export async function exportKeys(context: Context, target?: KeyRequest | Node): Promise<string | undefined> {
  const chosen = await whichKeys(context, target, vscode.l10n.t('Key set to export'));
  if (chosen === undefined) return undefined;
  const proposed = path.join(
    vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '',
    `${chosen.label}.sealpoint-keys`,
  );
  const file =
    chosen.file ??
    (await pickNew(vscode.l10n.t('File for the key set, under a passphrase'), vscode.l10n.t('Export'), proposed));
  if (file === undefined) return undefined;
  const title = vscode.l10n.t('Exporting key set {0}', chosen.label);
  await withProgress(title, (running) => context.verbs.call('exportKeySet', { key: chosen.key, file }, running));
  void vscode.window.showInformationMessage(
    vscode.l10n.t('{0} holds the key set {1} under your passphrase.', path.basename(file), chosen.label),
  );
  return file;
}

export async function importKeys(
  context: Context,
  target?: { readonly file: string },
): Promise<KeySetOutcome | undefined> {
  const file = target?.file ?? (await chooseKeyFile());
  if (file === undefined) return undefined;
  const title = vscode.l10n.t('Importing {0}', path.basename(file));
  const keys = await withProgress(title, (running) => context.verbs.call('importKeySet', { file }, running));
  context.trees.refresh();
  return keys;
}

/** Without its secret keys results stay unreadable for ever: the person types the name. */
export async function deleteKeys(context: Context, target?: KeyRequest | Node): Promise<void> {
  const chosen = await whichKeys(context, target, vscode.l10n.t('Key set to delete'));
  if (chosen === undefined) return;
  const typed = await vscode.window.showInputBox({
    title: vscode.l10n.t('Delete key set {0}', chosen.label),
    prompt: vscode.l10n.t('Results encrypted under it can then never be decrypted. Type its name to delete it.'),
    placeHolder: chosen.label,
    ignoreFocusOut: true,
  });
  if (typed !== chosen.label) return;
  const published = await pickPublished(chosen.label);
  if (published === undefined) return;
  await context.verbs.call('deleteKeySet', { key: chosen.key, published });
  context.log.info(`deleted key set ${chosen.key}`);
  context.trees.refresh();
}

async function pickPublished(name: string): Promise<boolean | undefined> {
  return await pickOne(vscode.l10n.t('Evaluation keys of {0} in the stores of your profiles', name), [
    {
      label: vscode.l10n.t('Delete them too'),
      detail: vscode.l10n.t('Endpoints can then evaluate nothing more under this key set.'),
      value: true,
    },
    {
      label: vscode.l10n.t('Leave them'),
      detail: vscode.l10n.t('They are public: they decrypt nothing.'),
      value: false,
    },
  ]);
}

interface ChosenKeys extends KeyRequest {
  readonly label: string;
}

async function whichKeys(
  context: Context,
  target: KeyRequest | Node | undefined,
  title: string,
): Promise<ChosenKeys | undefined> {
  if (isNode(target)) return target.kind === 'keySet' ? chosenNode(target) : undefined;
  if (target !== undefined) return { ...target, label: target.key };
  const { keys } = await context.verbs.call('listKeySets', {});
  if (keys.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('There are no key sets yet.'));
    return undefined;
  }
  const items = keys.map((key) => ({ label: key.name, description: shortId(key.key), key: key.key }));
  return await vscode.window.showQuickPick(items, { title });
}

function chosenNode({ keys }: KeySetNode): ChosenKeys {
  return { key: keys.key, label: keys.name };
}

async function askName(proposed: string): Promise<string | undefined> {
  return await vscode.window.showInputBox({
    title: vscode.l10n.t('Name of the key set'),
    value: proposed,
    validateInput: (name) => (name.trim() === '' ? vscode.l10n.t('A name has at least one character.') : undefined),
  });
}

/** The deployment's folder name, numbered where a key set has it already. */
async function proposedName(context: Context, deployment: Deployment): Promise<string> {
  const { keys } = await context.verbs.call('listKeySets', {});
  const taken = new Set(keys.map(({ name }) => name));
  const stem = deployment.name.replace(/\.[^.]+$/u, '') || shortId(deployment.id);
  for (let n = 1; ; n++) {
    const name = n === 1 ? stem : `${stem}-${String(n)}`;
    if (!taken.has(name)) return name;
  }
}

async function chooseKeyFile(): Promise<string | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    title: vscode.l10n.t('Exported key set'),
    openLabel: vscode.l10n.t('Import'),
  });
  return chosen?.[0] === undefined ? undefined : localPath(chosen[0]);
}
