import type { Tree, TreeEnsemble } from '../ir.ts';

/**
 * The reference evaluation of an ensemble in the clear: base + the sum of the leaves reached, in double precision. Features are
 * rounded to float32 first where the library compares so; NaN is a missing value and goes where each node sends it.
 * @param features rows x ensemble.inputs, row by row; borrowed
 * @returns rows x ensemble.outputs, row by row
 */
export function treeScores(ensemble: TreeEnsemble, features: Float64Array, rows: number): Float64Array {
  const { inputs, outputs, trees, base } = ensemble;
  const values = ensemble.comparison === 'float32' ? Float32Array.from(features) : features;
  const scores = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row += 1) scores.set(base, row * outputs);
  // Tree by tree, so that one tree's nodes stay in the cache for all rows.
  for (const tree of trees) {
    for (let row = 0; row < rows; row += 1) {
      const leaf = reachedLeaf(tree, values, row * inputs);
      for (let output = 0; output < outputs; output += 1) {
        const position = row * outputs + output;
        scores[position] = (scores[position] ?? 0) + (tree.leafValues[leaf * outputs + output] ?? 0);
      }
    }
  }
  return scores;
}

/** The leaf that the row starting at `start` of `values` falls into; values are compared as they stand. */
function reachedLeaf(tree: Tree, values: Float64Array | Float32Array, start: number): number {
  let node = tree.feature.length === 0 ? -1 : 0;
  while (node >= 0) {
    const value = values[start + (tree.feature[node] ?? 0)] ?? Number.NaN;
    const children = goesLeft(tree, node, value) ? tree.left : tree.right;
    node = children[node] ?? -1;
  }
  return ~node;
}

function goesLeft(tree: Tree, node: number, value: number): boolean {
  if (Number.isNaN(value)) return tree.missingLeft[node] === 1;
  const threshold = tree.threshold[node] ?? Number.NaN;
  return tree.orEqual[node] === 1 ? value <= threshold : value < threshold;
}
