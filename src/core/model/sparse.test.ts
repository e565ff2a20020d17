import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addMatrices,
  fromDense,
  fromTriplets,
  identityMatrix,
  multiply,
  multiplyVector,
  scaleRows,
  selectRows,
  stackRows,
  toDense,
  transpose,
} from './sparse.ts';

const size = fc.integer({ min: 0, max: 7 });
const cell = fc.oneof(
  { weight: 2, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: -9, max: 9 }) },
);

const dense = (rows: number, columns: number) =>
  fc
    .array(cell, { minLength: rows * columns, maxLength: rows * columns })
    .map((values) => ({ rows, columns, values: Float64Array.from(values, (value) => value + 0) }));

const pairOf = (shapes: (a: number, b: number, c: number) => readonly [number, number, number, number]) =>
  fc.tuple(size, size, size).chain(([a, b, c]) => {
    const [r1, c1, r2, c2] = shapes(a, b, c);
    return fc.tuple(dense(r1, c1), dense(r2, c2));
  });

interface Dense {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}
const sparse = (matrix: Dense) => fromDense(matrix.values, matrix.rows, matrix.columns);
const at = (matrix: Dense, row: number, column: number) => matrix.values[row * matrix.columns + column] ?? 0;
const table = (rows: number, columns: number, value: (row: number, column: number) => number) =>
  Float64Array.from({ length: rows * columns }, (_, i) => value(Math.floor(i / columns), i % columns) + 0);

describe('sparse matrices', () => {
  it('keep what a dense matrix holds', () => {
    fc.assert(
      fc.property(
        fc.tuple(size, size).chain(([r, c]) => dense(r, c)),
        (matrix) => {
          const result = sparse(matrix);
          expect(toDense(result)).toEqual(matrix.values);
          expect(result.values.includes(0)).toBe(false);
          expect(result.rowStart.length).toBe(matrix.rows + 1);
        },
      ),
    );
  });

  it('multiply as dense matrices do', () => {
    fc.assert(
      fc.property(
        pairOf((a, b, c) => [a, b, b, c]),
        ([left, right]) => {
          const product = table(left.rows, right.columns, (row, column) => {
            let sum = 0;
            for (let k = 0; k < left.columns; k += 1) sum += at(left, row, k) * at(right, k, column);
            return sum;
          });
          expect(toDense(multiply(sparse(left), sparse(right)))).toEqual(product);
        },
      ),
    );
  });

  it('refuse a product of shapes that do not fit', () => {
    expect(() => multiply(identityMatrix(2), identityMatrix(3))).toThrow(RangeError);
  });

  it('add, with a factor', () => {
    fc.assert(
      fc.property(
        pairOf((a, b) => [a, b, a, b]),
        fc.integer({ min: -3, max: 3 }),
        ([left, right], factor) => {
          const sum = table(
            left.rows,
            left.columns,
            (row, column) => at(left, row, column) + factor * at(right, row, column),
          );
          expect(toDense(addMatrices(sparse(left), sparse(right), factor))).toEqual(sum);
        },
      ),
    );
  });

  it('transpose, with columns ascending in each row', () => {
    fc.assert(
      fc.property(
        fc.tuple(size, size).chain(([r, c]) => dense(r, c)),
        (matrix) => {
          const turned = transpose(sparse(matrix));
          expect(toDense(turned)).toEqual(table(matrix.columns, matrix.rows, (row, column) => at(matrix, column, row)));
          expect(transpose(turned)).toEqual(sparse(matrix));
        },
      ),
    );
  });

  it('multiply vectors, scale, select and stack rows', () => {
    fc.assert(
      fc.property(
        pairOf((a, b, c) => [a + 1, b, c, b]),
        ([matrix, below]) => {
          const vector = Float64Array.from({ length: matrix.columns }, (_, i) => i + 1);
          const product = Float64Array.from({ length: matrix.rows }, (_, row) =>
            vector.reduce((sum, x, column) => sum + x * at(matrix, row, column), 0),
          );
          expect(multiplyVector(sparse(matrix), vector)).toEqual(product);
          const factors = Float64Array.from({ length: matrix.rows }, (_, row) => row - 2);
          expect(toDense(scaleRows(sparse(matrix), factors)).map((x) => x + 0)).toEqual(
            table(matrix.rows, matrix.columns, (row, column) => (row - 2) * at(matrix, row, column)),
          );
          expect(toDense(selectRows(sparse(matrix), Int32Array.of(matrix.rows - 1, -1, 0)))).toEqual(
            table(3, matrix.columns, (row, column) =>
              row === 1 ? 0 : at(matrix, row === 0 ? matrix.rows - 1 : 0, column),
            ),
          );
          expect(toDense(stackRows([sparse(matrix), sparse(below)]))).toEqual(
            Float64Array.from([...matrix.values, ...below.values]),
          );
        },
      ),
    );
  });

  it('add triplets at the same place, whatever their order', () => {
    const cellOf = fc.record({
      row: fc.integer({ min: 0, max: 3 }),
      column: fc.integer({ min: 0, max: 4 }),
      value: fc.integer({ min: -5, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(cellOf), (triplets) => {
        const expected = new Float64Array(20);
        for (const { row, column, value } of triplets)
          expected[row * 5 + column] = (expected[row * 5 + column] ?? 0) + value;
        expect(toDense(fromTriplets(triplets, 4, 5))).toEqual(expected);
      }),
    );
  });
});
