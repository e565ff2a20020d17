import type { ReportDocument } from '../../core/artifact/report.ts';
import type { Context } from './context.ts';
import { pickDeployment } from './deployments.ts';
import { isNode, type Node } from './tree-model.ts';
import * as vscode from 'vscode';

export interface ReportRequest {
  readonly deployment: string;
}

/** The report of a deployment as a page. */
export async function openReport(context: Context, target?: ReportRequest | Node): Promise<ReportDocument | undefined> {
  const given = isNode(target) ? (target.kind === 'deployment' ? target.uri : undefined) : target?.deployment;
  const deployment = given ?? (await pickDeployment(context, vscode.l10n.t('Deployment whose report to open')))?.target;
  if (deployment === undefined) return undefined;
  const report = await context.verbs.call('readDeploymentReport', { deployment });
  await context.summaries.openReport(deployment, report);
  return report;
}
