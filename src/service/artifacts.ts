import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { storeKeys } from '../core/artifact/layout.ts';
import { AppError } from '../core/error.ts';
import { serverFolder } from './endpoints.ts';
import type { Environment, Running } from './environment.ts';
import { findDeployment } from './find-deployment.ts';
import { resolveProfile } from './profiles.ts';
import { profileStore } from './stores.ts';

export interface ArtifactRow {
  readonly key: string;
  readonly uri: string;
  /** Absent for folders. */
  readonly sizeBytes?: number;
  readonly modified?: string;
  readonly kind: 'folder' | 'deployment' | 'evaluation-keys' | 'query' | 'result' | 'job' | 'report' | 'foreign';
}

export interface ArtifactListing {
  readonly profile: string;
  readonly store: string;
  readonly prefix: string;
  readonly artifacts: readonly ArtifactRow[];
  /** Give it back for the next page. */
  readonly next?: string;
}

const kinds: readonly (readonly [RegExp, ArtifactRow['kind']])[] = [
  [/^models\/[0-9a-f]{64}\/(?:client\/client|server\/server)\.zip$/u, 'deployment'],
  [/^models\/[0-9a-f]{64}\/server\/report\.json$/u, 'report'],
  [/^keys\/[0-9a-f]{64}\/evaluation-keys\.spk$/u, 'evaluation-keys'],
  [/^jobs\/[0-9a-f]{32}\/query-\d{5}\.spq$/u, 'query'],
  [/^jobs\/[0-9a-f]{32}\/result-\d{5}\.spr$/u, 'result'],
  [/^jobs\/[0-9a-f]{32}\/job\.json$/u, 'job'],
];

/** One level of a profile's store; objects of other tools are listed as foreign. */
export async function listArtifacts(
  options: {
    readonly profile?: string | undefined;
    readonly prefix?: string | undefined;
    readonly next?: string | undefined;
  },
  environment: Environment,
  running: Running,
): Promise<ArtifactListing> {
  const profile = await resolveProfile(options.profile, environment);
  const store = profileStore(profile);
  const given = options.prefix ?? '';
  const prefix = given === '' || given.endsWith('/') ? given : `${given}/`;
  const listing = await store.list(prefix, {
    signal: running.signal,
    ...(options.next === undefined ? {} : { next: options.next }),
  });
  const folders = listing.folders.map((key): ArtifactRow => ({
    key,
    uri: `${store.uriOf(key.slice(0, -1))}/`,
    kind: 'folder',
  }));
  const objects = listing.objects.map(({ key, sizeBytes, modified }): ArtifactRow => ({
    key,
    uri: store.uriOf(key),
    sizeBytes,
    modified: modified.toISOString(),
    kind: kinds.find(([pattern]) => pattern.test(key))?.[1] ?? 'foreign',
  }));
  const page = listing.next === undefined ? {} : { next: listing.next };
  return { profile: profile.name, store: store.uri, prefix, artifacts: [...folders, ...objects], ...page };
}

export interface PublishOutcome {
  readonly deployment: string;
  readonly profile: string;
  readonly uris: readonly string[];
  readonly bytes: number;
}

/** Puts a deployment into a profile's store: what the data's owner needs, and unless `clientOnly` what the endpoint needs. */
export async function publishDeployment(
  options: {
    readonly deployment?: string | undefined;
    readonly profile: string;
    readonly clientOnly?: boolean | undefined;
  },
  environment: Environment,
  running: Running,
): Promise<PublishOutcome> {
  const profile = await resolveProfile(options.profile, environment);
  const found = await findDeployment(options, environment, running);
  const { id } = found.client;
  const store = profileStore(profile);
  const files: (readonly [string, string])[] = [];
  if (options.clientOnly !== true) {
    const folder = await serverFolder(found, { environment, running });
    files.push(
      [storeKeys.serverZip(id), join(folder, 'server.zip')],
      [storeKeys.report(id), join(folder, 'report.json')],
    );
  }
  files.push([storeKeys.clientZip(id), await clientZip(found.folder)]);
  let bytes = 0;
  for (const [key, file] of files) {
    const content = await readFile(file);
    running.onProgress({ stage: 'Publishing', done: bytes, unit: 'bytes' });
    await store.write(key, content, { signal: running.signal });
    bytes += content.length;
  }
  return { deployment: id, profile: profile.name, uris: files.map(([key]) => store.uriOf(key)), bytes };
}

async function clientZip(folder: string | undefined): Promise<string> {
  for (const name of folder === undefined ? [] : ['client.zip', join('client', 'client.zip')]) {
    const file = join(folder ?? '', name);
    if ((await readFile(file).catch(() => undefined)) !== undefined) return file;
  }
  throw new AppError('artifact.not-found', 'The deployment is not a folder on this machine.', {
    hint: 'Give the folder that compile wrote.',
  });
}
