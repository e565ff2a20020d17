import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openS3Client, s3Settings } from './s3-client.ts';
import { toStoreError } from './s3-error.ts';
import { s3Store } from './s3-store.ts';

const config = `
[default]
region = eu-west-3
[profile plain]
region = eu-central-1
endpoint_url = http://profile.test:1
[profile services]
services = here
endpoint_url = http://profile.test:1
[services here]
s3 =
  endpoint_url = http://service.test:2
[profile no-login]
region = eu-central-1
[profile slow]
credential_process = sleep 30
[profile broken]
credential_process = sh -c "exit 3"
`;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealpoint-aws-'));
  await writeFile(join(folder, 'config'), config);
  await writeFile(join(folder, 'credentials'), '');
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, {
    AWS_CONFIG_FILE: join(folder, 'config'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'),
    AWS_EC2_METADATA_DISABLED: 'true',
  });
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('where the S3 client goes', () => {
  const both = { AWS_ENDPOINT_URL_S3: 'http://s3.test', AWS_ENDPOINT_URL: 'http://all.test' };

  it('takes the setting, then AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the services section and the profile', async () => {
    const endpoint = async (...call: Parameters<typeof s3Settings>): Promise<string | undefined> =>
      (await s3Settings(...call)).endpoint;
    expect(await endpoint({ profile: 'services', endpoint: 'http://set.test' }, both)).toBe('http://set.test');
    expect(await endpoint({ profile: 'services' }, both)).toBe('http://s3.test');
    expect(await endpoint({ profile: 'services' }, { AWS_ENDPOINT_URL: 'http://all.test' })).toBe('http://all.test');
    expect(await endpoint({ profile: 'services' }, {})).toBe('http://service.test:2');
    expect(await endpoint({ profile: 'plain' }, {})).toBe('http://profile.test:1');
    expect(await endpoint({ profile: 'plain' }, { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' })).toBeUndefined();
    expect(await endpoint({}, {})).toBeUndefined();
  });

  it('takes the region of the setting, the environment, the profile; at last us-east-1', async () => {
    const region = async (...call: Parameters<typeof s3Settings>): Promise<string> =>
      (await s3Settings(...call)).region;
    expect(await region({ profile: 'plain', region: 'x-1' }, { AWS_REGION: 'y-1' })).toBe('x-1');
    expect(await region({ profile: 'plain' }, { AWS_REGION: 'y-1' })).toBe('y-1');
    expect(await region({ profile: 'plain' }, {})).toBe('eu-central-1');
    expect(await region({}, {})).toBe('eu-west-3');
    expect(await region({}, { AWS_PROFILE: 'services' })).toBe('us-east-1');
  });

  it('puts bucket names into the path where the server is not AWS', async () => {
    expect(await s3Settings({ endpoint: 'http://127.0.0.1:7070' }, {})).toMatchObject({ forcePathStyle: true });
    expect(await s3Settings({ endpoint: 'https://s3.eu-central-1.amazonaws.com' }, {})).toMatchObject({
      forcePathStyle: false,
    });
    expect(await s3Settings({ endpoint: 'https://amazonaws.com.evil.test' }, {})).toMatchObject({
      forcePathStyle: true,
    });
    expect(await s3Settings({}, {})).toMatchObject({ forcePathStyle: false });
  });

  it.each(['nonsense', 'ftp://x', ''])('refuses the endpoint %j', async (endpoint) => {
    await expect(s3Settings({ endpoint }, {})).rejects.toMatchObject({ code: 'usage.arguments' });
  });

  it('leads AWS clients to the region of the bucket', async () => {
    const client = await openS3Client({ profile: 'plain', endpoint: 'http://127.0.0.1:1' });
    expect(client.config.followRegionRedirects).toBe(true);
  });
});

describe('credentials', () => {
  const list = async (profile: string, signal: AbortSignal): Promise<unknown> =>
    await s3Store({ uri: 's3://bucket', profile, endpoint: 'http://127.0.0.1:1' }).list('', { signal });

  it.each(['no-login', 'broken'])('that cannot be had are store.forbidden with what to do: %s', async (profile) => {
    await expect(list(profile, new AbortController().signal)).rejects.toMatchObject({
      code: 'store.forbidden',
      hint: expect.stringContaining('aws sso login') as string,
    });
  });

  it('that take their time do not hold up an abort', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    setTimeout(() => {
      stop.abort(reason);
    }, 300);
    await expect(list('slow', stop.signal)).rejects.toBe(reason);
  });
});

describe('what S3 says', () => {
  const named = (name: string, more: object = {}): Error => Object.assign(new Error('text'), { name, ...more });

  it.each([
    ['RequestTimeTooSkewed', 'store.forbidden', 'clock'],
    ['ExpiredToken', 'store.forbidden', 'aws sso login'],
    ['PermanentRedirect', 'store.unavailable', 'region'],
    ['AuthorizationHeaderMalformed', 'store.unavailable', 'region'],
    ['NoSuchBucket', 'store.not-found', 'name'],
    ['SlowDown', 'store.unavailable', 'later'],
    ['TimeoutError', 'store.unavailable', 'endpoint'],
  ])('%s becomes %s with a hint about the %s', (name, code, hint) => {
    const error = toStoreError(named(name), 'Cannot read s3://b/k');
    expect(error.code).toBe(code);
    expect(error.hint).toContain(hint);
  });

  it('an expired SSO session is told from a missing login', () => {
    const error = toStoreError(
      Object.assign(new Error('The SSO session associated with this profile has expired.'), {
        name: 'CredentialsProviderError',
      }),
      'x',
    );
    expect(error).toMatchObject({ code: 'store.forbidden', hint: 'Run "aws sso login" for the profile.' });
  });

  it('keeps name and message of the cause, not what was signed', () => {
    const error = toStoreError(
      named('SignatureDoesNotMatch', {
        CanonicalRequest: 'x-amz-security-token:SECRET',
        $response: { headers: { a: 'SECRET' } },
      }),
      'x',
    );
    expect(error.cause).toMatchObject({ name: 'SignatureDoesNotMatch', message: 'text' });
    expect(JSON.stringify(Object.entries(error.cause as object))).not.toContain('SECRET');
  });

  it.each([
    [403, 'store.forbidden'],
    [404, 'store.not-found'],
    [503, 'store.unavailable'],
    [301, 'store.unavailable'],
    [418, 'store.unavailable'],
  ])('an unknown name with status %i is %s', (httpStatusCode, code) => {
    expect(toStoreError(named('Odd', { $metadata: { httpStatusCode } }), 'x').code).toBe(code);
  });
});
