import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '../core/error.ts';
import type { Environment, Running } from './environment.ts';
import { localModelFolder, type FoundDeployment } from './find-deployment.ts';
import { httpEndpoint, type Endpoint } from './http-endpoint.ts';
import { startLocalEndpoint } from './local-endpoint.ts';
import type { Profile } from './profiles.ts';

/** The endpoint of a profile: a child process over the profile's store, or a server that runs elsewhere. */
export async function openEndpoint(
  profile: Profile,
  found: FoundDeployment,
  context: { readonly environment: Environment; readonly running: Running },
): Promise<Endpoint> {
  const { environment, running } = context;
  if (profile.endpoint !== 'local')
    return httpEndpoint(profile.endpoint.replace(/\/$/u, ''), { token: process.env['SEALPOINT_TOKEN'] });
  const deployment = await serverFolder(found, environment);
  const local = profile.store.startsWith('file://');
  const serving = local ? ['--root', fileURLToPath(profile.store)] : ['--store', profile.store];
  return await startLocalEndpoint(
    { deployment, serving, environmentVariables: awsVariables(profile) },
    environment,
    running,
  );
}

/** The folder of server.zip: a local endpoint needs the model's side too. */
export async function serverFolder(found: FoundDeployment, environment: Environment): Promise<string> {
  const inStore = localModelFolder(environment, found.client.id);
  const candidates = [
    ...(found.folder === undefined ? [] : [found.folder, join(found.folder, 'server')]),
    join(inStore, 'server'),
  ];
  for (const folder of candidates) {
    const zip = await stat(join(folder, 'server.zip')).catch(() => undefined);
    if (zip?.isFile() === true) return folder;
  }
  throw new AppError(
    'artifact.not-found',
    'This machine has no server.zip of the deployment, so that it cannot evaluate it itself.',
    {
      hint: 'Use a profile whose endpoint serves it: --profile NAME',
    },
  );
}

/** How the child finds the same store with the same rights. */
function awsVariables(profile: Profile): Record<string, string> {
  const { awsProfile, region, s3Endpoint } = profile;
  return {
    ...(awsProfile === undefined ? {} : { AWS_PROFILE: awsProfile }),
    ...(region === undefined ? {} : { AWS_REGION: region }),
    ...(s3Endpoint === undefined ? {} : { AWS_ENDPOINT_URL_S3: s3Endpoint }),
  };
}
