import { describe, expect, it } from 'vitest';
import { numberPreprocessing } from '../../../test/tables.ts';
import type { Model, Task } from '../model/ir.ts';
import { fromDense } from '../model/sparse.ts';
import { countAgreeing } from './original.ts';

/** Scores are weights times the one column x. */
function model(task: Task, weights: readonly number[]): Model {
  const matrix = fromDense(Float64Array.from(weights), weights.length, 1);
  return {
    source: 'test',
    preprocessing: numberPreprocessing(['x']),
    body: {
      kind: 'affine-chain',
      inputs: 1,
      outputs: weights.length,
      layers: [{ kind: 'affine', name: 'w', matrix, bias: new Float64Array(weights.length) }],
    },
    task,
  };
}

const table = {
  file: 'rows.csv',
  header: ['other', 'x'],
  rows: [
    ['9', '-2'],
    ['9', '1'],
    ['9', '3'],
  ],
};
const binary: Task = {
  kind: 'classification',
  link: { kind: 'sigmoid', slope: 1, normalize: false },
  classes: ['no', 'yes'],
  threshold: 0,
  probabilities: true,
};
const p = (x: number): number[] => [1 / (1 + Math.exp(x)), 1 / (1 + Math.exp(-x))];

describe('a converted model and its original', () => {
  it('agree where probabilities are near, in sorted order of the classes', () => {
    const label = ['no', 'yes', 'yes'];
    expect(countAgreeing(model(binary, [1]), { label, prob: [p(-2), p(1), p(3)] }, table)).toBe(3);
    expect(countAgreeing(model(binary, [1]), { label, prob: [p(-2), p(1.2), p(3)] }, table)).toBe(2);
    const renamed: Task = { ...binary, classes: ['yes', 'no'] };
    expect(countAgreeing(model(renamed, [1]), { label, prob: [p(2), p(-1), p(-3)] }, table)).toBe(3);
  });

  it('agree by labels where there are no probabilities, true being 1', () => {
    const margins: Task = { ...binary, probabilities: false, classes: [0, 1] };
    expect(countAgreeing(model(margins, [1]), { label: [false, true, false] }, table)).toBe(2);
    expect(countAgreeing(model(margins, [1]), { label: ['0', 1, 1.0] }, table)).toBe(3);
  });

  it('agree by values within a thousandth', () => {
    const values: Task = { kind: 'regression', link: { kind: 'identity' } };
    expect(countAgreeing(model(values, [100]), { value: [[-200], [100.01], [310]] }, table)).toBe(2);
    expect(
      countAgreeing(
        model(values, [1, 2]),
        {
          value: [
            [-2, -4],
            [1, 2],
            [3, 7],
          ],
        },
        table,
      ),
    ).toBe(2);
  });

  it('do not agree when one classifies and the other does not', () => {
    expect(countAgreeing(model(binary, [1]), { value: [[-2], [1], [3]] }, table)).toBe(0);
  });
});
