import { clearScores } from '../src/core/model/score.ts';
import type { Model } from '../src/core/model/ir.ts';
import { bindColumns } from '../src/core/table/bind.ts';
import { predictionColumns, predictionRows } from '../src/core/table/predictions.ts';
import { preprocessRows } from '../src/core/table/preprocess.ts';
import type { Cell } from '../src/core/table/rows.ts';
import type { TestTable } from './tables.ts';

/** The predictions of a model in the clear by column name, an entry a row. */
export function predictTable(model: Model, { file, header, rows }: TestTable): ReadonlyMap<string, readonly Cell[]> {
  const bound = bindColumns(model.preprocessing, header, file);
  const features = preprocessRows(bound, { firstRow: 0, rows }, file);
  const scores = clearScores(model.body, features.values, rows.length);
  const cells = predictionRows(model.task, scores, rows.length);
  const columns = predictionColumns(model.task, model.body.outputs);
  return new Map(columns.map(({ name }, column) => [name, cells.map((row) => row[column] ?? null)]));
}

export interface Disagreement {
  /** The largest error of a score, probability or value over max(1, the row's largest of that kind). */
  readonly error: number;
  /** Rows whose label is another; an empty one stands for a tie, where any will do. */
  readonly labels: number;
  readonly missingColumns: readonly string[];
}

/** Holds predictions against a table of the original library's, column by column. */
export function disagreement(
  predictions: ReadonlyMap<string, readonly Cell[]>,
  { header, rows }: TestTable,
): Disagreement {
  const missingColumns = header.filter((name) => !predictions.has(name));
  const kinds = [...new Set(header.map((name) => name.replace(/_\d+$/u, '')))].filter((kind) => kind !== 'label');
  const errors = kinds.flatMap((kind) => {
    const columns = header.flatMap((name, index) =>
      name.replace(/_\d+$/u, '') === kind && predictions.has(name) ? [{ name, index }] : [],
    );
    return rows.map((row, number) =>
      rowError(columns.map(({ name, index }) => [Number(predictions.get(name)?.[number]), Number(row[index])])),
    );
  });
  const at = header.indexOf('label');
  const labels =
    at < 0
      ? 0
      : rows.filter((row, number) => row[at] !== '' && String(predictions.get('label')?.[number]) !== row[at]).length;
  return { error: errors.reduce((largest, error) => (error <= largest ? largest : error), 0), labels, missingColumns };
}

/** NaN counts as infinitely wrong. */
function rowError(pairs: readonly (readonly [actual: number, expected: number])[]): number {
  const size = Math.max(1, ...pairs.map(([, expected]) => Math.abs(expected)));
  const error = Math.max(0, ...pairs.map(([actual, expected]) => Math.abs(actual - expected))) / size;
  return Number.isNaN(error) ? Infinity : error;
}
