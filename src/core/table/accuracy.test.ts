import { describe, expect, it } from 'vitest';
import { readTable } from '../../../test/tables.ts';
import type { Task } from '../model/ir.ts';
import {
  clopperPearson,
  measureAccuracy,
  measureAgreement,
  measureApproximation,
  readLabels,
  rSquared,
  typicalScore,
} from './accuracy.ts';
import { incompleteBeta } from './beta.ts';

const binary: Task = {
  kind: 'classification',
  link: { kind: 'sigmoid', slope: 1, normalize: false },
  classes: [0, 1],
  threshold: 0,
  probabilities: true,
};
const regression: Task = { kind: 'regression', link: { kind: 'exp' } };

function expectedScores(path: string): Float64Array {
  const { header, rows } = readTable(path);
  return Float64Array.from(rows, (row) => Number(row[header.indexOf('score_0')]));
}

describe('accuracy against true answers', () => {
  it('is what the fixtures report', () => {
    const truth = readLabels(binary, readTable('wdbc/labels.csv'));
    const measured = measureAccuracy(binary, expectedScores('wdbc/expected/logistic.csv'), truth);
    expect([measured.kind, measured.value.toFixed(4)]).toEqual(['accuracy', '0.9580']);
    const values = readLabels(regression, readTable('diabetes/labels.csv'));
    const r2 = measureAccuracy(regression, expectedScores('diabetes/expected/poisson.csv'), values);
    expect([r2.kind, r2.value.toFixed(4)]).toEqual(['r2', '0.3541']);
  });

  it('reads the column whose values are the classes', () => {
    const table = readTable('mixed/labels.csv');
    const byName = readLabels({ ...binary, classes: ['bad', 'good'] }, table);
    expect([...readLabels(binary, table)]).toEqual([...byName]);
    expect([...readLabels(binary, { file: 'l', header: ['label'], rows: [['1.0'], [0], [1n]] })]).toEqual([1, 0, 1]);
  });

  it('refuses a file without rows or without the answers', () => {
    const table = { file: 'l.csv', header: ['label'], rows: [['1'], ['7']] };
    expect(() => readLabels(binary, table)).toThrow(expect.objectContaining({ code: 'data.missing-column' }) as Error);
    expect(() => readLabels(binary, { ...table, rows: [] })).toThrow(
      expect.objectContaining({ code: 'data.empty' }) as Error,
    );
    expect(() => readLabels(regression, { ...table, rows: [['']] })).toThrow(
      expect.objectContaining({ code: 'data.missing-column' }) as Error,
    );
  });

  it('has no R2 where the truth does not vary', () => {
    expect(rSquared(Float64Array.of(1, 2), Float64Array.of(3, 3))).toBeNaN();
    // What adding the same leaves in another order leaves of a constant.
    expect(rSquared(Float64Array.of(1, 2), Float64Array.of(0.3, 0.1 + 0.2))).toBeNaN();
  });
});

describe('the lower bound of a proportion', () => {
  it.each([
    [29, 30, 0.95, 0.851403931340887],
    [140, 143, 0.95, 0.946673969106144],
    [5, 10, 0.95, 0.222441101008129],
    [1, 1000, 0.95, 5.12919789090178e-5],
    [9990, 10_000, 0.95, 0.998304368546355],
    [198, 200, 0.95, 0.968857400585916],
    [5, 10, 0.99, 0.150442821900701],
    [30, 30, 0.95, 0.05 ** (1 / 30)],
  ])('for %d of %d at %d is %d', (...row) => {
    const [successes, n, confidence, bound] = row;
    expect(clopperPearson(successes, n, confidence) / bound).toBeCloseTo(1, 9);
  });

  it('is 0 for no successes and for no trials', () => {
    expect([clopperPearson(0, 10), clopperPearson(0, 0)]).toEqual([0, 0]);
  });

  it('rests on a right incomplete beta function', () => {
    const known = [
      [0.3, 2, 3, 0.3483],
      [0.5, 5, 5, 0.5],
      [0.99, 140, 4, 0.9437549382344456],
      [0.001, 0.5, 0.5, 0.02013504163337749],
    ] as const;
    for (const [x, a, b, value] of known) expect(incompleteBeta(x, a, b)).toBeCloseTo(value, 11);
    expect([incompleteBeta(0, 1, 2), incompleteBeta(1, 1, 2)]).toEqual([0, 1]);
  });
});

describe('agreement of two sets of scores', () => {
  it('counts equal labels and relates errors to the larger of the row and the typical score', () => {
    const clear = Float64Array.of(4, -1, 0.01, 3);
    const other = Float64Array.of(4.04, -1, -0.01, 3);
    const measured = measureAgreement(binary, { clear, other, rows: 4 }, { maxError: 1e-3, typicalScore: 2 });
    expect(measured.agreement).toBe(0.75);
    expect(measured.agreementLowerBound).toBeCloseTo(clopperPearson(3, 4), 15);
    expect(measured.maxError).toBeCloseTo(0.01, 12);
    expect(measured.rmsError).toBeCloseTo(Math.sqrt((0.01 ** 2 + 0.01 ** 2) / 4), 12);
  });

  it('counts the rows of a regression that are within the error', () => {
    const clear = Float64Array.of(10, 20);
    const measured = measureAgreement(
      regression,
      { clear, other: Float64Array.of(10.001, 20.5), rows: 2 },
      { maxError: 1e-3 },
    );
    expect(measured.agreement).toBe(0.5);
  });

  it('is, of an approximated regression, the variation kept of the value that keeps the least', () => {
    const clear = Float64Array.of(1000, 1, 2000, 3, 3000, 2);
    const other = Float64Array.of(1000, 2, 2000, 2, 3000, 2);
    const measured = measureApproximation(regression, { clear, other, rows: 3 }, { maxError: 1e-3 });
    expect(measured).toMatchObject({ agreement: 0, agreementLowerBound: 0 });
    const one = measureApproximation(
      regression,
      { clear: Float64Array.of(1, 3), other: Float64Array.of(1, 2), rows: 2 },
      { maxError: 1e-3 },
    );
    expect(one.agreement).toBeCloseTo(0.5, 14);
  });

  it('is, of an approximated regression that is constant, the share of rows within a hundredth', () => {
    const clear = Float64Array.of(0.3, 0.1 + 0.2);
    const measure = (other: Float64Array) =>
      measureApproximation(regression, { clear, other, rows: 2 }, { maxError: 1e-3 }).agreement;
    expect(measure(Float64Array.of(0.3, 0.302))).toBe(1);
    expect(measure(Float64Array.of(0.3, 0.31))).toBe(0.5);
  });

  it('never agrees where a score is no number', () => {
    const scores = { clear: Float64Array.of(1), other: Float64Array.of(Number.NaN), rows: 1 };
    expect(measureAgreement(regression, scores, { maxError: 1 })).toMatchObject({ agreement: 0, maxError: Number.NaN });
  });

  it('takes the root mean square of the rows for the typical score', () => {
    expect(typicalScore(Float64Array.of(3, -4, 0, 1), 2)).toBeCloseTo(Math.sqrt((16 + 1) / 2), 14);
    expect(typicalScore(new Float64Array(0), 0)).toBe(0);
  });
});
