import type { SparseMatrix } from '../model/ir.ts';
import { transpose } from '../model/sparse.ts';
import { equalColumns, overGroups } from './pooling.ts';

/**
 * Affine maps over a batch of rows, forwards and backwards. Numbers lie unit by unit (unit x batch), so that the inner loop runs along the
 * batch; they are kept in single precision and added in double, in a fixed order: the same on every machine.
 */
export interface BatchMap {
  /** Over groups of inputs that every output weighs alike (pooling merged with the map): added up first. */
  readonly matrix: SparseMatrix;
  readonly transposed: SparseMatrix;
  readonly bias: Float64Array;
  /** For each input its group, -1 for one that nothing reads. */
  readonly groupOf: Int32Array;
}

/** The map with inputs that are weighed alike taken together. */
export function batchMap({ matrix, bias }: { readonly matrix: SparseMatrix; readonly bias: Float64Array }): BatchMap {
  const groupOf = new Int32Array(matrix.columns).fill(-1);
  const groups = equalColumns(matrix);
  for (const [group, columns] of groups.entries()) for (const column of columns) groupOf[column] = group;
  const pooled = overGroups(matrix, groups);
  return { matrix: pooled, transposed: transpose(pooled), bias, groupOf };
}

/** @param x inputs x batch @returns W x + b, outputs x batch */
export function applyMap({ matrix, bias, groupOf }: BatchMap, x: Float32Array, batch: number): Float32Array {
  const pooled = new Float32Array(matrix.columns * batch);
  for (const [input, group] of groupOf.entries()) {
    if (group < 0) continue;
    for (let row = 0; row < batch; row += 1)
      pooled[group * batch + row] = (pooled[group * batch + row] ?? 0) + (x[input * batch + row] ?? 0);
  }
  return multiply(matrix, pooled, { batch, start: bias });
}

/** @param gradient outputs x batch, of the outputs @returns of the inputs, inputs x batch */
export function mapGradient({ transposed, groupOf }: BatchMap, gradient: Float32Array, batch: number): Float32Array {
  const pooled = multiply(transposed, gradient, { batch });
  const spread = new Float32Array(groupOf.length * batch);
  for (const [input, group] of groupOf.entries()) {
    if (group >= 0) spread.set(pooled.subarray(group * batch, (group + 1) * batch), input * batch);
  }
  return spread;
}

function multiply(
  { rows, rowStart, columnIndex, values }: SparseMatrix,
  x: Float32Array,
  { batch, start }: { readonly batch: number; readonly start?: Float64Array },
): Float32Array {
  const y = new Float32Array(rows * batch);
  const sums = new Float64Array(batch);
  for (let row = 0; row < rows; row += 1) {
    sums.fill(start?.[row] ?? 0);
    const end = at(rowStart, row + 1);
    let entry = at(rowStart, row);
    // Four at a time: sums are loaded and stored a quarter as often.
    for (; entry + 3 < end; entry += 4) addFour(sums, x, { columnIndex, values, entry });
    for (; entry < end; entry += 1) {
      const [weight, from] = [at(values, entry), at(columnIndex, entry) * batch];
      for (let index = 0; index < batch; index += 1) sums[index] = (sums[index] ?? 0) + weight * (x[from + index] ?? 0);
    }
    y.set(sums, row * batch);
  }
  return y;
}

function addFour(
  sums: Float64Array,
  x: Float32Array,
  { columnIndex, values, entry }: Pick<SparseMatrix, 'columnIndex' | 'values'> & { readonly entry: number },
): void {
  const batch = sums.length;
  const [a, b, c, d] = [at(values, entry), at(values, entry + 1), at(values, entry + 2), at(values, entry + 3)];
  const fromA = at(columnIndex, entry) * batch;
  const fromB = at(columnIndex, entry + 1) * batch;
  const fromC = at(columnIndex, entry + 2) * batch;
  const fromD = at(columnIndex, entry + 3) * batch;
  for (let index = 0; index < batch; index += 1) {
    const first = a * (x[fromA + index] ?? 0) + b * (x[fromB + index] ?? 0);
    const second = c * (x[fromC + index] ?? 0) + d * (x[fromD + index] ?? 0);
    sums[index] = (sums[index] ?? 0) + (first + second);
  }
}

function at(values: Float64Array | Uint32Array, index: number): number {
  return values[index] ?? 0;
}
