import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { storeKeys } from '../core/artifact/layout.ts';
import type { ArtifactStore } from '../core/artifact/store.ts';
import { AppError } from '../core/error.ts';
import { writeFileAtomic } from '../io/atomic.ts';
import { readServerArchive } from './deployment-archives.ts';
import { makeFolder } from './encrypt.ts';
import type { Environment, Running } from './environment.ts';
import { localModelFolder, type FoundDeployment } from './find-deployment.ts';
import { httpEndpoint, type Endpoint } from './http-endpoint.ts';
import { startLocalEndpoint, type Serving } from './local-endpoint.ts';
import type { Profile } from './profiles.ts';

export type { Serving };

const maxServerZipBytes = 2 ** 31;

interface Bound {
  readonly environment: Environment;
  readonly running: Running;
}

/** The endpoint of a profile: a child process over the profile's store, or a server that runs elsewhere. */
export async function openEndpoint(profile: Profile, found: FoundDeployment, bound: Bound): Promise<Endpoint> {
  if (profile.endpoint !== 'local')
    return httpEndpoint(profile.endpoint.replace(/\/$/u, ''), { token: process.env['SEALPOINT_TOKEN'] });
  const where = { folder: await serverFolder(found, bound), deployment: found.client.id };
  return await startLocalEndpoint({ ...where, serving: servingOf(profile) }, bound.environment, bound.running);
}

/** How an endpoint's process reaches a profile's store with the profile's rights. */
export function servingOf(profile: Profile): Serving {
  const { store, awsProfile, region, s3Endpoint } = profile;
  return {
    args: store.startsWith('file://') ? ['--root', fileURLToPath(store)] : ['--store', store],
    environmentVariables: {
      ...(awsProfile === undefined ? {} : { AWS_PROFILE: awsProfile }),
      ...(region === undefined ? {} : { AWS_REGION: region }),
      ...(s3Endpoint === undefined ? {} : { AWS_ENDPOINT_URL_S3: s3Endpoint }),
    },
  };
}

/**
 * The folder of server.zip: a local endpoint needs the model's side too. Of a deployment in S3 it is fetched once and kept, where this
 * machine may read it.
 */
export async function serverFolder(found: FoundDeployment, { environment, running }: Bound): Promise<string> {
  const { id } = found.client;
  const kept = join(environment.home, 'cache', id);
  const candidates = [
    ...(found.folder === undefined ? [] : [found.folder, join(found.folder, 'server')]),
    join(localModelFolder(environment, id), 'server'),
    kept,
  ];
  for (const folder of candidates) {
    const zip = await stat(join(folder, 'server.zip')).catch(() => undefined);
    if (zip?.isFile() === true) return folder;
  }
  if (found.store === undefined) throw noServerZip();
  await fetchServerZip(found.store, id, { folder: kept, running });
  return kept;
}

async function fetchServerZip(
  store: ArtifactStore,
  id: string,
  { folder, running }: { readonly folder: string; readonly running: Running },
): Promise<void> {
  const key = storeKeys.serverZip(id);
  const onBytes = (done: number): void => {
    running.onProgress({ stage: 'Fetching server.zip', done, unit: 'bytes' });
  };
  const { signal } = running;
  const bytes = await store.read(key, { signal, maxBytes: maxServerZipBytes, onBytes }).catch((error: unknown) => {
    const isAbsent = error instanceof AppError && ['store.not-found', 'store.forbidden'].includes(error.code);
    throw isAbsent ? noServerZip(error) : error;
  });
  // What lies in a store may have been exchanged: an archive of another deployment would answer for this one for ever.
  const { id: fetched } = await readServerArchive(bytes, store.uriOf(key));
  if (fetched !== id) {
    throw new AppError('artifact.other-deployment', 'The server.zip in the store belongs to another deployment.', {
      file: store.uriOf(key),
      hint: 'Publish the deployment again.',
    });
  }
  await makeFolder(folder);
  await writeFileAtomic(join(folder, 'server.zip'), bytes);
}

function noServerZip(cause?: unknown): AppError {
  return new AppError(
    'artifact.not-found',
    'This machine has no server.zip of the deployment, so that it cannot evaluate it itself.',
    { cause, hint: 'Use a profile whose endpoint serves it: --profile NAME' },
  );
}
