import { describe, expect, it } from 'vitest';
import { readTable } from '../../../test/tables.ts';
import type { Task } from '../model/ir.ts';
import { predictionColumns, predictionRows, sortedClassOrder, withInput } from './predictions.ts';

const sigmoid = { kind: 'sigmoid', slope: 1, normalize: false } as const;
const binary: Task = { kind: 'classification', link: sigmoid, classes: [0, 1], threshold: 0, probabilities: true };
const digits: Task = { ...binary, link: { kind: 'softmax' }, classes: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] };
const forest: Task = { ...binary, link: { kind: 'probability' }, threshold: 0.5 };

/** The expected file's own scores, through the link, must give the rest of its columns back. */
const fixtures: readonly (readonly [string, Task, string])[] = [
  ['wdbc/expected/logistic.csv', binary, 'score_0'],
  ['wdbc/expected/xgb_100x4.csv', binary, 'score_0'],
  ['wdbc/expected/svm.csv', { ...binary, link: { kind: 'identity' }, probabilities: false }, 'score_0'],
  ['wdbc/expected/forest_50x5.csv', forest, 'score_1'],
  ['wdbc/expected/tree.csv', forest, 'score_'],
  ['digits/expected/logistic.csv', digits, 'score_'],
  ['digits/expected/forest.csv', { ...digits, link: { kind: 'probability' } }, 'score_'],
  ['diabetes/expected/linear.csv', { kind: 'regression', link: { kind: 'identity' } }, 'score_0'],
  ['diabetes/expected/poisson.csv', { kind: 'regression', link: { kind: 'exp' } }, 'score_0'],
  ['mixed/expected/pipeline.csv', { ...binary, classes: ['bad', 'good'] }, 'score_0'],
];

describe('the predictions table', () => {
  it.each(fixtures)('has the columns and values of %s', (path, task, scoreColumns) => {
    const { header, rows } = readTable(path);
    const used = header.flatMap((name, index) => (name.startsWith(scoreColumns) ? [index] : []));
    const scores = Float64Array.from(rows.flatMap((row) => used.map((index) => Number(row[index]))));
    const columns = predictionColumns(task, used.length);
    expect(columns.map(({ name }) => name)).toEqual(header);
    for (const [index, cells] of predictionRows(task, scores, rows.length).entries()) {
      for (const [column, { type }] of columns.entries()) {
        const expected = rows[index]?.[column] ?? '';
        if (type === 'text') expect(cells[column]).toBe(expected);
        else
          expect(Math.abs(Number(cells[column]) - Number(expected))).toBeLessThanOrEqual(
            1e-7 * Math.max(1, Math.abs(Number(expected))),
          );
      }
    }
  });

  it('shows classes in sorted order however the model has them', () => {
    const task: Task = { ...binary, link: { kind: 'probability' }, classes: ['b', 'c', 'a'] };
    expect(predictionRows(task, Float64Array.of(0.5, 0.3, 0.2), 1)).toEqual([[0.2, 0.5, 0.3, 0.2, 0.5, 0.3, 'b']]);
    const reversed: Task = { ...binary, classes: [1, 0] };
    const [score, first, second, label] = predictionRows(reversed, Float64Array.of(Math.log(3)), 1)[0] ?? [];
    expect([score, label]).toEqual([Math.log(3), 0]);
    expect(first).toBeCloseTo(0.75, 14);
    expect(second).toBeCloseTo(0.25, 14);
  });

  it('sorts numbers by value and texts by code point', () => {
    expect(sortedClassOrder([10, 9, -1])).toEqual([2, 1, 0]);
    expect(sortedClassOrder(['a', 'B', 'ab', '\u{1F600}', '\uFF5E'])).toEqual([1, 0, 2, 4, 3]);
    expect(sortedClassOrder(['x', 3])).toEqual([1, 0]);
  });

  it('types the label by its classes', () => {
    expect(predictionColumns(binary, 1).at(-1)).toEqual({ name: 'label', type: 'number' });
    expect(predictionColumns({ ...binary, classes: ['bad', 'good'] }, 1).at(-1)).toEqual({
      name: 'label',
      type: 'text',
    });
  });

  it('numbers the values of several outputs', () => {
    const task: Task = { kind: 'regression', link: { kind: 'identity' } };
    expect(predictionColumns(task, 2).map(({ name }) => name)).toEqual(['score_0', 'score_1', 'value_0', 'value_1']);
    expect(predictionRows(task, Float64Array.of(1, 2, 3, 4), 2)).toEqual([
      [1, 2, 1, 2],
      [3, 4, 3, 4],
    ]);
  });

  it('has no rows for no records', () => {
    expect(predictionRows(digits, new Float64Array(0), 0)).toEqual([]);
  });

  it('gives names that the input has already a prefix, until they are free', () => {
    const columns = predictionColumns(binary, 1);
    const names = withInput(['label', 'score_0', 'prediction_label', 'age'], columns).map(({ name }) => name);
    expect(names).toEqual(['prediction_score_0', 'prob_0', 'prob_1', 'prediction_prediction_label']);
  });
});
