import { S3Client } from '@aws-sdk/client-s3';
import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { loadSharedConfigFiles } from '@smithy/core/config';
import { AppError } from '../core/error.ts';

/** How to reach S3; what is left out comes from the environment, then from the profile in the AWS configuration files. */
export interface S3Access {
  readonly profile?: string | undefined;
  readonly region?: string | undefined;
  /** Base URL of an S3 server that is not AWS. */
  readonly endpoint?: string | undefined;
}

export interface S3Settings {
  readonly region: string;
  readonly endpoint: string | undefined;
  /** Bucket names in the path: servers that are not AWS seldom have a host name for each bucket. */
  readonly forcePathStyle: boolean;
}

type Section = Readonly<Record<string, string | undefined>>;

const limits = {
  /** A connection that is not there after this is given up; three attempts make a bounded wait. */
  connectMs: 5_000,
  /** Silence on an open connection. */
  idleMs: 60_000,
  attempts: 3,
  /** `credential_process` may ask a person something; the SDK itself would wait for ever. */
  credentialsMs: 60_000,
  /** Laptops have no instance metadata and must not wait for it. */
  instanceMetadataMs: 1_000,
} as const;

/**
 * A client for one store. Reads the AWS configuration files afresh; connects to nothing until the first command is sent.
 * @throws {AppError} usage.arguments where the profile does not exist or the endpoint is no URL
 */
export async function openS3Client(access: S3Access): Promise<S3Client> {
  const settings = await s3Settings(access, process.env);
  const credentials = fromNodeProviderChain({
    ...(access.profile === undefined ? {} : { profile: access.profile }),
    ignoreCache: true,
    timeout: limits.instanceMetadataMs,
    maxRetries: 0,
    clientConfig: { region: settings.region },
  });
  return new S3Client({
    region: settings.region,
    // A bucket of another region answers with its own; the SDK then goes there.
    followRegionRedirects: true,
    forcePathStyle: settings.forcePathStyle,
    maxAttempts: limits.attempts,
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    ...(access.profile === undefined ? {} : { profile: access.profile }),
    credentials: (properties) => withinTime(credentials(properties), limits.credentialsMs),
    requestHandler: { connectionTimeout: limits.connectMs, socketTimeout: limits.idleMs },
  });
}

/**
 * Region: setting, AWS_REGION, AWS_DEFAULT_REGION, profile, us-east-1 (redirects lead to the bucket's own).
 * Endpoint: setting, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's services section, the profile's endpoint_url.
 * @throws {AppError} usage.arguments
 */
export async function s3Settings(access: S3Access, environment: NodeJS.ProcessEnv): Promise<S3Settings> {
  const { profile, services } = await readProfile(access.profile, environment);
  const endpoint = checkedEndpoint(access.endpoint ?? configuredEndpoint(environment, profile, services));
  return {
    region:
      first(access.region, environment['AWS_REGION'], environment['AWS_DEFAULT_REGION'], profile['region']) ??
      'us-east-1',
    endpoint,
    forcePathStyle: endpoint !== undefined && !isAws(endpoint),
  };
}

async function readProfile(
  named: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<{ readonly profile: Section; readonly services: Section }> {
  const { configFile, credentialsFile } = await loadSharedConfigFiles({ ignoreCache: true });
  if (named !== undefined && configFile[named] === undefined && credentialsFile[named] === undefined) {
    throw new AppError('usage.arguments', `There is no AWS profile "${named}".`, {
      hint: 'The names are in ~/.aws/config and ~/.aws/credentials (or where AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say).',
    });
  }
  const profile: Section = configFile[named ?? environment['AWS_PROFILE'] ?? 'default'] ?? {};
  return { profile, services: configFile[`services.${profile['services'] ?? ''}`] ?? {} };
}

function configuredEndpoint(environment: NodeJS.ProcessEnv, profile: Section, services: Section): string | undefined {
  const isIgnored = environment['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] ?? profile['ignore_configured_endpoint_urls'];
  if (isIgnored?.toLowerCase() === 'true') return undefined;
  return first(
    environment['AWS_ENDPOINT_URL_S3'],
    environment['AWS_ENDPOINT_URL'],
    services['s3.endpoint_url'],
    profile['endpoint_url'],
  );
}

function checkedEndpoint(endpoint: string | undefined): string | undefined {
  if (endpoint === undefined) return undefined;
  if (/^https?:$/u.test(URL.parse(endpoint)?.protocol ?? '')) return endpoint;
  throw new AppError('usage.arguments', 'The S3 endpoint is no http or https URL.', {
    hint: 'It comes from the profile, AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL.',
  });
}

function isAws(endpoint: string): boolean {
  return /(^|\.)amazonaws\.com(\.cn)?$/u.test(new URL(endpoint).hostname);
}

/** Empty variables count as absent, as the SDK has it. */
function first(...values: readonly (string | undefined)[]): string | undefined {
  return values.find((value) => value !== undefined && value !== '');
}

async function withinTime<T>(work: Promise<T>, timeMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = `No AWS credentials after ${String(timeMs / 1000)} s.`;
      reject(
        new AppError('store.forbidden', message, {
          hint: 'Does credential_process of the profile wait for something?',
        }),
      );
    }, timeMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
