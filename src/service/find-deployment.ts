import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClientDeployment } from '../core/artifact/deployment.ts';
import { storeKeys } from '../core/artifact/layout.ts';
import { reportDocument } from '../core/artifact/report.ts';
import type { ArtifactStore } from '../core/artifact/store.ts';
import { AppError } from '../core/error.ts';
import { readClientArchive } from './deployment-archives.ts';
import type { Environment, Running } from './environment.ts';
import { resolveProfile } from './profiles.ts';
import { profileStore, storeAround } from './stores.ts';

/** A deployment where it was found. */
export interface FoundDeployment {
  readonly client: ClientDeployment;
  /** The folder with client.zip and server.zip, if it is a folder; what a local endpoint is started with. */
  readonly folder: string | undefined;
  /** The path or URI by which it can be found again. */
  readonly source: string;
  /** The store in S3 or of a profile that it was found in. */
  readonly store?: ArtifactStore;
}

export interface DeploymentReference {
  /**
   * A folder, a client.zip, a store URI of a deployment, an id (or its beginning) in the local store or the profile's; undefined: the only
   * deployment in the local store or, where that is empty, in the current folder.
   */
  readonly deployment?: string | undefined;
  /** Whose store is looked into for an id, and whose rights are tried first where it is an S3 URI. */
  readonly profile?: string | undefined;
}

const mostListed = 8;
const maxClientZipBytes = 1 << 28;

/** @throws {AppError} artifact.*, store.*, usage.ambiguous, usage.arguments */
export async function findDeployment(
  { deployment: reference, profile }: DeploymentReference,
  environment: Environment,
  running: Running,
): Promise<FoundDeployment> {
  if (reference === undefined) return await onlyDeployment(environment, running);
  if (reference.startsWith('s3://')) return await fromStore(reference, profile, { environment, running });
  const path = reference.startsWith('file://') ? fileURLToPath(reference) : resolve(reference);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) return await fromFolder(path);
  if (found?.isFile() === true) return { client: await readClientArchive(path, path), folder: undefined, source: path };
  if (/^[0-9a-f]{6,64}$/u.test(reference)) return await byId(reference, profile, { environment, running });
  throw new AppError('artifact.not-found', `There is no deployment at ${reference}.`, {
    file: reference,
    hint: 'Give a folder that compile wrote, a client.zip, a store URI or a deployment id.',
  });
}

/** The folder of a deployment in the local store. */
export function localModelFolder(environment: Environment, deployment: string): string {
  return join(environment.home, 'store', 'models', deployment);
}

async function fromFolder(folder: string): Promise<FoundDeployment> {
  const client =
    (await firstFile([join(folder, 'client.zip'), join(folder, 'client', 'client.zip')])) ?? join(folder, 'client.zip');
  if ((await firstFile([client])) === undefined) {
    throw new AppError('artifact.not-found', `${folder} holds no client.zip.`, {
      file: folder,
      hint: 'Give the folder that compile wrote.',
    });
  }
  return { client: await readClientArchive(client, client), folder, source: folder };
}

async function fromStore(
  uri: string,
  profile: string | undefined,
  { environment, running }: { readonly environment: Environment; readonly running: Running },
): Promise<FoundDeployment> {
  const match = /^(?<root>.*?)models\/(?<id>[0-9a-f]{64})\/?(?:client\/(?:client\.zip)?)?$/u.exec(uri);
  const { root, id } = match?.groups ?? {};
  if (root === undefined || id === undefined) {
    throw new AppError('usage.arguments', `${uri} is no deployment's URI.`, {
      hint: 'It looks like s3://bucket/prefix/models/<deployment id>',
    });
  }
  const store = await storeAround(root, profile, environment);
  const bytes = await store.read(storeKeys.clientZip(id), { signal: running.signal, maxBytes: maxClientZipBytes });
  return { client: await readClientArchive(bytes, uri), folder: undefined, source: uri, store };
}

