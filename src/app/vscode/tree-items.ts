import * as vscode from 'vscode';
import type {
  DeploymentNode,
  EvaluationKeysNode,
  GroupNode,
  JobNode,
  KeySetNode,
  Node,
  NoteNode,
} from './tree-model.ts';
import { baseName, bytesText, planName, plural, shortId } from './words.ts';

const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;

const groupLabels: { readonly [Group in GroupNode['group']]: { readonly label: string; readonly icon: string } } = {
  models: { label: vscode.l10n.t('Deployments'), icon: 'package' },
  keys: { label: vscode.l10n.t('Evaluation Keys'), icon: 'key' },
  jobs: { label: vscode.l10n.t('Jobs'), icon: 'checklist' },
  others: { label: vscode.l10n.t('Other Objects'), icon: 'files' },
};

interface Look {
  readonly label: string;
  readonly icon: string;
  readonly contextValue: string;
  readonly state?: vscode.TreeItemCollapsibleState;
  readonly description?: string;
  readonly tooltip?: string;
}

export function treeItem(node: Node): vscode.TreeItem {
  const { label, icon, contextValue, state, description, tooltip } = looks(node);
  const item = new vscode.TreeItem(label, state ?? None);
  item.iconPath = new vscode.ThemeIcon(icon);
  item.contextValue = contextValue;
  if (description !== undefined) item.description = description;
  if (tooltip !== undefined) item.tooltip = tooltip;
  return item;
}

function looks(node: Node): Look {
  if (node.kind === 'keySet') return keySetLook(node.keys);
  return node.kind === 'note' ? noteLook(node) : storeLook(node);
}

function noteLook({ text, failed }: NoteNode): Look {
  return { label: text, icon: failed ? 'warning' : 'info', contextValue: 'note', tooltip: text };
}

function storeLook(node: Exclude<Node, KeySetNode | NoteNode>): Look {
  switch (node.kind) {
    case 'profile':
      return profileLook(node.name, node.uri);
    case 'group':
      return groupLook(node.group);
    case 'deployment':
      return deploymentLook(node);
    case 'evaluationKeys':
      return evaluationKeysLook(node);
    case 'job':
      return jobLook(node);
    case 'folder':
      return {
        label: baseName(node.prefix),
        icon: 'folder',
        contextValue: 'folder',
        state: Collapsed,
        tooltip: node.uri,
      };
    case 'object':
      return objectLook(node.key, node.sizeBytes, node);
  }
}

function deploymentLook({ id, made, uri }: DeploymentNode): Look {
  const look = { icon: 'package', contextValue: 'deployment' };
  if (made === undefined) return { ...look, label: shortId(id), tooltip: uri };
  const plans = made.modes.map((mode) => planName(mode).toLowerCase()).join(', ');
  const tooltip = [vscode.l10n.t('Deployment {0}', id), vscode.l10n.t('Plans: {0}', plans), uri].join('\n');
  return { ...look, label: made.model, description: shortId(id), tooltip };
}

function evaluationKeysLook({ id, name, uri }: EvaluationKeysNode): Look {
  const look = { icon: 'key', contextValue: 'evaluationKeys', tooltip: uri };
  return name === undefined ? { ...look, label: shortId(id) } : { ...look, label: name, description: shortId(id) };
}

function groupLook(group: GroupNode['group']): Look {
  return { ...groupLabels[group], contextValue: 'group', state: group === 'models' ? Expanded : Collapsed };
}

const stateIcons: Readonly<Record<string, string>> = {
  done: 'pass',
  failed: 'error',
  cancelled: 'circle-slash',
  interrupted: 'debug-disconnect',
};

function jobLook({ id, uri, ledger }: JobNode): Look {
  if (ledger === undefined) return { label: shortId(id), icon: 'checklist', contextValue: 'foreignJob', tooltip: uri };
  const { state, records, file } = ledger;
  return {
    label: baseName(file),
    icon: stateIcons[state] ?? 'sync',
    contextValue: state === 'done' || state === 'running' ? 'job' : 'stoppedJob',
    description: `${plural(records, 'record')}, ${state}`,
    tooltip: [vscode.l10n.t('Job {0}', id), file, uri].join('\n'),
  };
}

function profileLook(name: string, uri: string): Look {
  const local = name === 'local';
  const icon = uri.startsWith('s3://') ? 'cloud' : local ? 'home' : 'folder-library';
  const description = local ? vscode.l10n.t('this machine') : uri.replace(/^file:\/\//u, '');
  return {
    label: name,
    icon,
    contextValue: local ? 'localProfile' : 'profile',
    state: local ? Expanded : Collapsed,
    description,
    tooltip: uri,
  };
}

function objectLook(
  key: string,
  sizeBytes: number,
  { uri, modified }: { readonly uri: string; readonly modified?: string },
): Look {
  const tooltip = [uri, bytesText(sizeBytes), ...(modified === undefined ? [] : [modified])].join('\n');
  return { label: baseName(key), icon: 'file', contextValue: 'object', description: bytesText(sizeBytes), tooltip };
}

function keySetLook(keys: Extract<Node, { kind: 'keySet' }>['keys']): Look {
  const slots = keys.slots
    .map((slot) => (slot === 'editor' ? vscode.l10n.t('this editor') : vscode.l10n.t('passphrase')))
    .join(', ');
  const tooltip = [
    vscode.l10n.t('Key set {0}', keys.key),
    vscode.l10n.t('Deployment {0}', keys.deployment),
    vscode.l10n.t('Created {0}', new Date(keys.created).toLocaleString()),
    vscode.l10n.t('Evaluation keys: {0}', bytesText(keys.bytes.evaluationKeys)),
    vscode.l10n.t('Unlocked by: {0}', slots),
  ].join('\n');
  return {
    label: keys.name,
    icon: 'key',
    contextValue: 'keySet',
    description: vscode.l10n.t('for {0}', shortId(keys.deployment)),
    tooltip,
  };
}
