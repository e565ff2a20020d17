import { fileURLToPath } from 'node:url';
import type { ArtifactStore } from '../core/artifact/store.ts';
import { AppError } from '../core/error.ts';
import { folderStore } from '../io/folder-store.ts';
import type { Environment } from './environment.ts';
import { listProfiles } from './profiles.ts';

/** How to reach S3 where the URI is one; see src/cloud/s3-client.ts for what is taken when they are left out. */
export interface StoreAccess {
  readonly profile?: string | undefined;
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
}

/**
 * The store behind "s3://bucket/prefix", "file:///folder" or a folder's path. Connects to nothing yet.
 * @throws {AppError} usage.arguments
 */
export function openStore(place: string, access: StoreAccess = {}): ArtifactStore {
  if (place.startsWith('s3://')) return s3StoreOnDemand(place, access);
  if (place.startsWith('file://')) return folderStore(folderOf(place));
  if (/^[a-z][a-z0-9+.-]+:\/\//iu.test(place)) {
    throw new AppError('usage.arguments', `No store of this kind is known: ${place.slice(0, 200)}`, {
      hint: 'Write s3://bucket/prefix, file:///folder or a folder.',
    });
  }
  return folderStore(place);
}

function folderOf(uri: string): string {
  try {
    return fileURLToPath(uri);
  } catch (cause) {
    throw new AppError('usage.arguments', `This is no folder of this machine: ${uri.slice(0, 200)}`, { cause });
  }
}

/** The store of a profile, reached with the profile's credentials, region and endpoint. */
export function profileStore(profile: {
  readonly store: string;
  readonly awsProfile?: string | undefined;
  readonly region?: string | undefined;
  readonly s3Endpoint?: string | undefined;
}): ArtifactStore {
  return openStore(profile.store, {
    profile: profile.awsProfile,
    region: profile.region,
    endpoint: profile.s3Endpoint,
  });
}

/**
 * The store at an absolute URI, reached as the profile is whose own store holds it: the one called `preferred`, else the one with the longest
 * prefix, else as the AWS configuration of this machine says.
 */
export async function storeAround(
  uri: string,
  preferred: string | undefined,
  environment: Pick<Environment, 'home'>,
): Promise<ArtifactStore> {
  const { profiles } = await listProfiles({}, environment);
  const folder = uri.endsWith('/') ? uri : `${uri}/`;
  const around = profiles.filter(({ store }) => folder.startsWith(store));
  const [longest] = around.toSorted((a, b) => b.store.length - a.store.length);
  const owner = around.find(({ name }) => name === preferred) ?? longest;
  return owner === undefined ? openStore(uri) : profileStore({ ...owner, store: uri });
}

/** The AWS SDK takes 50 to 90 ms to load: it is loaded by the first call, and never where all stores are folders. */
function s3StoreOnDemand(place: string, access: StoreAccess): ArtifactStore {
  const uri = place.endsWith('/') ? place : `${place}/`;
  let opening: Promise<ArtifactStore> | undefined;
  const opened = async (): Promise<ArtifactStore> => {
    opening ??= import('../cloud/s3-store.ts').then(({ s3Store }) => s3Store({ uri: place, ...access }));
    return await opening;
  };
  return {
    uri,
    list: async (...call) => await (await opened()).list(...call),
    stat: async (...call) => await (await opened()).stat(...call),
    read: async (...call) => await (await opened()).read(...call),
    write: async (...call) => await (await opened()).write(...call),
    delete: async (...call) => {
      await (await opened()).delete(...call);
    },
    uriOf: (key) => `${uri}${key}`,
  };
}
