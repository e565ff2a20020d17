import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readTable } from '../../test/tables.ts';
import { importModel } from '../core/model/import.ts';
import { clearScores } from '../core/model/score.ts';
import { typicalScore } from '../core/table/accuracy.ts';
import { bindColumns, nameColumns } from '../core/table/bind.ts';
import { preprocessRows } from '../core/table/preprocess.ts';
import type { Calibrated } from './calibrated.ts';
import { coarseTolerance } from './coarse-tolerance.ts';

function calibratedFixture(dataset: string, file: string): Calibrated {
  const imported = importModel(file, readFileSync(new URL(`../../test/fixtures/${dataset}/${file}`, import.meta.url)));
  const table = readTable(`${dataset}/calibration.csv`);
  const model = nameColumns(imported, table.header, table.file);
  const bound = bindColumns(model.preprocessing, table.header, table.file);
  const { values } = preprocessRows(bound, { firstRow: 0, rows: table.rows }, table.file);
  return { model, calibration: values, rows: table.rows.length };
}

function warning(calibrated: Calibrated, maxError: number): string | undefined {
  const { model, calibration, rows } = calibrated;
  const scoreScale = typicalScore(clearScores(model.body, calibration, rows), rows) || 1;
  return coarseTolerance(calibrated, { maxError, scoreScale });
}

describe('what is said of a tolerance', () => {
  // scikit-learn's forest of years, 1990 give or take two.
  const years = calibratedFixture('offset', 'forest_years.onnx');

  it('is that it may reach all that a regression far from zero tells, and which one would do', () => {
    const said = warning(years, 1e-3);
    expect(said).toContain('an error within --max-error 0.001 may reach 98 % of their standard deviation');
    expect(said).toContain('--max-error 0.0001 keeps it below 10 %');
    expect(warning(years, 1e-4)).toBeUndefined();
  });

  it('is nothing where scores vary as much as they are large, of classes, or of a constant', () => {
    expect(warning(calibratedFixture('diabetes', 'xgb_regressor.json'), 1e-3)).toBeUndefined();
    expect(warning(calibratedFixture('wdbc', 'logistic.onnx'), 1)).toBeUndefined();
    expect(warning(calibratedFixture('constant', 'xgb_no_splits.json'), 1e-3)).toBeUndefined();
    expect(warning(calibratedFixture('constant', 'lasso_zero.onnx'), 1e-3)).toBeUndefined();
  });
});
