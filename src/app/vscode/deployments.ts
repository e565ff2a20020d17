import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as vscode from 'vscode';
import type { InspectOutcome } from '../../core/artifact/outcomes.ts';
import type { ReportDocument } from '../../core/artifact/report.ts';
import type { Context } from './context.ts';
import { exists, pickFolder, separator } from './pick.ts';
import { baseName, shortId } from './words.ts';

/** A deployment as commands handle it: where it is, what it is. */
export interface Deployment {
  /** A folder, the path of a client.zip, or a store URI. */
  readonly target: string;
  readonly id: string;
  /** What people know it by: its folder's name; in a store, where that is its id, the file that it was made of. */
  readonly name: string;
}

/** What a target holds, as `inspect` tells it. */
export async function describeDeployment(context: Context, target: string): Promise<Deployment> {
  const place = target.startsWith('file://') ? fileURLToPath(target) : target;
  const found = await context.verbs.call('inspectArtifact', { target: place });
  const id = typeof found['deployment'] === 'string' ? found['deployment'] : '';
  const folder = baseName(place);
  const stem = folder === id ? (modelFile(found) ?? shortId(id)) : folder;
  return { target: place, id, name: stem.replace(/\.(?:sealpoint|zip)$/u, '') };
}

/** From the report, where there is one. */
function modelFile(found: InspectOutcome): string | undefined {
  return (found['report'] as ReportDocument | undefined)?.model.file;
}

/** The only deployment known here, else the one that a person picks from the folders known, the workspace and the stores. */
export async function pickDeployment(context: Context, title: string): Promise<Deployment | undefined> {
  const known = await knownDeployments(context);
  const [only] = known;
  if (known.length === 1 && only !== undefined) return only;
  const items = known.map((deployment) => ({
    label: deployment.name,
    description: shortId(deployment.id),
    detail: deployment.target,
    deployment,
  }));
  const other = { label: vscode.l10n.t('Browse…'), deployment: undefined, alwaysShow: true };
  const chosen =
    items.length === 0
      ? other
      : await vscode.window.showQuickPick([...items, separator, other], { title, matchOnDetail: true });
  if (chosen === undefined) return undefined;
  if ('deployment' in chosen && chosen.deployment !== undefined) return chosen.deployment;
  const folder = await pickFolder(
    vscode.l10n.t('Folder of the deployment (client.zip, server.zip)'),
    vscode.l10n.t('Choose'),
  );
  if (folder === undefined) return undefined;
  const deployment = await describeDeployment(context, folder);
  await context.memory.rememberDeployment(folder);
  return deployment;
}

/** One a deployment id: compiled here, in the workspace, in the stores, in this order. */
async function knownDeployments(context: Context): Promise<readonly Deployment[]> {
  const zips = await vscode.workspace.findFiles('**/client.zip', '**/node_modules/**', 20);
  const inWorkspace = zips.filter(({ scheme }) => scheme === 'file').map(({ fsPath }) => path.dirname(fsPath));
  const stored = await context.trees.storedDeployments();
  const found = new Map<string, Deployment>();
  for (const target of new Set([...context.memory.deployments(), ...inWorkspace, ...stored])) {
    if (path.isAbsolute(target) && !(await exists(path.join(target, 'client.zip')))) continue;
    const deployment = await describeDeployment(context, target).catch(() => undefined);
    if (deployment !== undefined && !found.has(deployment.id)) found.set(deployment.id, deployment);
  }
  return [...found.values()];
}
