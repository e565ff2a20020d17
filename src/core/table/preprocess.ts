import { AppError, type ErrorCode } from '../error.ts';
import type { Feature, Preprocessing } from '../model/ir.ts';
import type { BoundColumns } from './bind.ts';
import { isMissing, readNumber } from './cells.ts';
import type { Cell, FeatureBatch, RowBatch } from './rows.ts';

type Problem = 'data.not-a-number' | 'data.missing-value' | 'data.unknown-category';

/** Writes the features of one column's cell, from `start` in `values`; nothing is returned when all is well. */
type ColumnReader = (cell: Cell, values: Float64Array, start: number) => Problem | undefined;

type NumberFeature = Extract<Feature, { kind: 'number' }>;
type CategoryFeature = Exclude<Feature, { kind: 'number' }>;

/** A category's text as a key; a number's text is that of the number, so that 1 and '1' are one category. */
type Category = string;

/**
 * Rows of a file as the features that enter the body (`width` = preprocessing.features.length).
 * @param file the file's name, for messages
 * @throws {AppError} `data.not-a-number`, `data.missing-value`, `data.unknown-category`, `data.ragged-row`, with file, row, line and
 * column, and never the value
 */
export function preprocessRows(bound: BoundColumns, batch: RowBatch, file: string): FeatureBatch {
  const { preprocessing, sources } = bound;
  const width = preprocessing.features.length;
  const values = new Float64Array(batch.rows.length * width);
  const readers = columnReaders(preprocessing);
  for (const [row, cells] of batch.rows.entries()) {
    for (const [column, read] of readers.entries()) {
      const cell = cells[sources[column] ?? -1];
      const problem = cell === undefined ? 'data.ragged-row' : read(cell, values, row * width);
      if (problem !== undefined) throw cellError(problem, { bound, batch, file, row, column });
    }
  }
  normalizeRows(values, width, preprocessing.normalize);
  return { firstRow: batch.firstRow, rows: batch.rows.length, width, values };
}

/** One reader a column: each cell is parsed or looked up once, however many features come of it. */
function columnReaders({ columns, features, refuseUnknown }: Preprocessing): readonly ColumnReader[] {
  const readers: ColumnReader[][] = columns.map(() => []);
  const categories = new Map<number, [number, CategoryFeature][]>();
  for (const [index, feature] of features.entries()) {
    if (feature.kind === 'number') {
      readers[feature.column]?.push(numberReader(index, feature));
      continue;
    }
    const known = categories.get(feature.column);
    if (known === undefined) categories.set(feature.column, [[index, feature]]);
    else known.push([index, feature]);
  }
  for (const [column, known] of categories)
    readers[column]?.push(categoryReader(known, refuseUnknown.includes(column)));
  return readers.map((all) => (all.length === 1 ? (all[0] ?? inTurn(all)) : inTurn(all)));
}

