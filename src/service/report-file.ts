import { join } from 'node:path';
import { storeKeys } from '../core/artifact/layout.ts';
import { reportDocument, type ReportDocument } from '../core/artifact/report.ts';
import { AppError } from '../core/error.ts';
import type { Environment, Running } from './environment.ts';
import { readWhole } from './evaluate.ts';
import { findDeployment, type DeploymentReference, type FoundDeployment } from './find-deployment.ts';

const maxReportBytes = 16 << 20;

/**
 * The report of a deployment. It lies with the server's part, so that who has or may read only client.zip has none.
 * @returns undefined where there is none that can be read, or that of another deployment
 */
export async function readReport(found: FoundDeployment, { signal }: Running): Promise<ReportDocument | undefined> {
  const { client, folder, store } = found;
  const files = folder === undefined ? [] : [join(folder, 'report.json'), join(folder, 'server', 'report.json')];
  const sources = files.map((file) => async () => await readWhole(file, signal));
  if (store !== undefined)
    sources.push(async () => await store.read(storeKeys.report(client.id), { signal, maxBytes: maxReportBytes }));
  for (const source of sources) {
    const bytes = await source().catch(() => undefined);
    signal.throwIfAborted();
    const report = bytes === undefined ? undefined : parseReport(bytes);
    if (report?.deployment === client.id) return report;
  }
  return undefined;
}

/** What was measured of a deployment when it was compiled. @throws {AppError} artifact.not-found where only client.zip is at hand */
export async function readDeploymentReport(
  options: DeploymentReference,
  environment: Environment,
  running: Running,
): Promise<ReportDocument> {
  const report = await readReport(await findDeployment(options, environment, running), running);
  if (report !== undefined) return report;
  throw new AppError('artifact.not-found', 'There is no report with this deployment.', {
    hint: 'It lies with server.zip: ask whoever compiled the model for it.',
  });
}

function parseReport(bytes: Uint8Array): ReportDocument | undefined {
  try {
    return reportDocument.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}
