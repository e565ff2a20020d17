import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CompileOutcome } from '../../src/core/artifact/outcomes.ts';
import { describeModel } from '../../src/service/describe-model.ts';
import { previewJob } from '../../src/service/preview.ts';
import { runJob } from '../../src/service/run.ts';
import { fixture, openWorkbench, refusal, running, type Workbench } from './workbench.ts';

let workbench: Workbench;
let compiled: CompileOutcome;
beforeAll(async () => {
  workbench = await openWorkbench();
  compiled = await workbench.deployment('wdbc/logistic.onnx');
});
afterAll(async () => {
  await workbench[Symbol.asyncDispose]();
});

const data = fixture('wdbc/data.csv');

describe('the preview of a job', () => {
  it('tells what the job then sends and receives, and how', async () => {
    const { environment } = workbench;
    const options = { data, deployment: compiled.path, profile: 'local' };
    const preview = await previewJob(options, environment, running);
    const outcome = await runJob({ ...options, output: workbench.path('out.csv') }, environment, running);
    expect(preview).toMatchObject({ records: 143, clipped: 0, queries: outcome.queries, lineSeconds: 0 });
    expect(preview.plan.mode).toBe(outcome.plan);
    expect(preview.profile).toMatchObject({ name: 'local', endpoint: 'local' });
    expect(preview.evaluationKeys.areThere).toBe(false);
    const near = (told: number, real: number) => {
      expect(Math.abs(told / real - 1)).toBeLessThan(0.02);
    };
    near(preview.bytes.queries + preview.evaluationKeys.bytes, outcome.bytes.sent);
    near(preview.bytes.results, outcome.bytes.received);
    expect(Object.values(preview.parts ?? {}).every((seconds) => seconds > 0)).toBe(true);
    const again = await previewJob(options, environment, running);
    expect(again.evaluationKeys.areThere).toBe(true);
  });

  it('counts the line where queries are written to files for somebody to carry', async () => {
    const preview = await previewJob({ data, deployment: compiled.path }, workbench.environment, running);
    expect(preview.profile).toBeUndefined();
    expect(preview.lineSeconds).toBeGreaterThan(0);
  });

  it('rests on predictions where only client.zip is at hand', async () => {
    const deployment = workbench.path('only-client.zip');
    await writeFile(deployment, await readFile(join(compiled.path, 'client.zip')));
    const preview = await previewJob({ data, deployment }, workbench.environment, running);
    expect(preview.parts).toBeUndefined();
    expect(preview.seconds).toBeGreaterThan(0);
    await rm(deployment);
  });

  it('refuses data that the job would refuse', async () => {
    const wrong = workbench.path('wrong.csv');
    const [header = '', first = ''] = (await readFile(data, 'utf8')).split('\n');
    await writeFile(wrong, [header, first.replace(/^[^,]*/u, 'twelve'), ''].join('\n'));
    const error = await refusal(previewJob({ data: wrong, deployment: compiled.path }, workbench.environment, running));
    expect(error).toMatchObject({ code: 'data.not-a-number', place: { row: 1, column: 'mean radius' } });
  });
});

describe('the description of a model file', () => {
  const describeFile = async (model: string) => await describeModel({ model }, workbench.environment, running);

  it.each([
    ['wdbc/logistic.onnx', { kind: 'linear', inputs: 30, parts: 1 }],
    ['digits/mlp_relu.onnx', { kind: 'network', inputs: 64, parts: 2 }],
    ['wdbc/xgb_100x4.ubj', { kind: 'trees', inputs: 30, parts: 100 }],
    ['diabetes/lgbm_regressor.txt', { kind: 'trees', inputs: 10, parts: 60 }],
  ])('of %s says what it is', async (model, expected) => {
    expect(await describeFile(fixture(model))).toMatchObject(expected);
  });

  it('says of a pickle only that it is one', async () => {
    const model = workbench.path('model.pkl');
    await writeFile(model, Uint8Array.of(0x80, 4, 0x4e, 0x2e));
    expect(await describeFile(model)).toEqual({ kind: 'pickle' });
  });

  it('refuses what is no model', async () => {
    expect((await refusal(describeFile(data))).code).toBe('model.unreadable');
  });
});