function inTurn(readers: readonly ColumnReader[]): ColumnReader {
  return (cell, values, start) => {
    for (const read of readers) {
      const problem = read(cell, values, start);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

/** LightGBM takes what is at most 1e-35 as float32 in size as zero. */
const zeroSize = Math.fround(1e-35);

function numberReader(index: number, { missing, zeroIsMissing, offset, scale, float32 }: NumberFeature): ColumnReader {
  return (cell, values, start) => {
    let value = readNumber(cell);
    if (zeroIsMissing === true && Math.abs(value) <= zeroSize) value = Number.NaN;
    if (Number.isNaN(value)) {
      if (missing === 'refuse') return 'data.missing-value';
      if (missing !== 'keep') value = missing;
    }
    if (float32) value = Math.fround(value);
    if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) return 'data.not-a-number';
    values[start + index] = (value - offset) * scale;
    return undefined;
  };
}

/** All one-hot and ordinal features of a column: what an unknown category gives, and the few places where a known one differs. */
function categoryReader(features: readonly [number, CategoryFeature][], refuseUnknown: boolean): ColumnReader {
  const numeric = features.every(([, feature]) =>
    categoriesOf(feature).every((category) => typeof category === 'number'),
  );
  const refuses =
    refuseUnknown || features.some(([, feature]) => feature.kind === 'ordinal' && feature.unknown === 'refuse');
  const unknown = features.map(([, feature]) => unknownValue(feature));
  const known = knownCategories(features);
  return (cell, values, start) => {
    if (numeric && Math.abs(readNumber(cell)) === Number.POSITIVE_INFINITY) return 'data.not-a-number';
    const writes = known.get(categoryText(cell, known, numeric));
    if (writes === undefined && refuses) return isMissing(cell) ? 'data.missing-value' : 'data.unknown-category';
    for (const [position, [index]] of features.entries()) values[start + index] = unknown[position] ?? 0;
    for (const [index, value] of writes ?? []) values[start + index] = value;
    return undefined;
  };
}

/** For each category the features that it changes, with their values. */
function knownCategories(
  features: readonly [number, CategoryFeature][],
): ReadonlyMap<Category, readonly (readonly [number, number])[]> {
  const known = new Map<Category, [number, number][]>();
  for (const [index, feature] of features) {
    for (const [position, category] of categoriesOf(feature).entries()) {
      const value = feature.kind === 'one-hot' ? (1 - feature.offset) * feature.scale : (feature.values[position] ?? 0);
      const writes = known.get(String(category));
      if (writes === undefined) known.set(String(category), [[index, value]]);
      else writes.push([index, value]);
    }
  }
  return known;
}

function categoriesOf(feature: CategoryFeature): readonly (string | number)[] {
  return feature.kind === 'one-hot' ? [feature.category] : feature.categories;
}

function unknownValue(feature: CategoryFeature): number {
  if (feature.kind === 'one-hot') return (0 - feature.offset) * feature.scale;
  return feature.unknown === 'refuse' ? 0 : feature.unknown;
}

/**
 * The category that a cell names, known or not. A text that is a category is that one even if it looks missing (NA may be Namibia);
 * other missing cells are the empty text. Numbers are compared as numbers (1.0 is 1), true as 1, 'true' or 'True'.
 */
function categoryText(cell: Cell, known: ReadonlyMap<Category, unknown>, numeric: boolean): Category {
  if (typeof cell === 'string' && known.has(cell)) return cell;
  if (numeric) return String(readNumber(cell));
  if (isMissing(cell)) return '';
  const text = String(cell);
  if (typeof cell !== 'boolean' || known.has(text)) return text;
  return cell ? 'True' : 'False';
}

/** Divides each row by its norm; a row of zeros stays (scikit-learn and ONNX alike; `max` is of absolute values). */
function normalizeRows(values: Float64Array, width: number, kind: Preprocessing['normalize']): void {
  if (kind === 'none') return;
  for (let start = 0; start < values.length; start += width) {
    const row = values.subarray(start, start + width);
    const norm = rowNorm(row, kind);
    if (norm > 0) for (let index = 0; index < width; index += 1) row[index] = (row[index] ?? 0) / norm;
  }
}

function rowNorm(row: Float64Array, kind: 'l1' | 'l2' | 'max'): number {
  if (kind === 'l1') return row.reduce((sum, value) => sum + Math.abs(value), 0);
  if (kind === 'l2') return Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
  return row.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

interface CellPlace {
  readonly bound: BoundColumns;
  readonly batch: RowBatch;
  readonly file: string;
  /** Within the batch. */
  readonly row: number;
  /** The model's. */
  readonly column: number;
}

const explanations = {
  'data.not-a-number': [
    'is not a finite number',
    'Write numbers with a decimal point and no separators, and a missing value as an empty cell.',
  ],
  'data.missing-value': [
    'is missing, and the model has no rule for missing values',
    'Fill the value in or leave the row out.',
  ],
  'data.unknown-category': [
    'is a category that the model was not trained on',
    'Check its spelling or leave the row out.',
  ],
  'data.ragged-row': [
    'is not there: the row is shorter than the header',
    'Give every row as many cells as the header has.',
  ],
} as const satisfies Partial<Record<ErrorCode, readonly [string, string]>>;

function cellError(code: keyof typeof explanations, { bound, batch, file, row, column }: CellPlace): AppError {
  const number = batch.firstRow + row + 1;
  const name = bound.names[column] ?? '';
  const [what, hint] = explanations[code];
  const message = `${file}, row ${String(number)}: the value in column "${name}" ${what}.`;
  return new AppError(code, message, { file, row: number, line: batch.lines?.[row], column: name, hint });
}
