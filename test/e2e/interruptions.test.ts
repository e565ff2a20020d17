import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeySet } from '../../src/service/create-key-set.ts';
import type { Running } from '../../src/service/environment.ts';
import { listJobs } from '../../src/service/jobs.ts';
import { holdingJob } from '../../src/service/ledger.ts';
import { runJob } from '../../src/service/run.ts';
import { fixture, openWorkbench, refusal, running, type Workbench } from './workbench.ts';

let workbench: Workbench;
let deployment: string;
let data: string;
const records = 30_000;

beforeAll(async () => {
  workbench = await openWorkbench();
  deployment = (await workbench.compile('wdbc/logistic.onnx')).path;
  await createKeySet({ deployment, name: 'ours' }, workbench.environment, running);
  const [header = '', ...rows] = (await readFile(fixture('wdbc/data.csv'), 'utf8')).trim().split('\n');
  data = workbench.path('many.csv');
  await writeFile(data, [header, ...Array.from({ length: records }, (_, row) => rows[row % rows.length])].join('\n'));
});
afterAll(async () => {
  await workbench[Symbol.asyncDispose]();
});

/** Calls `action` once the first records have come back. */
function whenUnderWay(action: () => void, signal: AbortSignal = running.signal): Running {
  let acted = false;
  return {
    signal,
    onProgress: ({ stage, done }) => {
      if (acted || !stage.startsWith('Evaluating') || done === undefined || done === 0) return;
      acted = true;
      action();
    },
  };
}

async function endpointPid(): Promise<number> {
  const line = workbench.logged.findLast((message) => message.startsWith('local endpoint'));
  return await Promise.resolve(Number(line?.split(' ')[2]));
}

describe('a job whose server is killed in the middle', () => {
  it('says so, writes no predictions, and goes on from what was verified', async () => {
    const output = workbench.path('killed.csv');
    const killing = whenUnderWay(() => void endpointPid().then((pid) => process.kill(pid, 'SIGKILL')));
    const error = await refusal(runJob({ data, deployment, output }, workbench.environment, killing));
    expect(error.code).toBe('endpoint.unavailable');
    expect(error.hint).toContain('--resume');
    expect(await readdir(workbench.folder)).not.toContain('killed.csv');
    const [job] = (await listJobs({}, workbench.environment, running)).jobs;
    expect(job).toMatchObject({ state: 'failed', records });
    expect(job?.verified).toBeGreaterThan(0);

    const encryptedBefore = (await readdir(join(workbench.environment.home, 'store', 'jobs', job?.job ?? ''))).filter(
      (name) => name.startsWith('result-'),
    );
    expect(encryptedBefore.length).toBeGreaterThan(0);
    const resumed = await runJob({ data, resume: job?.job.slice(0, 8) }, workbench.environment, running);
    expect(resumed.job).toBe(job?.job);
    expect(resumed.records).toBe(records);
    const lines = (await readFile(output, 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(records + 1);
    expect(lines[1]).toBeDefined();
    const label = (line: string | undefined): string | undefined => line?.split(',').at(-1);
    expect(label(lines[1 + 143])).toBe(label(lines[1]));
    expect((await listJobs({ id: job?.job ?? '' }, workbench.environment, running)).jobs[0]?.state).toBe('done');
  });

  it('does not go on with other data', async () => {
    const output = workbench.path('killed-2.csv');
    const killing = whenUnderWay(() => void endpointPid().then((pid) => process.kill(pid, 'SIGKILL')));
    await refusal(runJob({ data, deployment, output }, workbench.environment, killing));
    const [job] = (await listJobs({}, workbench.environment, running)).jobs;
    const error = await refusal(
      runJob({ data: fixture('wdbc/data.csv'), resume: job?.job ?? '' }, workbench.environment, running),
    );
    expect(error.code).toBe('job.not-resumable');
  });
});

describe('a job that stopped', () => {
  async function stopped(): Promise<string> {
    const output = workbench.path('stopped.csv');
    const abort = new AbortController();
    const cancelling = whenUnderWay(() => {
      abort.abort();
    }, abort.signal);
    const elsewhere = workbench.path('elsewhere');
    await cp(deployment, elsewhere, { recursive: true });
    await refusal(runJob({ data, deployment: elsewhere, output }, workbench.environment, cancelling));
    const [job] = (await listJobs({}, workbench.environment, running)).jobs;
    return job?.job ?? '';
  }

  it('goes on with its deployment where that is not in the local store', async () => {
    const job = await stopped();
    await rm(join(workbench.environment.home, 'store', 'models'), { recursive: true });
    const resumed = await runJob({ data, resume: job }, workbench.environment, running);
    expect(resumed).toMatchObject({ job, records });
    const document = JSON.parse(
      await readFile(join(workbench.environment.home, 'store', 'jobs', job, 'job.json'), 'utf8'),
    ) as { readonly queries: number; readonly verified: number };
    expect(document.verified).toBe(document.queries);
  });

  it('is interrupted where its process was cut off, and running while one holds it', async () => {
    const job = await stopped();
    const { environment } = workbench;
    const ledger = join(environment.home, 'jobs', job, 'ledger.json');
    const document = JSON.parse(await readFile(ledger, 'utf8')) as object;
    await writeFile(ledger, JSON.stringify({ ...document, state: 'running' }));
    const state = async (): Promise<string | undefined> =>
      (await listJobs({ id: job }, environment, running)).jobs[0]?.state;
    expect(await holdingJob(environment.home, job, state)).toBe('running');
    expect(await state()).toBe('interrupted');
    expect((await runJob({ data, resume: job }, environment, running)).job).toBe(job);
  });

  it('does not go on while another run works on it', async () => {
    const job = await stopped();
    const { environment } = workbench;
    const error = await holdingJob(environment.home, job, async () =>
      refusal(runJob({ data, resume: job }, environment, running)),
    );
    expect(error).toMatchObject({
      code: 'job.not-resumable',
      message: expect.stringContaining(`process ${String(process.pid)}`) as string,
    });
    expect((await runJob({ data, resume: job }, environment, running)).job).toBe(job);
    expect(await refusal(runJob({ data, resume: job }, environment, running))).toMatchObject({
      code: 'job.not-resumable',
    });
  });
});

describe('a job that is cancelled', () => {
  it('stops, leaves no predictions file and no process, and is marked cancelled', async () => {
    const abort = new AbortController();
    let aborted = 0;
    const cancelling = whenUnderWay(() => {
      aborted = performance.now();
      abort.abort();
    }, abort.signal);
    const output = workbench.path('cancelled.csv');
    const error = await refusal(runJob({ data, deployment, output }, workbench.environment, cancelling));
    expect(error).toMatchObject({ code: 'cancelled', hint: expect.stringContaining('--resume') as string });
    expect(aborted).toBeGreaterThan(0);
    expect(await readdir(workbench.folder)).not.toContain('cancelled.csv');
    expect((await readdir(workbench.folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect((await listJobs({}, workbench.environment, running)).jobs[0]?.state).toBe('cancelled');
    const pid = await endpointPid();
    expect(() => process.kill(pid, 0)).toThrow();
  });
});
