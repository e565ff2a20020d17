import type { Tree, TreeEnsemble } from '../model/ir.ts';
import { edgesUpTo, missingBit, type Thermometer } from './thermometer.ts';

/**
 * A tree over bits: inner node i goes left where bit[i] is 1, or where missing[i] (unless -1) is; both are never 1 at once. Children as in
 * {@link Tree}.
 */
export interface BitTree {
  readonly bit: Int32Array;
  readonly missing: Int32Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** leaves x outputs. */
  readonly leafValues: Float64Array;
}

/** @param ensemble with every threshold an edge of the thermometer */
export function bitTrees(ensemble: TreeEnsemble, thermometer: Thermometer): BitTree[] {
  return ensemble.trees.map((tree) => bitTree(tree, thermometer));
}

function bitTree(tree: Tree, thermometer: Thermometer): BitTree {
  const bit = Int32Array.from(tree.feature, (feature, node) => {
    const place = edgesUpTo(thermometer.edges[feature] ?? new Float64Array(0), tree.threshold[node] ?? 0) - 1;
    return (thermometer.offset[feature] ?? 0) + place;
  });
  const missing = Int32Array.from(tree.feature, (feature, node) =>
    tree.missingLeft[node] === 1 ? (missingBit(thermometer, feature) ?? -1) : -1,
  );
  return { bit, missing, left: tree.left, right: tree.right, leafValues: tree.leafValues };
}

/** The longest path from a node (or leaf) down, in splits. */
export function heightOf(tree: Pick<BitTree, 'left' | 'right'>, node = tree.left.length === 0 ? -1 : 0): number {
  if (node < 0) return 0;
  return 1 + Math.max(heightOf(tree, tree.left[node] ?? -1), heightOf(tree, tree.right[node] ?? -1));
}

/** The largest size that an output's sum can have: the base and each tree's largest leaf. */
export function largestScore(trees: readonly Pick<BitTree, 'leafValues'>[], base: Float64Array): number {
  const sums = base.map((value) => Math.abs(value));
  for (const { leafValues } of trees) {
    for (const output of sums.keys()) {
      let most = 0;
      for (let index = output; index < leafValues.length; index += sums.length)
        most = Math.max(most, Math.abs(leafValues[index] ?? 0));
      sums[output] = (sums[output] ?? 0) + most;
    }
  }
  return sums.reduce((most, value) => Math.max(most, value), 0);
}

/** Trees as numbers, for tensors.bin: for each the numbers of inner nodes and leaves, four a node, then the leaf values. */
export function writeTrees(trees: readonly BitTree[]): Float64Array {
  return Float64Array.from(
    trees.flatMap(({ bit, missing, left, right, leafValues }) => [
      bit.length,
      leafValues.length,
      ...Array.from(bit, (value, node) => [value, missing[node] ?? -1, left[node] ?? -1, right[node] ?? -1]).flat(),
      ...leafValues,
    ]),
  );
}

/** The reverse of {@link writeTrees}. */
export function readTrees(numbers: Float64Array): BitTree[] {
  const trees: BitTree[] = [];
  for (let start = 0; start < numbers.length;) {
    const nodes = numbers[start] ?? 0;
    const leaves = numbers[start + 1] ?? 0;
    const table = numbers.subarray(start + 2, start + 2 + 4 * nodes);
    const column = (index: number) => Int32Array.from({ length: nodes }, (_, node) => table[4 * node + index] ?? -1);
    const end = start + 2 + 4 * nodes + leaves;
    trees.push({
      bit: column(0),
      missing: column(1),
      left: column(2),
      right: column(3),
      leafValues: numbers.slice(end - leaves, end),
    });
    start = end;
  }
  return trees;
}
