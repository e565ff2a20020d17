import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as vscode from 'vscode';
import type { PlanOutcome } from '../../core/artifact/outcomes.ts';
import type { Context } from './context.ts';
import { exists, pickFolder, separator } from './pick.ts';
import { shortId } from './words.ts';

/** A deployment as commands handle it: where it is, what it is, which plans its compilation proved. */
export interface Deployment {
  /** A folder, the path of a client.zip, or a store URI. */
  readonly target: string;
  readonly id: string;
  readonly plans: readonly PlanOutcome[];
}

/** What a target holds, as `inspect` tells it. */
export async function describeDeployment(context: Context, target: string): Promise<Deployment> {
  const place = target.startsWith('file://') ? fileURLToPath(target) : target;
  const found: Record<string, unknown> = await context.verbs.call('inspectArtifact', { target: place });
  const id = found['deployment'];
  const plans = await measuredPlans(context, place, found['report']);
  return { target: place, id: typeof id === 'string' ? id : '', plans };
}

/** The plans of report.json, which lies beside client.zip or, in a store, with the server's part; none where there is only client.zip. */
async function measuredPlans(context: Context, place: string, report: unknown): Promise<readonly PlanOutcome[]> {
  const besideServer = path.join(place, 'server', 'report.json');
  let found = report;
  if (found === undefined && path.isAbsolute(place) && (await exists(besideServer))) {
    found = (await context.verbs.call('inspectArtifact', { target: besideServer }))['document'];
  }
  const plans = typeof found === 'object' && found !== null && 'plans' in found ? found.plans : [];
  return Array.isArray(plans) ? (plans as readonly PlanOutcome[]) : [];
}

/** The only deployment known here, else the one that a person picks from the folders known, the workspace and the stores. */
export async function pickDeployment(context: Context, title: string): Promise<Deployment | undefined> {
  const known = await knownDeployments(context);
  const [only] = known;
  if (known.length === 1 && only !== undefined) return only;
  const items = known.map((deployment) => ({
    label: path.basename(deployment.target),
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
