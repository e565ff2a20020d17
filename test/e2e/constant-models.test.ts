import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runJob } from '../../src/service/run.ts';
import { fixture, openWorkbench, running, type Workbench } from './workbench.ts';

/** What regularization sometimes leaves: trees without a split (min_samples_split, gamma), Lasso with all weights 0. */

let workbench: Workbench;
beforeAll(async () => {
  workbench = await openWorkbench();
});
afterAll(async () => {
  await workbench[Symbol.asyncDispose]();
});

async function values(file: string): Promise<number[]> {
  const [header = [], ...rows] = parse(await readFile(file));
  return rows.map((row) => Number(row[header.indexOf('value')]));
}

describe.each([
  { model: 'forest_no_splits.onnx', reveal: 'thresholds' },
  { model: 'forest_no_splits.onnx', reveal: 'nothing' },
  { model: 'xgb_no_splits.json', reveal: 'nothing' },
  { model: 'lasso_zero.onnx', reveal: 'nothing' },
] as const)('$model, reveal $reveal, through encryption and the real server', ({ model, reveal }) => {
  it.each(['latency', 'throughput'] as const)('gives its constant for %s', async (mode) => {
    const name = [model, reveal, mode].join('-');
    const compiled = await workbench.compile(`constant/${model}`, { mode, reveal, output: workbench.path(name) });
    const output = workbench.path(`${name}.csv`);
    // One record a query takes a while for each.
    const data = mode === 'latency' ? await workbench.firstRows('constant', 2) : fixture('constant/data.csv');
    await runJob({ data, deployment: compiled.path, output }, workbench.environment, running);
    const known = await values(fixture(`constant/expected/${model.replace(/\.\w+$/u, '')}.csv`));
    const predicted = await values(output);
    expect(predicted).toHaveLength(mode === 'latency' ? 2 : known.length);
    for (const [row, value] of predicted.entries()) expect(Math.abs(value - (known[row] ?? NaN))).toBeLessThan(1e-3);
  });
});
