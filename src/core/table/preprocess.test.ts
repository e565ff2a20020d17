import { describe, expect, it } from 'vitest';
import { numberPreprocessing, readTable } from '../../../test/tables.ts';
import { AppError } from '../error.ts';
import type { Feature, Preprocessing } from '../model/ir.ts';
import { bindColumns } from './bind.ts';
import { preprocessRows } from './preprocess.ts';
import type { Cell } from './rows.ts';

const plain = { kind: 'number', column: 0, missing: 'refuse', offset: 0, scale: 1, float32: false } as const;

function oneColumn(features: readonly Feature[], extra: Partial<Preprocessing> = {}): Preprocessing {
  return { columns: [{ name: 'a', type: 'number' }], features, refuseUnknown: [], normalize: 'none', ...extra };
}

function featuresOf(preprocessing: Preprocessing, rows: readonly (readonly Cell[])[]): number[] {
  const bound = bindColumns(
    preprocessing,
    preprocessing.columns.map(({ name }) => name ?? ''),
    'rows.csv',
  );
  return [...preprocessRows(bound, { firstRow: 0, rows }, 'rows.csv').values];
}

function refusal(preprocessing: Preprocessing, rows: readonly (readonly Cell[])[]): AppError {
  const bound = bindColumns(
    preprocessing,
    preprocessing.columns.map(({ name }) => name ?? ''),
    'rows.csv',
  );
  try {
    preprocessRows(bound, { firstRow: 100, rows, lines: rows.map((_, row) => 200 + row) }, 'rows.csv');
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('was not refused');
}

describe('number features', () => {
  it('are read by name, filled in, shifted and scaled', () => {
    const preprocessing: Preprocessing = {
      columns: [
        { name: 'b', type: 'number' },
        { name: 'a', type: 'number' },
      ],
      features: [
        { ...plain, column: 1, missing: 7, offset: 1, scale: 2 },
        { ...plain, column: 0 },
      ],
      refuseUnknown: [],
      normalize: 'none',
    };
    const bound = bindColumns(preprocessing, ['a', 'x', 'b'], 'rows.csv');
    const batch = preprocessRows(
      bound,
      {
        firstRow: 5,
        rows: [
          ['3', 'text', '4'],
          ['NA', 'text', '5'],
        ],
      },
      'rows.csv',
    );
    expect({ ...batch, values: [...batch.values] }).toEqual({ firstRow: 5, rows: 2, width: 2, values: [4, 4, 12, 5] });
  });

  it('may share a column', () => {
    expect(featuresOf(oneColumn([plain, { ...plain, scale: 10 }]), [['2']])).toEqual([2, 20]);
  });

  it('are rounded to float32 where the library reads them so', () => {
    expect(featuresOf(oneColumn([{ ...plain, float32: true }, plain]), [['0.1']])).toEqual([Math.fround(0.1), 0.1]);
    expect(refusal(oneColumn([{ ...plain, float32: true }]), [['1e39']]).code).toBe('data.not-a-number');
  });

  it('keep missing values as NaN for models that know what to do', () => {
    expect(featuresOf(oneColumn([{ ...plain, missing: 'keep' }]), [[''], [null], ['nan'], ['1']])).toEqual([
      NaN,
      NaN,
      NaN,
      1,
    ]);
  });

  it('take typed cells of JSONL and Parquet', () => {
    expect(featuresOf(oneColumn([plain]), [[1.5], [12n], [true], ['3']])).toEqual([1.5, 12, 1, 3]);
  });
});

describe('category features', () => {
  const columns = [{ name: 'a', type: 'text' }] as const;
  const oneHot = (category: string | number): Feature => ({
    kind: 'one-hot',
    column: 0,
    category,
    offset: 0,
    scale: 1,
  });

  it('are one where the cell is the category, and all zeros for unknown ones', () => {
    const preprocessing = oneColumn([oneHot('car'), oneHot('new, or used')], { columns });
    expect(featuresOf(preprocessing, [['car'], ['new, or used'], ['Car']])).toEqual([1, 0, 0, 1, 0, 0]);
  });

  it('shift and scale zeros and ones', () => {
    expect(
      featuresOf(oneColumn([{ ...oneHot('x'), offset: 0.5, scale: 2 } as Feature], { columns }), [['x'], ['y']]),
    ).toEqual([1, -1]);
  });

  it('take missing cells for the empty text, unless the word is a category', () => {
    expect(featuresOf(oneColumn([oneHot('')], { columns }), [[''], [null], ['NA'], ['x']])).toEqual([1, 1, 1, 0]);
    expect(featuresOf(oneColumn([oneHot('NA'), oneHot('')], { columns }), [['NA'], ['null']])).toEqual([1, 0, 0, 1]);
  });

  it('compare numbers as numbers and typed cells as their text', () => {
    expect(featuresOf(oneColumn([oneHot(1), oneHot(2)]), [['1.0'], [2], ['3'], [' 2 ']])).toEqual([
      1, 0, 0, 1, 0, 0, 0, 1,
    ]);
    expect(featuresOf(oneColumn([oneHot('7'), oneHot('True')], { columns }), [[7], [true], [false]])).toEqual([
      1, 0, 0, 1, 0, 0,
    ]);
    expect(refusal(oneColumn([oneHot(1)]), [['one']]).code).toBe('data.not-a-number');
  });

  it('give the value of their category', () => {
    const ordinal: Feature = { kind: 'ordinal', column: 0, categories: ['low', 'high'], values: [1, 5], unknown: -1 };
    expect(featuresOf(oneColumn([ordinal], { columns }), [['high'], ['low'], ['other'], ['']])).toEqual([5, 1, -1, -1]);
    const strict = oneColumn([{ ...ordinal, unknown: 'refuse' }], { columns });
    expect(refusal(strict, [['other']]).code).toBe('data.unknown-category');
    expect(refusal(strict, [['']]).code).toBe('data.missing-value');
  });

  it('are refused when unknown, where the model says so', () => {
    const error = refusal(oneColumn([oneHot('car')], { columns, refuseUnknown: [0] }), [['car'], ['boat']]);
    expect([error.code, error.place.row]).toEqual(['data.unknown-category', 102]);
  });

  it('read the mixed fixture, where two rows have a category never seen', () => {
    const { header, rows } = readTable('mixed/data.csv');
    const purposes = ['business', 'car', 'education', 'furniture, appliances', 'renovation'];
    const preprocessing: Preprocessing = {
      columns: [{ name: 'purpose', type: 'text' }],
      features: purposes.map(oneHot),
      refuseUnknown: [],
      normalize: 'none',
    };
    const { values } = preprocessRows(
      bindColumns(preprocessing, header, 'data.csv'),
      { firstRow: 0, rows },
      'data.csv',
    );
    const unknown = rows.filter((row) => !purposes.includes(row[header.indexOf('purpose')] ?? '')).length;
    expect(values.reduce((sum, value) => sum + value, 0)).toBe(rows.length - unknown);
  });
});

describe('rows divided by their norm', () => {
  it.each([
    ['l1', [3 / 7, -4 / 7, 0, 0]],
    ['l2', [0.6, -0.8, 0, 0]],
    ['max', [0.75, -1, 0, 0]],
  ] as const)('by %s, zeros staying', (normalize, expected) => {
    const preprocessing = { ...numberPreprocessing(['a', 'b']), normalize };
    expect(
      featuresOf(preprocessing, [
        ['3', '-4'],
        ['0', '0'],
      ]),
    ).toEqual(expected);
  });

  it('however wide they are', () => {
    const names = Array.from({ length: 200_000 }, (_, index) => String(index));
    const preprocessing = { ...numberPreprocessing(names), normalize: 'l2' } as const;
    expect(featuresOf(preprocessing, [names.map(() => 1)])[0]).toBeCloseTo(1 / Math.sqrt(200_000), 12);
  });
});

describe('what cannot be read', () => {
  it('is refused with file, row, line and column, and without the value', () => {
    const error = refusal(numberPreprocessing(['a', 'b']), [
      ['1', '2'],
      ['3', 'secret'],
    ]);
    expect(error.code).toBe('data.not-a-number');
    expect(error.place).toEqual({ file: 'rows.csv', row: 102, line: 201, column: 'b' });
    expect(error.message).toBe('rows.csv, row 102: the value in column "b" is not a finite number.');
    expect(`${error.message} ${error.hint ?? ''}`).not.toContain('secret');
  });

  it('is a missing value without a rule, an infinity, or a row too short', () => {
    for (const missing of ['', 'NaN', null])
      expect(refusal(oneColumn([plain]), [[missing]]).code).toBe('data.missing-value');
    for (const infinite of ['inf', '-Infinity', '1e400', Infinity, -Infinity]) {
      expect(refusal(oneColumn([{ ...plain, missing: 'keep' }]), [[infinite]]).code).toBe('data.not-a-number');
    }
    expect(refusal(numberPreprocessing(['a', 'b']), [['1']]).code).toBe('data.ragged-row');
  });
});
