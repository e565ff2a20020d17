import type { TreeEnsembleAttributes } from '../src/core/model/trees/onnx-attributes.ts';
import { flatten, type DrawnEnsemble, type DrawnTree, type FlatNode } from './tree-writers.ts';

/** The largest float32 below. */
function below32(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  if (value === 0) return -1.401298464324817e-45;
  view.setFloat32(0, value);
  view.setInt32(0, view.getInt32(0) + (value > 0 ? -1 : 1));
  return view.getFloat32(0);
}

/** The same split in one of four spellings; `way` chooses. */
function spelled(node: Extract<DrawnTree, { feature: number }>, way: number) {
  const swapped = way % 2 === 1;
  const strict = way < 2;
  const mode = swapped ? (strict ? 'BRANCH_GTE' : 'BRANCH_GT') : strict ? 'BRANCH_LT' : 'BRANCH_LEQ';
  return {
    mode,
    swapped,
    threshold: strict ? node.threshold : below32(node.threshold),
    tracksTrue: Number(node.missingLeft !== swapped),
  };
}

type Lists = Record<string, number[]>;

/** Appends one value to each list; gives the position. */
function append(lists: Lists, values: Readonly<Record<string, number>>): number {
  let position = 0;
  for (const [name, value] of Object.entries(values)) position = (lists[name] ??= []).push(value) - 1;
  return position;
}

/** TreeEnsembleRegressor of ai.onnx.ml 1 … 4, node modes mixed; the nodes of all trees in one list. */
export function classicAttributes({ features, outputs, trees, base }: DrawnEnsemble): TreeEnsembleAttributes {
  const modes: string[] = [];
  const numbers: Lists = { n_targets: [outputs], base_values: [...base] };
  for (const [treeId, tree] of trees.entries()) {
    for (const [nodeId, flat] of flatten(tree).entries()) {
      append(numbers, { nodes_treeids: treeId, nodes_nodeids: nodeId });
      if ('feature' in flat.node) {
        const { mode, ...lists } = classicSplit(flat.node, flat, modes.length % 4);
        modes.push(mode);
        append(numbers, lists);
        continue;
      }
      modes.push('LEAF');
      append(numbers, emptyNode);
      const weight = { target_ids: treeId % outputs, target_weights: flat.node.leaf };
      append(numbers, { target_treeids: treeId, target_nodeids: nodeId, ...weight });
    }
  }
  const node = 'node "trees" (TreeEnsembleRegressor)';
  const texts = { nodes_modes: modes };
  return { operator: 'TreeEnsembleRegressor', node, inputs: features, elementType: 'float32', numbers, texts };
}

/** What a leaf has in the lists of splits: ids of 0, which mean nothing. */
const emptyNode = {
  nodes_featureids: 0,
  nodes_values: 0,
  nodes_truenodeids: 0,
  nodes_falsenodeids: 0,
  nodes_missing_value_tracks_true: 0,
};

function classicSplit(node: Extract<DrawnTree, { feature: number }>, { left, right }: FlatNode, way: number) {
  const { mode, swapped, threshold, tracksTrue } = spelled(node, way);
  return {
    mode,
    nodes_featureids: node.feature,
    nodes_values: threshold,
    nodes_truenodeids: swapped ? right : left,
    nodes_falsenodeids: swapped ? left : right,
    nodes_missing_value_tracks_true: tracksTrue,
  };
}

const modeNumbers: Readonly<Record<string, number>> = { BRANCH_LEQ: 0, BRANCH_LT: 1, BRANCH_GTE: 2, BRANCH_GT: 3 };

/** TreeEnsemble of ai.onnx.ml 5, which has no base values: they are trees of one leaf. */
export function modernAttributes({ features, outputs, trees, base }: DrawnEnsemble): TreeEnsembleAttributes {
  const numbers: Lists = { n_targets: [outputs] };
  const all = [...trees, ...base.map((value) => ({ leaf: value }))];
  numbers['tree_roots'] = all.map((tree, index) => addTree(numbers, tree, index % outputs));
  const node = 'node "trees" (TreeEnsemble)';
  return { operator: 'TreeEnsemble', node, inputs: features, elementType: 'float32', numbers, texts: {} };
}

function addTree(numbers: Lists, tree: DrawnTree, output: number): number {
  if ('feature' in tree) return addSplit(numbers, tree, output);
  const leaf = addLeaf(numbers, tree.leaf, output);
  const both = { nodes_trueleafs: 1, nodes_truenodeids: leaf, nodes_falseleafs: 1, nodes_falsenodeids: leaf };
  return append(numbers, {
    nodes_modes: 0,
    nodes_featureids: 0,
    nodes_splits: 0,
    nodes_missing_value_tracks_true: 0,
    ...both,
  });
}

function addSplit(numbers: Lists, tree: Extract<DrawnTree, { feature: number }>, output: number): number {
  const { mode, swapped, threshold, tracksTrue } = spelled(tree, (numbers['nodes_modes']?.length ?? 0) % 4);
  const sides = { nodes_trueleafs: 0, nodes_truenodeids: 0, nodes_falseleafs: 0, nodes_falsenodeids: 0 };
  const split = {
    nodes_featureids: tree.feature,
    nodes_splits: threshold,
    nodes_missing_value_tracks_true: tracksTrue,
  };
  const at = append(numbers, { nodes_modes: modeNumbers[mode] ?? 0, ...split, ...sides });
  for (const side of ['true', 'false'] as const) {
    const child = (side === 'true') === swapped ? tree.right : tree.left;
    const isLeaf = 'leaf' in child;
    const id = isLeaf ? addLeaf(numbers, child.leaf, output) : addSplit(numbers, child, output);
    (numbers[`nodes_${side}leafs`] ?? [])[at] = Number(isLeaf);
    (numbers[`nodes_${side}nodeids`] ?? [])[at] = id;
  }
  return at;
}

function addLeaf(numbers: Lists, value: number, output: number): number {
  return append(numbers, { leaf_targetids: output, leaf_weights: value });
}
