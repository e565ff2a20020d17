import type { SparseMatrix } from '../model/ir.ts';
import { rowBuilder } from '../model/sparse.ts';
import { equalColumns, overGroups, type ColumnGroups } from './pooling.ts';
import type { RoundedLayer } from './rounding.ts';

/** Layers with sums of their own for units that are read alike, wherever that takes fewer terms. What the layers compute is the same. */
export function poolUnits(layers: readonly RoundedLayer[]): RoundedLayer[] {
  return layers.flatMap((layer, index) => {
    const groups = index === 0 ? [] : equalColumns(layer.matrix);
    const pooled = groups.length === 0 ? layer.matrix : overGroups(layer.matrix, groups);
    const sums = groups.reduce((sum, group) => sum + group.length, 0);
    if (pooled.values.length + sums >= layer.matrix.values.length) return [layer];
    const bias = new Float64Array(groups.length);
    return [
      { name: `sums for ${layer.name}`, matrix: sumMatrix(groups, layer.matrix.columns), bias },
      { ...layer, matrix: pooled },
    ];
  });
}

/** A row a group, of ones. */
function sumMatrix(groups: ColumnGroups, columns: number): SparseMatrix {
  const builder = rowBuilder(columns);
  for (const group of groups) {
    for (const column of group) builder.add(column, 1);
    builder.endRow();
  }
  return builder.finish();
}
