import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { enforceMotoSignatures, type TestUser } from './moto.ts';

/** A real S3 server on 127.0.0.1 over a temporary folder, with its own AWS configuration files. */
export interface S3TestServer {
  readonly kind: 'versitygw' | 'moto';
  readonly endpoint: string;
  readonly region: string;
  /**
   * AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE and what keeps the SDK off the real AWS; to be set before a client is opened. Profiles:
   * `owner` (everything), `reader` (a user without rights), `wrong-secret`, `unknown-key`; each names the endpoint.
   */
  readonly environment: Readonly<Record<string, string>>;
  /** As `owner`. */
  createBucket(name: string): Promise<void>;
  stop(): Promise<void>;
}

const installer = fileURLToPath(new URL('install-versitygw.sh', import.meta.url));
const hostFolder = process.env['SEALPOINT_TEST_SERVERS'] ?? fileURLToPath(new URL('../../.host', import.meta.url));
const region = 'us-east-1';
const startMs = 20_000;

/** Starts versitygw (or moto_server where Go is missing), which install-versitygw.sh installs when it is not there yet. */
export async function startS3Server(): Promise<S3TestServer> {
  const choice = process.env['SEALPOINT_TEST_S3'];
  const installed = await promisify(execFile)(installer, choice === undefined ? [] : [choice]);
  const kind = installed.stdout.trim() === 'moto' ? 'moto' : 'versitygw';
  const folder = await mkdtemp(join(tmpdir(), 'sealpoint-s3-'));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${String(port)}`;
  const child = kind === 'moto' ? startMoto(port) : await startVersitygw(port, folder);
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const health = kind === 'moto' ? `${endpoint}/moto-api/` : `${endpoint}/health`;
    await waitFor(health, child.process);
    const users =
      kind === 'moto' ? await enforceMotoSignatures(endpoint, child.owner) : await addReader(endpoint, child.owner);
    const environment = await writeConfiguration(folder, endpoint, users);
    return {
      kind,
      endpoint,
      region,
      environment,
      createBucket: (name) => createBucket(endpoint, users.owner, name),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Started {
  readonly process: ChildProcess;
  readonly owner: TestUser;
}

async function startVersitygw(port: number, folder: string): Promise<Started> {
  const owner = { accessKeyId: 'sealpoint-owner', secretAccessKey: randomBytes(20).toString('hex') };
  const [data, versions, iam] = ['data', 'versions', 'iam'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await Promise.all([data, versions, iam].map((path) => mkdir(path)));
  const address = `127.0.0.1:${String(port)}`;
  const settings = ['--quiet', '--port', address, '--region', region, '--health', '/health', '--iam-dir', iam];
  const child = spawn(
    join(hostFolder, 'versitygw', 'versitygw'),
    [...settings, 'posix', '--versioning-dir', versions, data],
    {
      env: { ROOT_ACCESS_KEY: owner.accessKeyId, ROOT_SECRET_KEY: owner.secretAccessKey },
      stdio: 'ignore',
    },
  );
  return { process: child, owner };
}

function startMoto(port: number): Started {
  const owner = { accessKeyId: 'testing', secretAccessKey: 'testing' };
  const child = spawn(
    join(hostFolder, 'versitygw', 'moto', 'bin', 'moto_server'),
    ['-H', '127.0.0.1', '-p', String(port)],
    {
      stdio: 'ignore',
    },
  );
  return { process: child, owner };
}

async function addReader(
  endpoint: string,
  owner: TestUser,
): Promise<{ readonly owner: TestUser; readonly reader: TestUser }> {
  const reader = { accessKeyId: 'sealpoint-reader', secretAccessKey: randomBytes(20).toString('hex') };
  const admin = ['admin', '--access', owner.accessKeyId, '--secret', owner.secretAccessKey, '--endpoint-url', endpoint];
  const user = ['create-user', '--access', reader.accessKeyId, '--secret', reader.secretAccessKey, '--role', 'user'];
  await promisify(execFile)(join(hostFolder, 'versitygw', 'versitygw'), [...admin, ...user]);
  return { owner, reader };
}

async function writeConfiguration(
  folder: string,
  endpoint: string,
  users: { readonly owner: TestUser; readonly reader: TestUser },
): Promise<Readonly<Record<string, string>>> {
  const profiles: Readonly<Record<string, TestUser>> = {
    owner: users.owner,
    reader: users.reader,
    'wrong-secret': { ...users.owner, secretAccessKey: 'x'.repeat(40) },
    'unknown-key': { accessKeyId: 'AKIAUNKNOWNUNKNOWN00', secretAccessKey: 'x'.repeat(40) },
  };
  const sections = Object.entries(profiles).map(([name, user]) =>
    [
      `[profile ${name}]`,
      `region = ${region}`,
      `endpoint_url = ${endpoint}`,
      `aws_access_key_id = ${user.accessKeyId}`,
      `aws_secret_access_key = ${user.secretAccessKey}`,
    ].join('\n'),
  );
  const config = join(folder, 'aws-config');
  const credentials = join(folder, 'aws-credentials');
  await Promise.all([writeFile(config, `${sections.join('\n')}\n`, { mode: 0o600 }), writeFile(credentials, '')]);
  return {
    AWS_CONFIG_FILE: config,
    AWS_SHARED_CREDENTIALS_FILE: credentials,
    AWS_EC2_METADATA_DISABLED: 'true',
    // Whatever forgets its endpoint ends at this server, never at the real AWS.
    AWS_ENDPOINT_URL: endpoint,
  };
}

async function createBucket(endpoint: string, owner: TestUser, name: string): Promise<void> {
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: owner });
  await client.send(new CreateBucketCommand({ Bucket: name }));
  client.destroy();
}

/** A port that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function waitFor(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + startMs;
  for (;;) {
    const isUp = await fetch(url).then(
      (answer) => answer.ok,
      () => false,
    );
    if (isUp) return;
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`No S3 server at ${url}; run test/servers/install-versitygw.sh.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function end({ process: child }: Started): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await exited;
  clearTimeout(timer);
}
