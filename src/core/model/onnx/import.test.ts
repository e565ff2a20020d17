import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readTable } from '../../../../test/tables.ts';
import { bindColumns } from '../../table/bind.ts';
import { applyLink } from '../../table/link.ts';
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
  const column = (name: string) => expected.header.indexOf(name);
  const end = applyLink(model.task, scores, features.rows);
  const outputs = model.body.outputs;
  for (const [row, cells] of expected.rows.entries()) {
    // Forests of two classes have a column for each; the model's single score is the second class's.
    const first = outputs === 1 && expected.header.includes('score_1') ? 1 : 0;
    const wanted = Array.from({ length: outputs }, (_, k) => Number(cells[column(`score_${String(first + k)}`)]));
    const largest = Math.max(1, ...wanted.map(Math.abs));
    for (const [k, score] of wanted.entries())
      expect(Math.abs((scores[row * outputs + k] ?? NaN) - score) / largest).toBeLessThan(1e-5);
    if (end.kind === 'regression')
      expect(Math.abs((end.values[row] ?? NaN) / Number(cells[column('value')]) - 1)).toBeLessThan(1e-5);
    else
      expect(String(model.task.kind === 'classification' && model.task.classes[end.labels[row] ?? -1])).toBe(
        cells[column('label')],
      );
    if (end.kind === 'classification' && end.probabilities !== undefined) {
      const count = end.probabilities.length / features.rows;
      for (let k = 0; k < count; k += 1)
        expect(end.probabilities[row * count + k]).toBeCloseTo(Number(cells[column(`prob_${String(k)}`)]), 5);
    }
  }
  expect(expected.rows.length).toBe(features.rows);
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
