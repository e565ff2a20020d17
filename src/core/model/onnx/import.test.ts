import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readTable } from '../../../../test/tables.ts';
import { bindColumns } from '../../table/bind.ts';
import { type Classified, applyLink } from '../../table/link.ts';
import { preprocessRows } from '../../table/preprocess.ts';
import type { Model } from '../ir.ts';
import { clearScores } from '../score.ts';
import { importOnnx } from './import.ts';

function readModel(path: string): Model {
  return importOnnx(readFileSync(new URL(`../../../../test/fixtures/${path}`, import.meta.url)), { file: path });
}

/** The expected files hold 9 significant digits of the original library's answers. */
function compareWithLibrary(model: Model, dataset: string, expectedPath: string): void {
  const data = readTable(`${dataset}/data.csv`);
  const bound = bindColumns(model.preprocessing, data.header, data.file);
  const features = preprocessRows(bound, { firstRow: 0, rows: data.rows }, data.file);
  const scores = clearScores(model.body, features.values, features.rows);
  const expected = readTable(`${dataset}/expected/${expectedPath}.csv`);
  const end = applyLink(model.task, scores, features.rows);
  const at = (row: number, name: string): string | undefined => expected.rows[row]?.[expected.header.indexOf(name)];
  // Forests of two classes have a column for each; the model's single score is the second class's.
  const first = model.body.outputs === 1 && expected.header.includes('score_1') ? 1 : 0;
  for (const row of expected.rows.keys()) {
    const wanted = Array.from({ length: model.body.outputs }, (_, k) => Number(at(row, `score_${String(first + k)}`)));
    const found = scores.subarray(row * wanted.length, (row + 1) * wanted.length);
    expect(largestError(found, wanted)).toBeLessThan(1e-5);
    if (end.kind === 'regression') expect((end.values[row] ?? NaN) / Number(at(row, 'value'))).toBeCloseTo(1, 5);
    else compareClasses(model, end, { row, at: (name) => at(row, name) });
  }
  expect(expected.rows.length).toBe(features.rows);
}

/** Relative to the larger of 1 and the row's largest score. */
function largestError(found: Float64Array, wanted: readonly number[]): number {
  const largest = Math.max(1, ...wanted.map(Math.abs));
  return Math.max(...wanted.map((score, k) => Math.abs((found[k] ?? NaN) - score) / largest));
}

interface ExpectedRow {
  readonly row: number;
  readonly at: (name: string) => string | undefined;
}

function compareClasses({ task }: Model, { labels, probabilities }: Classified, { row, at }: ExpectedRow): void {
  if (task.kind !== 'classification') throw new Error('a classification is expected');
  expect(String(task.classes[labels[row] ?? -1])).toBe(at('label'));
  const found = probabilities?.subarray(row * task.classes.length, (row + 1) * task.classes.length) ?? [];
  for (const [k, probability] of found.entries()) expect(probability).toBeCloseTo(Number(at(`prob_${String(k)}`)), 5);
}

describe('importOnnx', () => {
  it.each([
    ['wdbc', 'logistic', 'logistic'],
    ['wdbc', 'logistic_nozipmap', 'logistic'],
    ['wdbc', 'svm', 'svm'],
    ['wdbc', 'svm_raw', 'svm'],
    ['diabetes', 'linear', 'linear'],
    ['diabetes', 'ridge_pipeline', 'ridge_pipeline'],
    ['diabetes', 'poisson', 'poisson'],
    ['digits', 'logistic', 'logistic'],
    ['mixed', 'pipeline', 'pipeline'],
    ['wdbc', 'forest_50x5', 'forest_50x5'],
    ['wdbc', 'gbt', 'gbt'],
    ['wdbc', 'tree', 'tree'],
    ['wdbc', 'histgb', 'histgb'],
    ['wdbc', 'xgb_100x4', 'xgb_100x4'],
    ['digits', 'forest', 'forest'],
    ['digits', 'mlp_relu', 'mlp_relu'],
    ['digits', 'mlp_tanh', 'mlp_tanh'],
    ['mnist', 'mlp3_relu', 'mlp3_relu'],
    ['mnist', 'mlp_square', 'mlp_square'],
    ['mnist', 'mlp_bn_quad', 'mlp_bn_quad'],
    ['mnist', 'cnn_square', 'cnn_square'],
    ['mnist', 'cnn_relu', 'cnn_relu'],
  ])('%s/%s.onnx agrees with the library that trained it', (dataset, stem, expected) => {
    compareWithLibrary(readModel(`${dataset}/${stem}.onnx`), dataset, expected);
  });
});
