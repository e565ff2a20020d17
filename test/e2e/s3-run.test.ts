import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programsOf } from '../../src/app/programs.ts';
import { storeKeys } from '../../src/core/artifact/layout.ts';
import type { ArtifactStore } from '../../src/core/artifact/store.ts';
import { publishDeployment } from '../../src/service/artifacts.ts';
import { compileModel } from '../../src/service/compile.ts';
import { createKeySet } from '../../src/service/create-key-set.ts';
import type { Environment, Running } from '../../src/service/environment.ts';
import { inspectArtifact } from '../../src/service/inspect.ts';
import { addProfile } from '../../src/service/profiles.ts';
import { runJob } from '../../src/service/run.ts';
import { openStore } from '../../src/service/stores.ts';
import { refusal } from './workbench.ts';
import { startS3Server, type S3TestServer } from '../servers/versitygw.ts';

const fixtures = fileURLToPath(new URL('../fixtures/wdbc/', import.meta.url));
const running: Running = { signal: new AbortController().signal, onProgress: () => undefined };

let server: S3TestServer;
let home: string;
let environment: Environment;
/** A machine on which nothing was compiled. */
let elsewhere: Environment;

beforeAll(async () => {
  server = await startS3Server();
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, server.environment);
  expect(process.env['AWS_ENDPOINT_URL'], 'an undefined endpoint would mean the real AWS').toMatch(
    /^http:\/\/127\.0\.0\.1:\d+$/u,
  );
  await server.createBucket('sealpoint-run');
  home = await mkdtemp(join(tmpdir(), 'sealpoint-s3-run-'));
  environment = {
    home,
    programs: programsOf(),
    askPassphrase: () => Promise.resolve('a passphrase for tests'),
    log: () => undefined,
  };
  elsewhere = { ...environment, home: join(home, 'elsewhere') };
  await compile(join(fixtures, 'logistic.onnx'), deployment());
  // From here only a profile of Sealpoint's own leads to the server.
  process.env['AWS_ENDPOINT_URL'] = 'http://127.0.0.1:9';
}, 300_000);

afterAll(async () => {
  await server.stop();
  await rm(home, { recursive: true, force: true });
});

async function labelsOf(file: string): Promise<readonly (string | undefined)[]> {
  const [header = '', ...rows] = (await readFile(file, 'utf8')).trim().split(/\r?\n/u);
  const column = header.split(',').indexOf('label');
  return rows.map((row) => row.split(',')[column]);
}

/** A profile over a prefix of the bucket, by the rights of a user of the server. */
async function profile(name: string, prefix: string, awsProfile = 'owner'): Promise<void> {
  const { region, endpoint } = server;
  const store = `s3://sealpoint-run/${prefix}/`;
  for (const machine of [environment, elsewhere])
    await addProfile({ name, store, awsProfile, region, s3Endpoint: endpoint }, machine);
}

const job = { data: join(fixtures, 'data.csv'), clip: true } as const;
const deployment = (): string => join(home, 'deployment');

describe('a job through a real S3 server and the real endpoint', () => {
  it('gives the labels of the original library, and leaves its results in the bucket', async () => {
    await profile('team', 'team');
    await createKeySet({ deployment: deployment() }, environment, running);
    const output = join(home, 'predictions.csv');
    const outcome = await runJob({ ...job, deployment: deployment(), profile: 'team', output }, environment, running);
    expect(outcome).toMatchObject({ profile: 'team', output });
    expect(outcome.verified).toBeGreaterThan(0);
    expect(await labelsOf(output)).toEqual(await labelsOf(join(fixtures, 'expected', 'logistic.csv')));
    const { objects } = await bucket('team').list(`jobs/${outcome.job}/`, running);
    expect(objects.map(({ key }) => key.split('/').at(-1))).toContain('result-00000.spr');
  });
});

describe('a deployment in S3', () => {
  let uri: string;

  beforeAll(async () => {
    await profile('market', 'market');
    const published = await publishDeployment({ deployment: deployment(), profile: 'market' }, environment, running);
    uri = `s3://sealpoint-run/market/models/${published.deployment}`;
  });

  it('is reached as the profile whose store holds it where none is named', async () => {
    const found = await inspectArtifact({ target: uri }, elsewhere, running);
    expect(found).toMatchObject({ kind: 'deployment', deployment: uri.slice(-64) });
    expect(found['report']).toMatchObject({ model: { file: 'logistic.onnx' } });
    const archive = await inspectArtifact({ target: `${uri}/server/server.zip` }, elsewhere, running);
    expect(archive.kind).toBe('server.zip');
    const keys = await createKeySet({ deployment: uri, name: 'for-market' }, elsewhere, running);
    expect(keys.deployment).toBe(uri.slice(-64));
  });

  it('is run by the rights, the region and the endpoint of the profile, its server.zip fetched once', async () => {
    const output = join(home, 'from-s3.csv');
    const options = { ...job, deployment: uri, profile: 'market', output };
    const first = await runJob(options, elsewhere, running);
    expect(await labelsOf(output)).toEqual(await labelsOf(join(fixtures, 'expected', 'logistic.csv')));
    const fetched = join(elsewhere.home, 'cache', first.deployment, 'server.zip');
    const { mtimeMs } = await stat(fetched);
    await runJob(options, elsewhere, running);
    expect((await stat(fetched)).mtimeMs).toBe(mtimeMs);
  });

  it('is not reached around the rights of the profile that is named', async () => {
    await profile('guest', 'market', 'reader');
    const refused = await refusal(
      runJob({ ...job, deployment: uri, profile: 'guest', output: join(home, 'no.csv') }, elsewhere, running),
    );
    expect(refused.code).toBe('store.forbidden');
  });

  it('is not evaluated by the server.zip of another', async () => {
    const other = join(home, 'other');
    await compile(join(fixtures, 'svm.onnx'), other);
    const { deployment: id } = await publishDeployment({ deployment: other, profile: 'market' }, environment, running);
    await bucket('market').write(storeKeys.serverZip(id), await readFile(join(deployment(), 'server.zip')), running);
    const target = `s3://sealpoint-run/market/models/${id}`;
    await createKeySet({ deployment: target }, elsewhere, running);
    const output = join(home, 'no.csv');
    const refused = await refusal(
      runJob({ ...job, deployment: target, profile: 'market', output }, elsewhere, running),
    );
    expect(refused.code).toBe('artifact.other-deployment');
    await expect(stat(join(elsewhere.home, 'cache', id))).rejects.toThrow('ENOENT');
  });

  it('is evaluated only where this machine may read its server.zip', async () => {
    const id = uri.slice(-64);
    await rm(join(elsewhere.home, 'cache'), { recursive: true });
    await bucket('market').delete([storeKeys.serverZip(id)], running);
    const output = join(home, 'no.csv');
    const refused = await refusal(runJob({ ...job, deployment: uri, profile: 'market', output }, elsewhere, running));
    expect([refused.code, refused.message]).toEqual(['artifact.not-found', expect.stringContaining('server.zip')]);
  });
});

function bucket(prefix: string): ArtifactStore {
  return openStore(`s3://sealpoint-run/${prefix}`, { profile: 'owner', endpoint: server.endpoint });
}

async function compile(model: string, output: string): Promise<void> {
  const options = { mode: 'auto', reveal: 'nothing', maxError: 1e-3, minAgreement: 0.99 } as const;
  const files = { model, calibration: join(fixtures, 'calibration.csv'), output };
  await compileModel({ ...options, ...files }, environment, running);
}
