import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { storeKeys } from '../../src/core/artifact/layout.ts';
import { decryptResults } from '../../src/service/decrypt.ts';
import { encryptData } from '../../src/service/encrypt.ts';
import { saveEvaluationKeys } from '../../src/service/keys.ts';
import { openStore } from '../../src/service/stores.ts';
import { freePort, startS3Server, type S3TestServer } from '../servers/versitygw.ts';
import { fixture, openWorkbench, running, type Workbench } from './workbench.ts';

/** `sealpoint serve` as SageMaker starts it: no argument but the verb, no token, the model unpacked, addresses in S3. */

const main = fileURLToPath(new URL('../../src/app/cli/main.ts', import.meta.url));
const token = 'a-token-for-everybody';
const children: ChildProcess[] = [];
let bench: Workbench;
let server: S3TestServer;

beforeAll(async () => {
  [bench, server] = await Promise.all([openWorkbench(), startS3Server()]);
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, server.environment);
  await bench.deployment('wdbc/logistic.onnx');
  // What model.tar.gz holds is the server's side alone.
  await mkdir(bench.path('opt/ml/model'), { recursive: true });
  await cp(bench.path('logistic-onnx/server.zip'), bench.path('opt/ml/model/server.zip'));
}, 300_000);

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

afterAll(async () => {
  await server.stop();
  await bench[Symbol.asyncDispose]();
});

interface Container {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<readonly [number | null, string | null]>;
}

/** Resolves when it listens. */
async function serve(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Container> {
  const env = { PATH: process.env['PATH'], HOME: bench.path('nobody'), ...environment };
  const child = spawn(process.execPath, [main, 'serve', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  while (!said.includes('Listening on ')) {
    if (child.exitCode !== null) throw new Error(said);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { child, said: () => said, ended };
}

const addressIn = (said: string): string => /Listening on (\S+)/u.exec(said)?.[1] ?? '';

function invoke(address: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const all = { 'content-type': 'application/json', ...headers };
  return fetch(`${address}/invocations`, { method: 'POST', headers: all, body: JSON.stringify(body) });
}

describe('sealpoint serve in a SageMaker container', () => {
  it('serves the model of /opt/ml/model on the port it is given, to callers without a token, and drains', async () => {
    const port = await freePort();
    const container = await serve([], {
      SAGEMAKER_BIND_TO_PORT: String(port),
      SAGEMAKER_BASE_DIR: bench.path('opt/ml'),
      AWS_PROFILE: 'owner',
      ...server.environment,
    });
    expect(addressIn(container.said())).toBe(`http://0.0.0.0:${String(port)}`);
    const address = `http://127.0.0.1:${String(port)}`;
    expect((await fetch(`${address}/ping`)).status).toBe(200);

    const { queries, bucket } = await uploadQueries();
    const answer = await invoke(address, {
      evaluation_keys_uri: `${bucket}keys.spk`,
      encrypted_query_uri: `${bucket}${storeKeys.query('0'.repeat(32), 0)}`,
    });
    expect(answer.status).toBe(200);
    await writeFile(bench.path('result.spr'), new Uint8Array(await answer.arrayBuffer()));
    const output = bench.path('from-container.csv');
    const options = { results: [bench.path('result.spr')], deployment: bench.path('logistic-onnx'), output };
    const outcome = await decryptResults(options, bench.environment, running);
    expect(queries).toHaveLength(1);
    expect(outcome.records).toBe(143);
    expect(await column(output, 'label')).toEqual(await column(fixture('wdbc/expected/logistic.csv'), 'label'));

    container.child.kill('SIGTERM');
    expect(await container.ended).toEqual([0, null]);
  });

  it('asks for a token there too where SEALPOINT_TOKEN says which', async () => {
    const port = await freePort();
    await serve([], {
      SAGEMAKER_BIND_TO_PORT: String(port),
      SAGEMAKER_BASE_DIR: bench.path('opt/ml'),
      SEALPOINT_TOKEN: token,
    });
    const address = `http://127.0.0.1:${String(port)}`;
    expect((await invoke(address, {})).status).toBe(401);
    expect((await invoke(address, {}, { authorization: `Bearer ${token}` })).status).toBe(400);
  });
});

describe('sealpoint serve elsewhere', () => {
  it('listens on this machine alone and makes a token, which it tells once', async () => {
    const { said } = await serve(['--deployment', bench.path('logistic-onnx'), '--port', '0'], {});
    const address = addressIn(said());
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/u);
    expect((await invoke(address, {})).status).toBe(401);
    const made = /^SEALPOINT_TOKEN=(\w{64})$/mu.exec(said())?.[1] ?? '';
    expect((await invoke(address, {}, { authorization: `Bearer ${made}` })).status).toBe(400);
  });

  it('does without one only when told so', async () => {
    const { said } = await serve(['--deployment', bench.path('logistic-onnx'), '--port', '0', '--no-token'], {
      SEALPOINT_TOKEN: token,
    });
    expect((await invoke(addressIn(said()), {})).status).toBe(400);
    expect(said()).toContain('No token is asked for');
  });
});

/** The 143 rows as queries, and their evaluation keys, in a bucket of their own. */
async function uploadQueries(): Promise<{ readonly queries: readonly string[]; readonly bucket: string }> {
  const bucket = 's3://sealpoint-container/';
  await server.createBucket('sealpoint-container');
  const { files } = await encryptData(
    {
      data: fixture('wdbc/data.csv'),
      deployment: bench.path('logistic-onnx'),
      output: bench.path('queries'),
      clip: true,
    },
    bench.environment,
    running,
  );
  const store = openStore(bucket, { profile: 'owner' });
  await saveEvaluationKeys({ key: 'wdbc-logistic-onnx', output: bench.path('keys.spk') }, bench.environment, running);
  await store.write('keys.spk', await readFile(bench.path('keys.spk')), running);
  for (const [index, file] of files.entries())
    await store.write(storeKeys.query('0'.repeat(32), index), await readFile(file), running);
  return { queries: files, bucket };
}

async function column(file: string, name: string): Promise<readonly (string | undefined)[]> {
  const [header = '', ...rows] = (await readFile(file, 'utf8')).trim().split(/\r?\n/u);
  const index = header.split(',').indexOf(name);
  return rows.map((row) => row.split(',')[index]);
}
