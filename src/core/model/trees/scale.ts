import type { TreeEnsemble } from '../ir.ts';

/** The ensemble whose scores are scale * score + offset (one offset an output): folds what a graph does to scores into leaves and base. */
export function scaleScores(ensemble: TreeEnsemble, scale: number, offset?: Float64Array): TreeEnsemble {
  return {
    ...ensemble,
    trees: ensemble.trees.map((tree) => ({ ...tree, leafValues: tree.leafValues.map((value) => value * scale) })),
    base: ensemble.base.map((value, output) => value * scale + (offset?.[output] ?? 0)),
  };
}
