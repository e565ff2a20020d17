import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError } from '../core/error.ts';
import type { ReportDocument } from '../core/artifact/report.ts';
import { storeKeys } from '../core/artifact/layout.ts';
import { toIoError, writeFileAtomic } from '../io/atomic.ts';
import { folderStore } from '../io/folder-store.ts';
import { writeZip } from '../io/zip.ts';
import type { DeploymentArchives } from './deployment-archives.ts';

const fileNames = ['client.zip', 'server.zip', 'report.json'] as const;

/** @throws {AppError} io.exists where the folder holds anything but a deployment, which alone is replaced */
export async function checkOutputFolder(path: string): Promise<void> {
  const names = await readdir(path).catch(async (cause: unknown) => {
    if ((await stat(path).catch(() => undefined)) === undefined) return [];
    throw toIoError(cause, 'write a deployment to', path);
  });
  const foreign = names.filter((name) => !fileNames.some((known) => known === name));
  if (foreign.length === 0) return;
  throw new AppError('io.exists', `${path} holds other files than a deployment's.`, {
    file: path,
    hint: 'Choose an empty or new folder with -o.',
  });
}

/**
 * Writes a deployment's folder whole or not at all, and puts it into the local store, where the other verbs find it by id.
 * @returns sizes of both archives
 */
export async function writeDeployment(
  path: string,
  content: {
    readonly archives: DeploymentArchives;
    readonly report: Omit<ReportDocument, 'bytes'>;
    readonly home: string;
  },
  signal: AbortSignal,
): Promise<{ readonly client: number; readonly server: number }> {
  const parent = dirname(path);
  try {
    await mkdir(parent, { recursive: true });
  } catch (cause) {
    throw toIoError(cause, 'write a deployment to', path);
  }
  const work = await mkdtemp(join(parent, `.${basename(path)}-`)).catch((cause: unknown) => {
    throw toIoError(cause, 'write a deployment to', path);
  });
  try {
    await writeZip(join(work, 'client.zip'), content.archives.client, { signal });
    await writeZip(join(work, 'server.zip'), content.archives.server, { signal });
    const sizes = {
      client: (await stat(join(work, 'client.zip'))).size,
      server: (await stat(join(work, 'server.zip'))).size,
    };
    const report: ReportDocument = { ...content.report, bytes: sizes };
    await writeFileAtomic(join(work, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`);
    signal.throwIfAborted();
    await putIntoLocalStore(work, content, signal);
    await rm(path, { recursive: true, force: true });
    await rename(work, path);
    return sizes;
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    throw error;
  }
}

async function putIntoLocalStore(
  folder: string,
  content: { readonly archives: DeploymentArchives; readonly home: string },
  signal: AbortSignal,
): Promise<void> {
  const store = folderStore(join(content.home, 'store'));
  const { id } = content.archives;
  const keys = {
    'client.zip': storeKeys.clientZip(id),
    'server.zip': storeKeys.serverZip(id),
    'report.json': storeKeys.report(id),
  };
  for (const name of fileNames) await store.write(keys[name], await readFile(join(folder, name)), { signal });
}
