import { describe, expect, it } from 'vitest';
import { numberPreprocessing, readTable } from '../../../test/tables.ts';
import { AppError } from '../error.ts';
import type { Feature, Preprocessing } from '../model/ir.ts';
import { bindColumns, featureNames } from './bind.ts';
import { preprocessRows } from './preprocess.ts';
import { checkRange, planFeatureRanges, plannedRanges, type PlannedRanges } from './range.ts';

function planned(columns: readonly (readonly number[])[]): (readonly [number, number])[] {
  const rows = columns[0]?.length ?? 0;
  const values = Float64Array.from(
    { length: rows * columns.length },
    (_, index) => columns[index % columns.length]?.[Math.floor(index / columns.length)] ?? 0,
  );
  return pairs(plannedRanges(values, rows, columns.length));
}

function pairs({ center, radius }: PlannedRanges): (readonly [number, number])[] {
  return Array.from(center, (middle, index) => [middle, radius[index] ?? 0] as const);
}

describe('planned ranges', () => {
  it('are four times the calibrated range, about its middle', () => {
    expect(
      planned([
        [2, 6, 3],
        [-1, 0, 1],
      ]),
    ).toEqual([
      [4, 8],
      [0, 4],
    ]);
  });

  it('let a constant column vary by its size, at least by one', () => {
    expect(
      planned([
        [0, 0],
        [-50, -50],
        [1, 2],
      ]),
    ).toEqual([
      [0, 4],
      [-50, 200],
      [1.5, 2],
    ]);
  });

  it('leave missing values out, and take a column of nothing else for a constant 0', () => {
    expect(
      planned([
        [Number.NaN, 2, 4],
        [Number.NaN, Number.NaN, Number.NaN],
      ]),
    ).toEqual([
      [3, 4],
      [0, 4],
    ]);
  });

  it('are those of the family for columns inside bounds that others share exactly', () => {
    const family = [
      [0, 16, 3],
      [16, 0, 8],
    ];
    expect(planned([...family, [0, 0, 0], [2, 3, 2], [5, 5, 5], [0, 17, 1]])).toEqual([
      [8, 32],
      [8, 32],
      [8, 32],
      [8, 32],
      [8, 32],
      [8.5, 34],
    ]);
  });

  it('see no family in one column, nor in fewer than a tenth', () => {
    expect(
      planned([
        [0, 16],
        [3, 4],
      ]),
    ).toEqual([
      [8, 32],
      [3.5, 2],
    ]);
    const others = Array.from({ length: 20 }, (_, index) => [-index - 1, 20 + index]);
    expect(planned([[0, 16], [0, 16], [3, 4], ...others])[2]).toEqual([3.5, 2]);
  });

  it('give a column inside two families the narrower bounds', () => {
    expect(
      planned([
        [0, 1],
        [0, 1],
        [0, 100],
        [0, 100],
        [0, 0],
      ])[4],
    ).toEqual([0.5, 2]);
  });
});

