import { readFile, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeContainer } from '../../src/core/artifact/container.ts';
import { readArtifact } from '../../src/core/artifact/headers.ts';
import { createKeySet } from '../../src/service/create-key-set.ts';
import { decryptResults } from '../../src/service/decrypt.ts';
import { encryptData } from '../../src/service/encrypt.ts';
import { evaluateQueries } from '../../src/service/evaluate.ts';
import { saveEvaluationKeys } from '../../src/service/keys.ts';
import { runJob } from '../../src/service/run.ts';
import { fixture, openWorkbench, refusal, running, type Workbench } from './workbench.ts';

let workbench: Workbench;
beforeAll(async () => {
  workbench = await openWorkbench();
});
afterAll(async () => {
  await workbench[Symbol.asyncDispose]();
});

async function labelsOf(file: string): Promise<(string | undefined)[]> {
  const [header = [], ...rows] = parse(await readFile(file));
  return rows.map((row) => row[header.indexOf('label')]);
}

describe.each([
  { model: 'digits/mlp_relu.onnx', mode: 'auto', rows: 2, plan: 'latency', least: 1 },
  { model: 'digits/mlp_relu.onnx', mode: 'auto', rows: undefined, plan: 'throughput', least: 0.99 },
  { model: 'mnist/mlp_square.onnx', mode: 'latency', rows: 5, plan: 'latency', least: 1 },
  { model: 'mnist/mlp_bn_quad.onnx', mode: 'latency', rows: 3, plan: 'latency', least: 1 },
  { model: 'mnist/cnn_square.onnx', mode: 'latency', rows: 3, plan: 'latency', least: 1 },
  { model: 'mnist/cnn_relu.onnx', mode: 'latency', rows: 3, plan: 'latency', least: 1 },
] as const)('$model, $mode, $rows rows, through encryption and the real server', (item) => {
  it('has the labels of the original library', { timeout: 600_000 }, async () => {
    const [dataset = '', file = ''] = item.model.split('/');
    const options = { mode: item.mode, output: workbench.path(`${file}-${String(item.rows)}`) };
    const compiled = await workbench.compile(item.model, options);
    const output = workbench.path('predictions.csv');
    const data = await workbench.firstRows(dataset, item.rows);
    const outcome = await runJob({ data, deployment: compiled.path, output }, workbench.environment, running);
    expect(outcome.plan).toBe(item.plan);
    expect(outcome.verified).toBeGreaterThan(0);
    const labels = await labelsOf(output);
    const expected = (await labelsOf(fixture(`${dataset}/expected/${file.replace('.onnx', '.csv')}`))).slice(
      0,
      item.rows,
    );
    expect(labels).toHaveLength(expected.length);
    const equal = labels.filter((label, row) => label === expected[row]).length;
    expect(equal / expected.length).toBeGreaterThanOrEqual(item.least);
  });
});

describe('a job of one-record queries', () => {
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const rows = 12;
  let results: string[];
  let others: string[];

  async function makeJob(name: string, deployment: string): Promise<string[]> {
    const { environment } = workbench;
    const output = workbench.path(name);
    const data = await workbench.firstRows('digits', rows);
    const encrypted = await encryptData({ data, deployment, key: 'lone', output }, environment, running);
    const evaluationKeys = workbench.path('lone.spk');
    const evaluated = await evaluateQueries(
      { queries: encrypted.files, deployment, evaluationKeys, output },
      environment,
      running,
    );
    return [...evaluated.files];
  }

  beforeAll(async () => {
    const { path } = await workbench.compile('digits/mlp_relu.onnx', {
      mode: 'latency',
      output: workbench.path('lone'),
    });
    await createKeySet({ deployment: path, name: 'lone' }, workbench.environment, running);
    await saveEvaluationKeys({ key: 'lone', output: workbench.path('lone.spk') }, workbench.environment, running);
    results = await makeJob('job-a', path);
    others = await makeJob('job-b', path);
  });

  async function decrypt(files: readonly string[]): Promise<{ records: number; verified: number }> {
    const output = workbench.path('lone.csv');
    return await decryptResults({ results: files, key: 'lone', output }, workbench.environment, running);
  }

  /** Each result's ciphertexts in the place of another's, under the headers that were asked for. */
  async function forged(sources: readonly string[]): Promise<string[]> {
    return await Promise.all(
      results.map(async (file, place) => {
        const { header } = readArtifact('sealpoint.result', await readFile(file), file);
        const source = sources[place] ?? '';
        const { sections } = readArtifact('sealpoint.result', await readFile(source), source);
        const { sections: entries, ...rest } = header;
        const named = sections.map((bytes, index) => ({ name: entries[index]?.name ?? '', bytes }));
        const path = workbench.path(`forged-${String(place)}.spr`);
        await writeFile(path, encodeContainer(rest, named, sha256));
        return path;
      }),
    );
  }

  it('holds its records in order and at least one canary, which looks like the others', async () => {
    expect(results.length).toBeGreaterThan(rows);
    const outcome = await decrypt(results);
    expect(outcome.records).toBe(rows);
    expect(outcome.verified).toBe(results.length - rows);
    expect(await labelsOf(workbench.path('lone.csv'))).toEqual(
      (await labelsOf(fixture('digits/expected/mlp_relu.csv'))).slice(0, rows),
    );
    const sizes = await Promise.all(results.map(async (file) => (await readFile(file)).length));
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(200);
  });

  it('is refused when every result stands in the place of the next', async () => {
    const turned = [...results.slice(1), ...results.slice(0, 1)];
    expect((await refusal(decrypt(await forged(turned)))).code).toBe('result.not-verified');
  });

  it('is refused when one result is sent for all queries', async () => {
    const constant = results.map(() => results[2] ?? '');
    expect((await refusal(decrypt(await forged(constant)))).code).toBe('result.not-verified');
  });

  it('is refused when the results of an earlier job of the same data are sent', async () => {
    const replayed = results.map((_, place) => others[place % others.length] ?? '');
    expect((await refusal(decrypt(await forged(replayed)))).code).toBe('result.not-verified');
  });

  it('is refused when a result is missing', async () => {
    expect((await refusal(decrypt(results.slice(1)))).code).toBe('artifact.not-found');
  });
});
