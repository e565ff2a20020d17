import { pathToFileURL } from 'node:url';
import * as vscode from 'vscode';
import type { Context } from './context.ts';
import { pickFolder, pickOne } from './pick.ts';
import type { Node } from './tree-model.ts';
import type { VerbOptions } from './verb-table.ts';

export type ProfileRequest = VerbOptions<'addProfile'>;

const nameRule = /^[a-z0-9][a-z0-9._-]{0,63}$/iu;
const bucketRule = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/.*)?$/u;

/** Names a folder or an S3 prefix as a store. Nothing is asked of it before its node in the tree is opened. */
export async function addProfile(context: Context, target?: ProfileRequest): Promise<void> {
  const profile = target ?? (await askProfile());
  if (profile === undefined) return;
  await context.verbs.call('addProfile', profile);
  context.trees.refresh();
}

export async function removeProfile(context: Context, target?: Node): Promise<void> {
  const name = target?.kind === 'profile' ? target.name : await pickProfile(context);
  if (name === undefined) return;
  const remove = vscode.l10n.t('Remove');
  const detail = vscode.l10n.t('Its store is not touched.');
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t('Remove the profile {0}?', name),
    { modal: true, detail },
    remove,
  );
  if (chosen !== remove) return;
  await context.verbs.call('removeProfile', { name });
  context.trees.refresh();
}

async function askProfile(): Promise<ProfileRequest | undefined> {
  const kind = await pickOne(vscode.l10n.t('Where the artifacts lie'), [
    {
      label: vscode.l10n.t('Folder'),
      detail: vscode.l10n.t('A folder of this machine or a mounted share.'),
      value: 'folder',
    },
    {
      label: vscode.l10n.t('S3'),
      detail: vscode.l10n.t('A bucket, or a prefix in one, under an AWS profile of this machine.'),
      value: 's3',
    },
  ]);
  if (kind === undefined) return undefined;
  const store = kind === 'folder' ? await askFolder() : await askBucket();
  if (store === undefined) return undefined;
  const name = await askText(
    vscode.l10n.t('Name of the profile'),
    nameRule,
    vscode.l10n.t('Letters, digits, dots, dashes; at most 64.'),
  );
  if (name === undefined) return undefined;
  return kind === 'folder' ? { name, store } : await withAws({ name, store });
}

async function askFolder(): Promise<string | undefined> {
  const folder = await pickFolder(vscode.l10n.t('Folder for the store'), vscode.l10n.t('Choose'));
  return folder === undefined ? undefined : `${pathToFileURL(folder).href}/`;
}

async function askBucket(): Promise<string | undefined> {
  const title = vscode.l10n.t('Bucket and prefix: s3://bucket/prefix/');
  return await askText(title, bucketRule, vscode.l10n.t('An address such as s3://bucket/prefix/.'));
}

/** An empty answer leaves the choice to the AWS configuration. */
async function withAws(profile: ProfileRequest): Promise<ProfileRequest | undefined> {
  const awsProfile = await askText(vscode.l10n.t('AWS profile (empty: the default one)'));
  if (awsProfile === undefined) return undefined;
  const region = await askText(vscode.l10n.t('Region (empty: as the AWS profile says)'));
  if (region === undefined) return undefined;
  return { ...profile, ...(awsProfile === '' ? {} : { awsProfile }), ...(region === '' ? {} : { region }) };
}

async function askText(title: string, rule = /^/u, wrong = ''): Promise<string | undefined> {
  return await vscode.window.showInputBox({
    title,
    ignoreFocusOut: true,
    validateInput: (text) => (rule.test(text) ? undefined : wrong),
  });
}

async function pickProfile(context: Context): Promise<string | undefined> {
  const { profiles } = await context.verbs.call('listProfiles', {});
  const choices = profiles
    .filter(({ name }) => name !== 'local')
    .map(({ name, store }) => ({ label: name, detail: store, value: name }));
  return await pickOne(vscode.l10n.t('Profile to remove'), choices);
}
