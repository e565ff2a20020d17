import { constants } from 'node:fs';
import { access, mkdir, readFile, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../core/error.ts';
import type { ReportDocument } from '../core/artifact/report.ts';
import { storeKeys } from '../core/artifact/layout.ts';
import { isTemporaryName, temporaryPath, toIoError, writeFileAtomic } from '../io/atomic.ts';
import { systemCode } from '../io/errors.ts';
import { folderStore } from '../io/folder-store.ts';
import { writeZip } from '../io/zip.ts';
import type { DeploymentArchives } from './deployment-archives.ts';

/** In the order in which they take the place of older ones: who has client.zip runs with what it names. */
const fileNames = ['server.zip', 'report.json', 'client.zip'] as const;

/**
 * Asked before long work.
 * @throws {AppError} io.exists where the folder holds anything but a deployment, which alone is replaced; io.* where it cannot be written
 */
export async function checkOutputFolder(path: string): Promise<void> {
  const names = await readdir(path).catch(async (cause: unknown) => {
    if ((await stat(path).catch(() => undefined)) === undefined) return [];
    throw toIoError(cause, 'write a deployment to', path);
  });
  const foreign = names.filter((name) => !fileNames.some((known) => known === name) && !isTemporaryName(name));
  if (foreign.length === 0) {
    await checkWritable(path);
    return;
  }
  throw new AppError('io.exists', `${path} holds other files than a deployment's.`, {
    file: path,
    hint: 'Choose an empty or new folder with -o.',
  });
}

/** Of the folder, or of the nearest one on the way to it that exists. */
async function checkWritable(path: string): Promise<void> {
  for (let at = path; ; at = dirname(at)) {
    try {
      await access(at, constants.W_OK | constants.X_OK);
      return;
    } catch (cause) {
      if (systemCode(cause) !== 'ENOENT' || dirname(at) === at) throw toIoError(cause, 'write a deployment to', path);
    }
  }
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
  const work = await workFolder(path);
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
    await place(work, path);
    return sizes;
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    throw toIoError(error, 'write a deployment to', path);
  }
}

/** In the folder itself where there is one: its parent may be another's, or another disk. */
async function workFolder(path: string): Promise<string> {
  const parent = (await isFolder(path)) ? path : dirname(path);
  const work = temporaryPath(parent);
  try {
    await mkdir(parent, { recursive: true });
    await mkdir(work);
    return work;
  } catch (cause) {
    throw toIoError(cause, 'write a deployment to', path);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

/** A folder that is there stays: it may be a link, a mount point or the folder that somebody stands in. */
async function place(work: string, path: string): Promise<void> {
  if (!(await isFolder(path))) {
    try {
      await rename(work, path);
      return;
    } catch (error) {
      // Another process was first with the same folder.
      if (!(await isFolder(path))) throw error;
    }
  }
  for (const name of fileNames) await rename(join(work, name), join(path, name));
  await rmdir(work);
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
