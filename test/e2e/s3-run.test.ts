import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programsOf } from '../../src/app/programs.ts';
import { compileModel } from '../../src/service/compile.ts';
import { createKeySet } from '../../src/service/create-key-set.ts';
import type { Environment, Running } from '../../src/service/environment.ts';
import { addProfile } from '../../src/service/profiles.ts';
import { runJob } from '../../src/service/run.ts';
import { openStore } from '../../src/service/stores.ts';
import { startS3Server, type S3TestServer } from '../servers/versitygw.ts';

const fixtures = fileURLToPath(new URL('../fixtures/wdbc/', import.meta.url));
const running: Running = { signal: new AbortController().signal, onProgress: () => undefined };

let server: S3TestServer;
let home: string;
let environment: Environment;

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

describe('a job through a real S3 server and the real endpoint', () => {
  it('gives the labels of the original library, and leaves its results in the bucket', async () => {
    const deployment = join(home, 'deployment');
    const compiling = { mode: 'auto', reveal: 'nothing', maxError: 1e-3, minAgreement: 0.99 } as const;
    await compileModel(
      {
        model: join(fixtures, 'logistic.onnx'),
        calibration: join(fixtures, 'calibration.csv'),
        output: deployment,
        ...compiling,
      },
      environment,
      running,
    );
    await addProfile(
      {
        name: 'team',
        store: 's3://sealpoint-run/team/',
        awsProfile: 'owner',
        region: server.region,
        s3Endpoint: server.endpoint,
      },
      environment,
    );
    await createKeySet({ deployment }, environment, running);
    const output = join(home, 'predictions.csv');
    const outcome = await runJob(
      { data: join(fixtures, 'data.csv'), deployment, profile: 'team', output, clip: true },
      environment,
      running,
    );
    expect(outcome).toMatchObject({ profile: 'team', output });
    expect(outcome.verified).toBeGreaterThan(0);
    expect(await labelsOf(output)).toEqual(await labelsOf(join(fixtures, 'expected', 'logistic.csv')));
    const store = openStore('s3://sealpoint-run/team', { profile: 'owner' });
    const { objects } = await store.list(`jobs/${outcome.job}/`, running);
    expect(objects.map(({ key }) => key.split('/').at(-1))).toContain('result-00000.spr');
  });
});
