import type { Tree, TreeEnsemble } from '../model/ir.ts';
import { nextAbove, type Thermometer } from './thermometer.ts';

/** An ensemble whose splits are all `x < threshold` with finite thresholds: what a thermometer can tell. */
export function strictThresholds(ensemble: TreeEnsemble): TreeEnsemble {
  const precise = (value: number) => (ensemble.comparison === 'float32' ? Math.fround(value) : value);
  const strict = (tree: Tree): Tree => ({
    ...tree,
    threshold: tree.threshold.map((value, node) => {
      const edge = tree.orEqual[node] === 1 ? nextAbove(precise(value), ensemble.comparison) : precise(value);
      // Every planned value lies between the largest finite numbers.
      return Math.min(Math.max(edge, -Number.MAX_VALUE), Number.MAX_VALUE);
    }),
    orEqual: new Uint8Array(tree.orEqual.length),
  });
  return { ...ensemble, trees: ensemble.trees.map(strict) };
}

/** The distinct thresholds of each feature, ascending. */
export function listedEdges({ inputs, trees }: TreeEnsemble): number[][] {
  const sets = Array.from({ length: inputs }, () => new Set<number>());
  for (const { feature, threshold } of trees) {
    for (const [node, index] of feature.entries()) sets[index]?.add(threshold[node] ?? 0);
  }
  return sets.map((set) => [...set].sort((a, b) => a - b));
}

/** What the calibration rows say of the features: each column ascending, missing values left out. */
export type SortedColumns = readonly Float64Array[];

/** @param features rows x inputs */
export function sortColumns(
  features: Float64Array,
  rows: number,
  ensemble: Pick<TreeEnsemble, 'inputs' | 'comparison'>,
): SortedColumns {
  const values = ensemble.comparison === 'float32' ? Float32Array.from(features) : features;
  return Array.from({ length: ensemble.inputs }, (_, feature) =>
    Float64Array.from({ length: rows }, (_, row) => values[row * ensemble.inputs + feature] ?? Number.NaN)
      .filter((value) => !Number.isNaN(value))
      .sort(),
  );
}

/**
 * Each split moved to one of the two edges around it: the one that sends fewer calibration rows elsewhere, the nearer one where that does
 * not decide.
 */
export function moveThresholds(ensemble: TreeEnsemble, { edges }: Thermometer, columns: SortedColumns): TreeEnsemble {
  const moved = (tree: Tree): Tree => ({
    ...tree,
    threshold: tree.threshold.map((value, node) => {
      const feature = tree.feature[node] ?? 0;
      return bestEdge(edges[feature] ?? new Float64Array(0), value, columns[feature] ?? new Float64Array(0));
    }),
  });
  return { ...ensemble, trees: ensemble.trees.map(moved) };
}

function bestEdge(edges: Float64Array, threshold: number, column: Float64Array): number {
  const above = edgesBelow(edges, threshold);
  const candidates = [edges[above - 1], edges[above]].filter((edge) => edge !== undefined);
  const cost = (edge: number) => Math.abs(edgesBelow(column, edge) - edgesBelow(column, threshold));
  const [best] = candidates.sort((a, b) => cost(a) - cost(b) || Math.abs(a - threshold) - Math.abs(b - threshold));
  if (best === undefined) throw new RangeError('a grid has at least one edge a feature');
  return best;
}

/** How many of an ascending list are < value. */
function edgesBelow(list: Float64Array, value: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
