import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { runJob } from '../../src/service/run.ts';
import { fixture, openWorkbench, running, type Workbench } from './workbench.ts';

let workbench: Workbench;
beforeAll(async () => {
  workbench = await openWorkbench();
});
afterAll(async () => {
  await workbench[Symbol.asyncDispose]();
});

async function column(file: string, name: string): Promise<string[]> {
  const [header = [], ...rows] = parse(await readFile(file));
  const index = header.indexOf(name);
  return index < 0 ? [] : rows.map((row) => row[index] ?? '');
}

describe.each([
  { model: 'wdbc/xgb_100x4.json', reveal: 'thresholds', least: 1 },
  { model: 'wdbc/xgb_100x4.ubj', reveal: 'nothing', least: 0.99 },
  { model: 'wdbc/forest_50x5.onnx', reveal: 'thresholds', least: 1 },
  { model: 'wdbc/tree.onnx', reveal: 'thresholds', least: 1 },
  { model: 'mixed/xgb_missing.json', reveal: 'thresholds', least: 1 },
  { model: 'digits/xgb_multi.json', reveal: 'thresholds', least: 1 },
  { model: 'diabetes/xgb_regressor.json', reveal: 'thresholds', least: 1 },
] as const)('$model, reveal $reveal, a table through encryption and the real server', ({ model, reveal, least }) => {
  it('has the answers of the original library', async () => {
    const [dataset = '', file = ''] = model.split('/');
    const compiled = await workbench.compile(model, {
      mode: 'throughput',
      reveal,
      output: workbench.path(`${file}-${reveal}`),
    });
    const output = workbench.path(`${file}-${reveal}.csv`);
    const data = fixture(`${dataset}/data.csv`);
    const outcome = await runJob({ data, deployment: compiled.path, output }, workbench.environment, running);
    expect(outcome.verified).toBeGreaterThan(0);
    const expected = fixture(`${dataset}/expected/${file.replace(/\.\w+$/u, '')}.csv`);
    const [labels, truth] = [await column(output, 'label'), await column(expected, 'label')];
    expect(labels).toHaveLength(truth.length);
    const equal = labels.filter((label, row) => label === truth[row]).length;
    if (truth.length > 0) expect(equal / truth.length).toBeGreaterThanOrEqual(least);
    const [values, known] = [await column(output, 'value'), await column(expected, 'value')];
    expect(values).toHaveLength(known.length);
    for (const [row, value] of values.entries())
      expect(Math.abs(Number(value) / Number(known[row]) - 1)).toBeLessThan(1e-3);
  });
});

describe.each([
  { model: 'wdbc/xgb_100x4.json', mode: 'latency', reveal: 'thresholds', rows: 8 },
  { model: 'wdbc/xgb_100x4.json', mode: 'auto', reveal: 'nothing', rows: 2 },
  { model: 'wdbc/forest_50x5.onnx', mode: 'latency', reveal: 'thresholds', rows: 4 },
  { model: 'mixed/xgb_missing.json', mode: 'latency', reveal: 'thresholds', rows: 6 },
] as const)('$model, $mode, reveal $reveal, $rows rows, a query each', ({ model, mode, reveal, rows }) => {
  it('has the labels of the original library', async () => {
    const [dataset = '', file = ''] = model.split('/');
    const compiled = await workbench.compile(model, {
      mode,
      reveal,
      output: workbench.path(`${file}-${mode}-${reveal}`),
    });
    expect(compiled.plans.find((plan) => plan.mode === 'latency')?.packing).toBe('bits');
    const output = workbench.path(`${file}-${mode}-${reveal}.csv`);
    const data = await workbench.firstRows(dataset, rows);
    const outcome = await runJob({ data, deployment: compiled.path, output }, workbench.environment, running);
    expect(outcome.plan).toBe('latency');
    expect(outcome.verified).toBeGreaterThan(0);
    const expected = fixture(`${dataset}/expected/${file.replace(/\.\w+$/u, '')}.csv`);
    expect(await column(output, 'label')).toEqual((await column(expected, 'label')).slice(0, rows));
  });
});
