import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runJob } from '../../src/service/run.ts';
import { fixture, openWorkbench, passphrase, running, type Workbench } from './workbench.ts';

const models = [
  ['wdbc/logistic.onnx', 'logistic'],
  ['wdbc/logistic_nozipmap.onnx', 'logistic'],
  ['wdbc/svm.onnx', 'svm'],
  ['wdbc/svm_raw.onnx', 'svm'],
  ['diabetes/linear.onnx', 'linear'],
  ['diabetes/ridge_pipeline.onnx', 'ridge_pipeline'],
  ['diabetes/poisson.onnx', 'poisson'],
  ['digits/logistic.onnx', 'logistic'],
  ['mixed/pipeline.onnx', 'pipeline'],
] as const;

let workbench: Workbench;

beforeAll(async () => {
  workbench = await openWorkbench();
});
afterAll(async () => {
  await workbench[Symbol.asyncDispose]();
});

interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

async function table(file: string): Promise<Table> {
  const [header = [], ...rows] = parse(await readFile(file));
  return { header, rows };
}

/** Cells of the columns whose names begin so, as numbers, row by row. */
function numbers({ header, rows }: Table, prefix: string): number[][] {
  const columns = header.flatMap((name, index) => (name.startsWith(prefix) ? [index] : []));
  return rows.map((row) => columns.map((index) => Number(row[index])));
}

/** How far the label is from another: the distance from 0 of a binary margin, else of the best score from the second. */
function marginOf(scores: readonly number[]): number {
  const [first = 0, second = 0] = [...scores].sort((a, b) => b - a);
  return scores.length === 1 ? Math.abs(first) : first - second;
}

describe.each(models)('%s through encryption, the real server and the folder store', (model, expectedName) => {
  it('has the labels of the original library wherever the margin exceeds the reported error bound', async () => {
    const [dataset = ''] = model.split('/');
    const compiled = await workbench.compile(model);
    const output = workbench.path(`${compiled.deployment.slice(0, 8)}.csv`);
    const outcome = await runJob(
      { data: fixture(`${dataset}/data.csv`), deployment: compiled.path, output },
      workbench.environment,
      running,
    );
    const report = JSON.parse(await readFile(join(compiled.path, 'report.json'), 'utf8')) as {
      plans: { mode: string; errorBound: number }[];
      tolerance: { scoreScale: number };
    };
    const bound = report.plans.find((plan) => plan.mode === outcome.plan)?.errorBound ?? 0;
    const predicted = await table(output);
    const expected = await table(fixture(`${dataset}/expected/${expectedName}.csv`));

    expect(outcome.verified).toBeGreaterThan(0);
    expect(predicted.header).toEqual(expected.header);
    expect(predicted.rows).toHaveLength(expected.rows.length);
    const label = expected.header.indexOf('label');
    const [scores, truth] = [numbers(predicted, 'score_'), numbers(expected, 'score_')];
    for (const [row, right] of truth.entries()) {
      const largest = Math.max(report.tolerance.scoreScale, ...right.map(Math.abs));
      for (const [k, score] of right.entries())
        expect(Math.abs((scores[row]?.[k] ?? Number.NaN) - score) / largest).toBeLessThan(1e-3);
      if (label >= 0 && marginOf(right) > 2 * bound)
        expect(String(predicted.rows[row]?.[label])).toBe(expected.rows[row]?.[label]);
    }
  });
});

describe('what a run leaves', () => {
  it('keeps passphrase, plaintext rows and secret keys out of the store, the ledger and the log', async () => {
    const compiled = await workbench.deployment('diabetes/linear.onnx');
    const output = workbench.path('secrets.csv');
    await runJob(
      { data: fixture('diabetes/data.csv'), deployment: compiled.path, key: 'diabetes-linear-onnx', output },
      workbench.environment,
      running,
    );
    const [, firstRow = ''] = (await readFile(fixture('diabetes/data.csv'), 'utf8')).split('\n');
    const canaries = [passphrase, firstRow, ...firstRow.split(',').filter((cell) => cell.length > 4)];
    const files = await readdir(workbench.environment.home, { recursive: true, withFileTypes: true });
    for (const file of files.filter((entry) => entry.isFile())) {
      const bytes = await readFile(join(file.parentPath, file.name));
      for (const secret of canaries) expect(bytes.includes(secret), `${file.name} holds a secret`).toBe(false);
    }
    for (const secret of canaries) expect(workbench.logged.join('\n')).not.toContain(secret);
  });

  it('gives the same deployment id for the same input', async () => {
    const first = await workbench.compile('wdbc/svm.onnx', { output: workbench.path('again-1') });
    const second = await workbench.compile('wdbc/svm.onnx', { output: workbench.path('again-2') });
    expect(second.deployment).toBe(first.deployment);
  });
});