async function byId(
  prefix: string,
  profile: string | undefined,
  bound: { readonly environment: Environment; readonly running: Running },
): Promise<FoundDeployment> {
  const { environment, running } = bound;
  const local = (await localDeployments(environment)).filter((id) => id.startsWith(prefix));
  if (local.length > 1) throw ambiguous(await modelsOf(local, environment));
  if (local[0] !== undefined) return await fromFolder(localModelFolder(environment, local[0]));
  if (profile === undefined || profile === 'local') throw noSuchId(prefix, 'The local store has no', '');
  const store = profileStore(await resolveProfile(profile, environment));
  const [id, ...others] = await publishedIds(store, prefix, running.signal);
  if (id === undefined)
    throw noSuchId(prefix, `Neither the local store nor that of ${profile} has a`, ` --profile ${profile}`);
  if (others.length > 0) throw ambiguous([id, ...others]);
  return await fromStore(store.uriOf(storeKeys.clientZip(id)), profile, bound);
}

function noSuchId(prefix: string, says: string, flags: string): AppError {
  return new AppError('artifact.not-found', `${says} deployment ${prefix}.`, {
    hint: `List what there is: sealpoint artifacts models/${flags}`,
  });
}

/** The ids of a store's deployments that begin like this. */
async function publishedIds(store: ArtifactStore, prefix: string, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  let next: string | undefined;
  do {
    const page = await store.list('models/', { signal, ...(next === undefined ? {} : { next }) });
    for (const folder of page.folders) {
      const id = /^models\/(?<id>[0-9a-f]{64})\/$/u.exec(folder)?.groups?.['id'];
      if (id?.startsWith(prefix) === true) ids.push(id);
    }
    next = page.next;
  } while (next !== undefined);
  return ids;
}

async function onlyDeployment(environment: Environment, running: Running): Promise<FoundDeployment> {
  const ids = await localDeployments(environment);
  const [id, ...others] = ids;
  if (others.length > 0) throw ambiguous(await modelsOf(ids, environment));
  if (id !== undefined) return await fromFolder(localModelFolder(environment, id));
  running.signal.throwIfAborted();
  const folders = await foldersWithDeployments(process.cwd());
  const [folder, ...more] = folders;
  if (folder !== undefined && more.length === 0) return await fromFolder(folder);
  if (folder !== undefined) throw ambiguous(folders.map((path) => basename(path)));
  throw new AppError('artifact.not-found', 'There is no deployment yet.', {
    hint: 'Make one: sealpoint compile MODEL --calibration ROWS',
  });
}

/** Deployments of the local store, the newest first: the beginnings of their ids, and the model files that their reports name. */
async function modelsOf(ids: readonly string[], environment: Environment): Promise<string[]> {
  const found = await Promise.all(
    ids.map(async (id) => {
      const report = join(localModelFolder(environment, id), 'server', 'report.json');
      const made = (await stat(report).catch(() => undefined))?.mtimeMs ?? 0;
      const model = await modelFile(report).catch(() => undefined);
      return { made, name: id.slice(0, 12) + (model === undefined ? '' : ` (${model})`) };
    }),
  );
  return found.sort((a, b) => b.made - a.made).map(({ name }) => name);
}

async function modelFile(report: string): Promise<string> {
  return reportDocument.parse(JSON.parse(await readFile(report, 'utf8'))).model.file;
}

function ambiguous(names: readonly string[]): AppError {
  const more = names.length > mostListed ? ` and ${String(names.length - mostListed)} more` : '';
  const listed = names.slice(0, mostListed).join(', ');
  return new AppError('usage.ambiguous', `There is more than one deployment: ${listed}${more}.`, {
    hint: 'Choose with --deployment.',
  });
}

async function localDeployments(environment: Environment): Promise<string[]> {
  const names = await readdir(join(environment.home, 'store', 'models')).catch((): string[] => []);
  return names.filter((name) => /^[0-9a-f]{64}$/u.test(name));
}

async function foldersWithDeployments(parent: string): Promise<string[]> {
  const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
  const folders = [parent, ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(parent, entry.name))];
  const found = await Promise.all(
    folders.map(async (folder) => ((await firstFile([join(folder, 'client.zip')])) === undefined ? [] : [folder])),
  );
  return found.flat();
}

async function firstFile(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() === true) return path;
  }
  return undefined;
}
