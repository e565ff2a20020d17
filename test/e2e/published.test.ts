import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishDeployment } from '../../src/service/artifacts.ts';
import { createKeySet } from '../../src/service/create-key-set.ts';
import type { Environment } from '../../src/service/environment.ts';
import { findDeployment } from '../../src/service/find-deployment.ts';
import { listJobs } from '../../src/service/jobs.ts';
import { addProfile } from '../../src/service/profiles.ts';
import { runJob } from '../../src/service/run.ts';
import { fixture, openWorkbench, refusal, running, type Workbench } from './workbench.ts';

let workbench: Workbench;
/** A machine that has neither the model nor the deployment. */
let other: Environment;
let id: string;
let uri: string;
beforeAll(async () => {
  workbench = await openWorkbench();
  const profile = { name: 'team', store: pathToFileURL(workbench.path('team store')).href };
  const { path, deployment } = await workbench.compile('wdbc/logistic.onnx');
  await addProfile(profile, workbench.environment);
  const published = await publishDeployment({ deployment: path, profile: 'team' }, workbench.environment, running);
  id = deployment;
  uri = published.uris.find((name) => name.endsWith('client.zip')) ?? '';
  other = { ...workbench.environment, home: workbench.path('other home') };
  await addProfile(profile, other);
});
afterAll(async () => {
  await workbench[Symbol.asyncDispose]();
});

describe('a deployment in the store of a profile', () => {
  it('is run by its id, or the beginning of it, where the profile is named', async () => {
    await createKeySet({ deployment: uri }, other, running);
    const job = { data: fixture('wdbc/data.csv'), output: workbench.path('predictions.csv'), profile: 'team' };
    for (const deployment of [id, id.slice(0, 12)])
      expect(await runJob({ ...job, deployment }, other, running)).toMatchObject({ deployment: id, records: 143 });
  });

  it('whose store cannot be written to begins no job that seems to run for ever', async () => {
    const store = pathToFileURL(join(fixture('wdbc/data.csv'), 'store')).href;
    await addProfile({ name: 'broken', store }, other);
    const job = { data: fixture('wdbc/data.csv'), output: workbench.path('none.csv') };
    const error = await refusal(runJob({ ...job, deployment: uri, profile: 'broken' }, other, running));
    expect(error.code).toMatch(/^store\./u);
    expect((await listJobs({}, other, running)).jobs[0]).toMatchObject({ profile: 'broken', state: 'failed' });
  });

  it('is told from the others by its model file where there are several', async () => {
    await workbench.compile('wdbc/svm.onnx');
    const error = await refusal(findDeployment({}, workbench.environment, running));
    expect(error).toMatchObject({
      code: 'usage.ambiguous',
      message: expect.stringMatching(/: [0-9a-f]{12} \(svm\.onnx\), [0-9a-f]{12} \(logistic\.onnx\)\./u) as string,
    });
  });

  it('is not found by an id that nothing has, nor without the profile', async () => {
    const missing = { deployment: 'abcdef', profile: 'team' };
    expect(await refusal(findDeployment(missing, other, running))).toMatchObject({
      code: 'artifact.not-found',
      hint: expect.stringContaining('--profile team') as string,
    });
    expect((await refusal(findDeployment({ deployment: id }, other, running))).code).toBe('artifact.not-found');
  });
});
