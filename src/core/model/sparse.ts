import { AppError } from '../error.ts';
import type { SparseMatrix } from './ir.ts';

/** One entry of a matrix; entries at the same place are added. */
export interface Triplet {
  readonly row: number;
  readonly column: number;
  readonly value: number;
}

/** More weights than anybody evaluates encrypted: with their plans they take more than a gigabyte. */
export const maxEntries = 2 ** 23;

/** Collects a matrix row by row: `add` entries in any order of columns, then `endRow`. */
export interface RowBuilder {
  readonly add: (column: number, value: number) => void;
  readonly endRow: () => void;
  /** @throws AppError `model.unsupported` when the matrix got more than `maxEntries` entries. */
  readonly finish: () => SparseMatrix;
}

/** Zeros are left out; entries of one row at the same column are added. Memory: the entries, doubled while growing. */
export function rowBuilder(columns: number): RowBuilder {
  const rowStart: number[] = [0];
  const sums = new Float64Array(columns);
  const seen = new Uint8Array(columns);
  let touched: number[] = [];
  let columnIndex = new Uint32Array(64);
  let values = new Float64Array(64);
  let count = 0;

  const grow = (needed: number): void => {
    if (needed > maxEntries) throw tooLarge();
    if (needed <= values.length) return;
    const size = Math.max(needed, values.length * 2);
    columnIndex = resized(columnIndex, new Uint32Array(size));
    values = resized(values, new Float64Array(size));
  };
  return {
    add(column, value) {
      if (seen[column] === 0) {
        seen[column] = 1;
        touched.push(column);
      }
      sums[column] = (sums[column] ?? 0) + value;
    },
    endRow() {
      if (!isAscending(touched)) touched.sort((a, b) => a - b);
      grow(count + touched.length);
      for (const column of touched) {
        const value = sums[column] ?? 0;
        sums[column] = 0;
        seen[column] = 0;
        if (value === 0) continue;
        columnIndex[count] = column;
        values[count] = value;
        count += 1;
      }
      touched = [];
      rowStart.push(count);
    },
    finish: () => ({
      rows: rowStart.length - 1,
      columns,
      rowStart: Uint32Array.from(rowStart),
      columnIndex: columnIndex.slice(0, count),
      values: values.slice(0, count),
    }),
  };
}

/** @param values rows x columns numbers, row by row (borrowed); zeros are left out, NaN is kept. */
export function fromDense(values: ArrayLike<number>, rows: number, columns: number): SparseMatrix {
  let count = 0;
  for (let i = 0; i < rows * columns; i += 1) if (values[i] !== 0) count += 1;
  if (count > maxEntries) throw tooLarge();
  const matrix = emptyMatrix(rows, columns, count);
  let entry = 0;
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const value = values[row * columns + column] ?? 0;
      if (value === 0) continue;
      matrix.columnIndex[entry] = column;
      matrix.values[entry] = value;
      entry += 1;
    }
    matrix.rowStart[row + 1] = entry;
  }
  return matrix;
}

/** Entries in any order; those at the same place are added. */
export function fromTriplets(triplets: readonly Triplet[], rows: number, columns: number): SparseMatrix {
  const byRow = Array.from({ length: rows }, (): Triplet[] => []);
  for (const triplet of triplets) byRow[triplet.row]?.push(triplet);
  const builder = rowBuilder(columns);
  for (const row of byRow) {
    for (const { column, value } of row) builder.add(column, value);
    builder.endRow();
  }
  return builder.finish();
}

/** Row by row; for tests and small matrices. */
export function toDense(matrix: SparseMatrix): Float64Array {
  const dense = new Float64Array(matrix.rows * matrix.columns);
  for (let row = 0; row < matrix.rows; row += 1) {
    forEachInRow(matrix, row, (column, value) => {
      dense[row * matrix.columns + column] = value;
    });
  }
  return dense;
}

/** Ones on the diagonal. */
export function identityMatrix(size: number): SparseMatrix {
  const matrix = emptyMatrix(size, size, size);
  for (let i = 0; i < size; i += 1) {
    matrix.columnIndex[i] = i;
    matrix.values[i] = 1;
    matrix.rowStart[i + 1] = i + 1;
  }
  return matrix;
}

/** left x right; cost: one multiplication for each pair of entries that meet. */
export function multiply(left: SparseMatrix, right: SparseMatrix): SparseMatrix {
  if (left.columns !== right.rows) throw new RangeError('matrices do not fit');
  if (isIdentity(right)) return left;
  if (isIdentity(left)) return right;
  const builder = rowBuilder(right.columns);
  for (let row = 0; row < left.rows; row += 1) {
    forEachInRow(left, row, (middle, factor) => {
      forEachInRow(right, middle, (column, value) => {
        builder.add(column, factor * value);
      });
    });
    builder.endRow();
  }
  return builder.finish();
}

