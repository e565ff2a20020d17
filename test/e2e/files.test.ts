import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encryptData } from '../../src/service/encrypt.ts';
import { evaluateQueries } from '../../src/service/evaluate.ts';
import { saveEvaluationKeys } from '../../src/service/keys.ts';
import { fixture, openWorkbench, refusal, running, type Workbench } from './workbench.ts';

let workbench: Workbench;
let deployment: string;
let query: string;
const evaluationKeys = (name: string): string => workbench.path(`${name}.spk`);

beforeAll(async () => {
  workbench = await openWorkbench();
  const { environment } = workbench;
  for (const model of ['wdbc/svm.onnx', 'wdbc/logistic.onnx']) {
    deployment = (await workbench.deployment(model)).path;
    const key = model.replace(/\W/gu, '-');
    await saveEvaluationKeys({ key, output: evaluationKeys(key) }, environment);
  }
  const data = fixture('wdbc/data.csv');
  const { files } = await encryptData({ data, deployment, output: workbench.path('queries') }, environment, running);
  query = files[0] ?? '';
});
afterAll(async () => {
  await workbench[Symbol.asyncDispose]();
});

describe('encrypting into a folder', () => {
  it('that is cancelled in the middle leaves no query, and what lay there as it was', async () => {
    const [header = '', ...rows] = (await readFile(fixture('wdbc/data.csv'), 'utf8')).trim().split('\n');
    const data = workbench.path('many.csv');
    await writeFile(data, [header, ...Array.from({ length: 30_000 }, (_, row) => rows[row % rows.length])].join('\n'));
    for (const before of [undefined, ['query-00000.spq']] as const) {
      const output = workbench.path(`cancelled-${String(before?.length)}`);
      if (before !== undefined) {
        await mkdir(output);
        await writeFile(join(output, before[0]), 'of an earlier job');
      }
      const abort = new AbortController();
      const cancelling = {
        signal: abort.signal,
        onProgress: ({ stage }: { readonly stage: string }) => {
          if (stage.startsWith('Encrypting')) abort.abort();
        },
      };
      await expect(encryptData({ data, deployment, output }, workbench.environment, cancelling)).rejects.toThrow();
      expect(abort.signal.aborted).toBe(true);
      expect(await readdir(output).catch(() => undefined)).toEqual(before);
    }
    expect(await readFile(join(workbench.path('cancelled-1'), 'query-00000.spq'), 'utf8')).toBe('of an earlier job');
  });
});

describe('evaluating files', () => {
  const evaluated = (queries: readonly string[], keys: string) =>
    refusal(
      evaluateQueries(
        { queries, deployment, evaluationKeys: keys, output: workbench.path('results') },
        workbench.environment,
        running,
      ),
    );

  it('names the query that was altered, and the evaluation keys of another key set', async () => {
    const altered = workbench.path('altered.spq');
    const bytes = await readFile(query);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    await writeFile(altered, bytes);
    const right = evaluationKeys('wdbc-logistic-onnx');
    expect(await evaluated([altered], right)).toMatchObject({ code: 'artifact.altered', place: { file: altered } });
    const wrong = evaluationKeys('wdbc-svm-onnx');
    expect(await evaluated([query], wrong)).toMatchObject({
      code: 'artifact.other-deployment',
      place: { file: wrong },
    });
  });

  it('refuses queries whose results would replace each other', async () => {
    const other = workbench.path('other');
    await cp(workbench.path('queries'), other, { recursive: true });
    const error = await evaluated([query, join(other, 'query-00000.spq')], evaluationKeys('wdbc-logistic-onnx'));
    expect(error.code).toBe('usage.arguments');
  });
});
