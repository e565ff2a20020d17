import type { SparseMatrix } from '../model/ir.ts';
import { forEachInRow, rowBuilder } from '../model/sparse.ts';
import type { PolynomialNetwork } from './network.ts';

/**
 * Average pooling merged with the layer behind it multiplies each weight into every place of its window: columns that are equal tell. Units
 * that are read alike can be added up before anything is multiplied, if their ciphertexts hold them in equal units.
 */

/** Columns, by what they hold. */
export type ColumnGroups = readonly (readonly number[])[];

/** Columns grouped by what they hold; columns of zeros are left out. */
export function equalColumns(matrix: SparseMatrix): number[][] {
  const contents = Array.from({ length: matrix.columns }, (): number[] => []);
  for (let row = 0; row < matrix.rows; row += 1) {
    forEachInRow(matrix, row, (column, value) => contents[column]?.push(row, value));
  }
  const groups = new Map<string, number[]>();
  for (const [column, content] of contents.entries()) {
    if (content.length === 0) continue;
    const key = content.join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [column]);
    else group.push(column);
  }
  return [...groups.values()];
}

/** @param groups of equal columns. @returns the matrix over them in place of the columns, each as its first column has it */
export function overGroups(matrix: SparseMatrix, groups: ColumnGroups): SparseMatrix {
  const groupOf = new Map(groups.map(([first = 0], group) => [first, group]));
  const builder = rowBuilder(groups.length);
  for (let row = 0; row < matrix.rows; row += 1) {
    forEachInRow(matrix, row, (column, value) => {
      const group = groupOf.get(column);
      if (group !== undefined) builder.add(group, value);
    });
    builder.endRow();
  }
  return builder.finish();
}

/** For each layer the groups of its units that the layer behind it reads alike. */
export function pooledUnits({ layers }: PolynomialNetwork): ColumnGroups[] {
  return layers.map((_, index) => {
    const next = layers[index + 1];
    return next === undefined ? [] : equalColumns(next.matrix).filter((group) => group.length > 1);
  });
}

/**
 * A unit's values are c2 step² times what its ciphertext holds: makes these factors equal in each group by changing steps one way only.
 * @param bounds whether steps may only shrink (`most`) or only grow (`least`)
 */
export function alignSteps(
  steps: Float64Array,
  c2: Float64Array,
  { groups, bounds }: { readonly groups: ColumnGroups; readonly bounds: 'least' | 'most' },
): Float64Array {
  const aligned = steps.slice();
  for (const group of groups) {
    if (!isAlike(group, c2)) continue;
    const factors = group.map((unit) => Math.abs(c2[unit] ?? 0) * (steps[unit] ?? 1) ** 2);
    const factor = bounds === 'most' ? Math.min(...factors) : Math.max(...factors);
    for (const unit of group) aligned[unit] = Math.sqrt(factor / Math.abs(c2[unit] ?? 1));
  }
  return aligned;
}

/** Rids the factors of aligned units of the last bit in which they still differ. */
export function equalize(factors: Float64Array, groups: ColumnGroups): Float64Array {
  const equal = factors.slice();
  for (const group of groups) {
    if (!isAlike(group, factors)) continue;
    for (const unit of group) equal[unit] = factors[group[0] ?? 0] ?? 0;
  }
  return equal;
}

/** No factor is zero and all have one sign. */
function isAlike(group: readonly number[], factors: Float64Array): boolean {
  const signs = new Set(group.map((unit) => Math.sign(factors[unit] ?? 0)));
  return signs.size === 1 && !signs.has(0);
}