describe("planned ranges of a model's features", () => {
  const number = { kind: 'number', missing: 'refuse', float32: false } as const;
  const model = (features: readonly Feature[]): Preprocessing => ({
    columns: features.map((_, index) => ({ name: String(index), type: 'number' })),
    features,
    refuseUnknown: [],
    normalize: 'none',
  });

  it('recognize a family of columns that are scaled each in its own way', () => {
    const offsets = [3.1, 0.7, 0.123456789, -2];
    const features = offsets.map((offset, column): Feature => ({
      ...number,
      column,
      offset,
      scale: column === 3 ? -40 : 1 / (column + 0.3),
    }));
    const raw = [
      [0, 16, 0, 0],
      [16, 0, 0, 4],
    ];
    const values = raw.flatMap((row) =>
      row.map((value, index) => (value - (offsets[index] ?? 0)) * (features[index] as { scale: number }).scale),
    );
    const ranges = planFeatureRanges(Float64Array.from(values), 2, model(features));
    for (const [index, [center, radius]] of pairs(ranges).entries()) {
      const { offset, scale } = features[index] as { offset: number; scale: number };
      expect(center).toBeCloseTo((8 - offset) * scale, 6);
      expect(radius).toBeCloseTo(32 * Math.abs(scale), 6);
    }
  });

  it('span what categories can ever give, also those that calibration lacks', () => {
    const rare: Feature = { kind: 'one-hot', column: 0, category: 'rare', offset: 0.001, scale: 31 };
    const ordinal: Feature = { kind: 'ordinal', column: 1, categories: ['a', 'b'], values: [0, 50], unknown: -1 };
    const ranges = planFeatureRanges(Float64Array.of(-0.031, 0), 1, model([rare, ordinal]));
    const features = { firstRow: 0, rows: 1, width: 2, values: Float64Array.of(0.999 * 31, 50) };
    expect(checkRange(features, ranges, { clip: false, file: 'f', names: [] })).toBe(0);
  });

  it('reach a fill-in value that calibration rows did not need', () => {
    const features = [{ ...number, column: 0, missing: -999, offset: 5, scale: 0.1 }] as const;
    const ranges = planFeatureRanges(Float64Array.of(0, 0.1), 2, model(features));
    const batch = { firstRow: 0, rows: 1, width: 1, values: Float64Array.of((-999 - 5) * 0.1) };
    expect(checkRange(batch, ranges, { clip: false, file: 'f', names: [] })).toBe(0);
  });

  it('are finite for a scale of zero and for normalized rows', () => {
    const flat = planFeatureRanges(Float64Array.of(0, 0), 2, model([{ ...number, column: 0, offset: 1, scale: 0 }]));
    expect(pairs(flat)).toEqual([[0, 4]]);
    const normalized = { ...model([{ ...number, column: 0, offset: 9, scale: 3 }]), normalize: 'l2' } as const;
    expect(pairs(planFeatureRanges(Float64Array.of(0, 1), 2, normalized))).toEqual([[0.5, 2]]);
  });
});

describe('the range check', () => {
  const ranges = { center: Float64Array.of(0, 10), radius: Float64Array.of(4, 1) };
  const batch = (...values: number[]) => ({
    firstRow: 10,
    rows: values.length / 2,
    width: 2,
    values: Float64Array.from(values),
  });

  it('accepts values up to the border and missing ones', () => {
    expect(checkRange(batch(-4, 11, Number.NaN, 9), ranges, { clip: false, file: 'f', names: ['a', 'b'] })).toBe(0);
  });

  it('refuses a value beyond with its place, and without the value', () => {
    const check = () =>
      checkRange(batch(0, 10, 0, 11.0625), ranges, { clip: false, file: 'f.csv', names: ['a', 'b'], lines: [7, 9] });
    expect(check).toThrow(AppError);
    expect(check).toThrow(
      expect.objectContaining({
        code: 'data.out-of-range',
        place: { file: 'f.csv', row: 12, line: 9, column: 'b' },
      }) as Error,
    );
    expect(check).not.toThrow(/11\.06/u);
  });

  it('moves values onto the border and counts them when asked to', () => {
    const features = batch(-9, 20, 3, 10, 4.5, Number.NaN);
    expect(checkRange(features, ranges, { clip: true, file: 'f', names: [] })).toBe(3);
    expect([...features.values]).toEqual([-4, 11, 3, 10, 4, Number.NaN]);
  });

  it.each(['wdbc', 'diabetes', 'digits', 'mixed'])('accepts every row of %s with its calibration rows', (dataset) => {
    const calibration = readTable(`${dataset}/calibration.csv`);
    const data = readTable(`${dataset}/data.csv`);
    const texts = new Set(['purpose', 'housing']);
    const preprocessing = numberPreprocessing(
      calibration.header.filter((name) => !texts.has(name)),
      'keep',
    );
    const read = ({ file, header, rows }: typeof data) =>
      preprocessRows(bindColumns(preprocessing, header, file), { firstRow: 0, rows }, file);
    const { values, rows } = read(calibration);
    const names = featureNames(bindColumns(preprocessing, data.header, data.file));
    const planned = planFeatureRanges(values, rows, preprocessing);
    expect(checkRange(read(data), planned, { clip: false, file: data.file, names })).toBe(0);
  });
});