/** matrix x vector. */
export function multiplyVector(matrix: SparseMatrix, vector: Float64Array): Float64Array {
  const product = new Float64Array(matrix.rows);
  for (let row = 0; row < matrix.rows; row += 1) {
    let sum = 0;
    forEachInRow(matrix, row, (column, value) => {
      sum += value * (vector[column] ?? 0);
    });
    product[row] = sum;
  }
  return product;
}

/** left + factor x right, of one shape. */
export function addMatrices(left: SparseMatrix, right: SparseMatrix, factor = 1): SparseMatrix {
  const builder = rowBuilder(Math.max(left.columns, right.columns));
  for (let row = 0; row < left.rows; row += 1) {
    forEachInRow(left, row, builder.add);
    forEachInRow(right, row, (column, value) => {
      builder.add(column, factor * value);
    });
    builder.endRow();
  }
  return builder.finish();
}

/** The matrix whose row i is row rowOf[i] of `matrix`; a negative index gives a row of zeros. */
export function selectRows(matrix: SparseMatrix, rowOf: Int32Array): SparseMatrix {
  const builder = rowBuilder(matrix.columns);
  for (const row of rowOf) {
    if (row >= 0) forEachInRow(matrix, row, builder.add);
    builder.endRow();
  }
  return builder.finish();
}

/** diag(factors) x matrix. */
export function scaleRows(matrix: SparseMatrix, factors: Float64Array): SparseMatrix {
  const values = matrix.values.slice();
  for (let row = 0; row < matrix.rows; row += 1) {
    const end = matrix.rowStart[row + 1] ?? 0;
    for (let entry = matrix.rowStart[row] ?? 0; entry < end; entry += 1)
      values[entry] = (values[entry] ?? 0) * (factors[row] ?? 0);
  }
  return { ...matrix, values };
}

/** The matrices under one another; `columns` becomes that of the widest. */
export function stackRows(matrices: readonly SparseMatrix[]): SparseMatrix {
  const builder = rowBuilder(Math.max(0, ...matrices.map((matrix) => matrix.columns)));
  for (const matrix of matrices) {
    for (let row = 0; row < matrix.rows; row += 1) {
      forEachInRow(matrix, row, builder.add);
      builder.endRow();
    }
  }
  return builder.finish();
}

/** Rows become columns; cost: one pass over the entries. */
export function transpose(matrix: SparseMatrix): SparseMatrix {
  const result = emptyMatrix(matrix.columns, matrix.rows, matrix.values.length);
  for (const column of matrix.columnIndex) result.rowStart[column + 1] = (result.rowStart[column + 1] ?? 0) + 1;
  for (let row = 0; row < result.rows; row += 1) {
    result.rowStart[row + 1] = (result.rowStart[row + 1] ?? 0) + (result.rowStart[row] ?? 0);
  }
  const next = result.rowStart.slice(0, result.rows);
  for (let row = 0; row < matrix.rows; row += 1) {
    forEachInRow(matrix, row, (column, value) => {
      const entry = next[column] ?? 0;
      next[column] = entry + 1;
      result.columnIndex[entry] = row;
      result.values[entry] = value;
    });
  }
  return result;
}

/** Calls `visit` for the entries of a row, columns ascending. */
export function forEachInRow(matrix: SparseMatrix, row: number, visit: (column: number, value: number) => void): void {
  const end = matrix.rowStart[row + 1] ?? 0;
  for (let entry = matrix.rowStart[row] ?? 0; entry < end; entry += 1)
    visit(matrix.columnIndex[entry] ?? 0, matrix.values[entry] ?? 0);
}

function isIdentity(matrix: SparseMatrix): boolean {
  return (
    matrix.rows === matrix.columns &&
    matrix.values.length === matrix.rows &&
    matrix.columnIndex.every((column, i) => column === i && matrix.rowStart[i] === i) &&
    matrix.values.every((value) => value === 1)
  );
}

function emptyMatrix(rows: number, columns: number, entries: number): SparseMatrix {
  return {
    rows,
    columns,
    rowStart: new Uint32Array(rows + 1),
    columnIndex: new Uint32Array(entries),
    values: new Float64Array(entries),
  };
}

function resized<T extends Uint32Array | Float64Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}

function isAscending(numbers: readonly number[]): boolean {
  for (let i = 1; i < numbers.length; i += 1) if ((numbers[i] ?? 0) < (numbers[i - 1] ?? 0)) return false;
  return true;
}

function tooLarge(): AppError {
  return new AppError('model.unsupported', 'The model has a layer of more than 8 million weights.', {
    hint: 'Networks of this size cannot be evaluated encrypted; use a smaller one.',
  });
}
