import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { numberPreprocessing, readTable } from '../../../test/tables.ts';
import { AppError } from '../error.ts';
import type { Model } from '../model/ir.ts';
import { bindColumns, featureNames, nameColumns } from './bind.ts';

function refusal(names: readonly (string | undefined)[], header: readonly string[]): AppError {
  try {
    bindColumns(numberPreprocessing(names), header, 'rows.csv');
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('was not refused');
}

describe('columns by name', () => {
  it('finds them in any order and leaves extra columns alone', () => {
    const bound = bindColumns(numberPreprocessing(['a', 'b']), ['b', 'extra', 'a'], 'rows.csv');
    expect(bound.sources).toEqual([2, 0]);
    expect(featureNames(bound)).toEqual(['a', 'b']);
  });

  it('takes spaces for underscores, as LightGBM writes them, and ignores spaces at the ends', () => {
    const bound = bindColumns(numberPreprocessing(['mean_radius', 'age']), [' age ', 'mean radius'], 'rows.csv');
    expect(bound.names).toEqual(['mean radius', ' age ']);
  });

  it('prefers the exact name to one that is merely like it', () => {
    expect(bindColumns(numberPreprocessing(['a b', 'a_b']), ['a_b', 'a b'], 'rows.csv').sources).toEqual([1, 0]);
    expect(refusal(['a b', 'a_b'], ['a_b']).message).toContain('"a b"');
  });

  it('names what is missing, what is there, and what may be meant', () => {
    const error = refusal(['mean radius', 'age'], ['Mean Radius', 'age', 'id']);
    expect(error.code).toBe('data.missing-column');
    expect(error.message).toBe('rows.csv lacks a column that the model reads: "mean radius".');
    expect(error.place).toMatchObject({ file: 'rows.csv', column: 'mean radius' });
    expect(error.hint).toBe('Did you mean "Mean Radius" for "mean radius"? The file has "Mean Radius", "age", "id".');
  });

  it('suggests near misspellings only', () => {
    expect(refusal(['income'], ['incmoe', 'age']).hint).toContain('"incmoe" for');
    expect(refusal(['income'], ['age', 'purpose']).hint).not.toContain('mean');
  });

  it('lists no more than eight names', () => {
    const names = Array.from({ length: 20 }, (_, index) => `column ${String(index)}`);
    expect(refusal(names, ['x']).message).toMatch(/lacks 20 columns .* and 12 more\.$/u);
  });

  it('refuses a name that the file has twice, if the model reads it', () => {
    const error = refusal(['a'], ['a', 'b', 'a']);
    expect([error.code, error.place.column]).toEqual(['data.duplicate-column', 'a']);
    expect(refusal(['a_b'], ['a b', ' a_b']).code).toBe('data.duplicate-column');
    expect(bindColumns(numberPreprocessing(['b']), ['a', 'b', 'a'], 'rows.csv').sources).toEqual([1]);
  });

  it('tells a file without a header, and repeats no value of it', () => {
    const error = refusal(['a', 'b'], ['17.99', '10.38']);
    expect(error.hint).toBe('The first line must name the columns; here it holds numbers.');
    expect(`${error.message} ${error.hint ?? ''}`).not.toContain('17.99');
  });

  it('finds every column of a shuffled header', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(names, fc.infiniteStream(fc.nat()), (wanted, picks) => {
        const header = wanted
          .map((name) => [picks.next().value, name] as const)
          .sort(([a], [b]) => a - b)
          .map(([, name]) => name);
        const bound = bindColumns(numberPreprocessing(wanted), header, 'rows.csv');
        expect(bound.sources.map((source) => header[source])).toEqual(wanted);
      }),
    );
  });
});

describe('columns by order', () => {
  const none = [undefined, undefined];

  it('are those of the calibration file, which name the model', () => {
    const { header } = readTable('wdbc/calibration.csv');
    const preprocessing = numberPreprocessing(header.map(() => undefined));
    const model = { source: 'test', preprocessing } as unknown as Model;
    const named = nameColumns(model, header);
    expect(named.preprocessing.columns.map(({ name }) => name)).toEqual(header);
    expect(bindColumns(named.preprocessing, header.toReversed(), 'data.csv').sources).toEqual(
      header.map((_, index) => 29 - index),
    );
  });

  it('fill the gaps between named ones', () => {
    expect(bindColumns(numberPreprocessing([undefined, 'b', undefined]), ['b', 'x', 'y'], 'rows.csv').sources).toEqual([
      1, 0, 2,
    ]);
  });

  it('must be as many as the model reads', () => {
    for (const header of [['a'], ['a', 'b', 'label']]) {
      const error = refusal(none, header);
      expect([error.code, error.place.file]).toEqual(['data.missing-column', 'rows.csv']);
      expect(error.message).toContain(`reads 2 columns by their order, rows.csv has ${String(header.length)}: "a"`);
    }
  });

  it('must have different names, since later files are matched by them', () => {
    expect(refusal(none, ['a', 'a']).code).toBe('data.duplicate-column');
  });

  it('are not taken from a first line of numbers, unless these count the columns', () => {
    const error = refusal(none, ['1.5', '2.5']);
    expect([error.code, error.place.line]).toEqual(['data.missing-column', 1]);
    expect(error.message).not.toContain('1.5');
    expect(bindColumns(numberPreprocessing(none), ['0', '1'], 'rows.csv').sources).toEqual([0, 1]);
  });
});
