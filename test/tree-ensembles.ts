import type { Tree, TreeEnsemble } from '../src/core/model/ir.ts';
import type { PlannedRanges } from '../src/core/table/range.ts';
import { openThermometer, type Thermometer } from '../src/core/plan/thermometer.ts';
import { listedEdges } from '../src/core/plan/thresholds.ts';
import { bitTrees, type BitTree } from '../src/core/plan/tree-bits.ts';
import type { DrawnEnsemble, DrawnTree } from './tree-writers.ts';

/** Values of a leaf for each output: of tree t for output t modulo the number of outputs alone, or for all of them. */
export type LeafSpread = 'one output' | 'all outputs';

/** A drawn ensemble as an importer would give it. */
export function ensembleOf(drawn: DrawnEnsemble, spread: LeafSpread = 'one output'): TreeEnsemble {
  const { outputs } = drawn;
  const trees = drawn.trees.map((tree, index) =>
    treeOf(tree, (leaf) =>
      Array.from({ length: outputs }, (_, output) => {
        if (spread === 'all outputs') return leaf * (output + 1) - output;
        return output === index % outputs ? leaf : 0;
      }),
    ),
  );
  return {
    kind: 'tree-ensemble',
    inputs: drawn.features,
    outputs,
    trees,
    base: Float64Array.from(drawn.base),
    comparison: 'float32',
  };
}

function treeOf(drawn: DrawnTree, valuesOf: (leaf: number) => number[]): Tree {
  const nodes: { feature: number; threshold: number; missingLeft: number; left: number; right: number }[] = [];
  const leaves: number[] = [];
  const visit = (tree: DrawnTree): number => {
    if (!('feature' in tree)) {
      leaves.push(...valuesOf(tree.leaf));
      return ~(leaves.length / valuesOf(tree.leaf).length - 1);
    }
    const node = { ...tree, missingLeft: Number(tree.missingLeft), left: 0, right: 0 };
    const id = nodes.push(node) - 1;
    node.left = visit(tree.left);
    node.right = visit(tree.right);
    return id;
  };
  visit(drawn);
  return {
    feature: Int32Array.from(nodes, (node) => node.feature),
    threshold: Float64Array.from(nodes, (node) => node.threshold),
    orEqual: new Uint8Array(nodes.length),
    missingLeft: Uint8Array.from(nodes, (node) => node.missingLeft),
    left: Int32Array.from(nodes, (node) => node.left),
    right: Int32Array.from(nodes, (node) => node.right),
    leafValues: Float64Array.from(leaves),
  };
}

/** The ensemble over the bits of its own thresholds, every feature possibly missing. */
export function seenTrees(ensemble: TreeEnsemble): {
  readonly thermometer: Thermometer;
  readonly trees: readonly BitTree[];
  readonly ranges: PlannedRanges;
} {
  const ranges = {
    center: new Float64Array(ensemble.inputs),
    radius: new Float64Array(ensemble.inputs).fill(16),
  };
  const missing = Array.from({ length: ensemble.inputs }, () => true);
  const spec = {
    comparison: ensemble.comparison,
    missing,
    edges: { kind: 'listed' as const, values: listedEdges(ensemble) },
  };
  const thermometer = openThermometer(spec, ranges);
  return { thermometer, trees: bitTrees(ensemble, thermometer), ranges };
}
