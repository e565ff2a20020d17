import { maxSplits } from './assemble.ts';
import type { NodeDraft, SplitTest, TreeDraft } from './draft.ts';
import {
  invalidTrees,
  numbersOf,
  optionalNumbers,
  unsupportedTrees,
  wrongLength,
  type TreeEnsembleAttributes,
} from './onnx-attributes.ts';
import type { Numbers } from './reading.ts';

const tests: Readonly<Record<string, SplitTest>> = {
  BRANCH_LEQ: '<=',
  BRANCH_LT: '<',
  BRANCH_GTE: '>=',
  BRANCH_GT: '>',
  BRANCH_EQ: '==',
  BRANCH_NEQ: '!=',
};

/** In the order of TreeEnsemble's numbers (ai.onnx.ml 5). */
const modeNames = [...Object.keys(tests), 'BRANCH_MEMBER'];

/** The modes of an ensemble's nodes, leaves left out, and the trees themselves. */
export interface OnnxNodes {
  readonly drafts: readonly TreeDraft[];
  readonly tests: ReadonlySet<SplitTest>;
}

function testOf(attributes: TreeEnsembleAttributes, mode: string): SplitTest {
  const test = Object.hasOwn(tests, mode) ? tests[mode] : undefined;
  if (test !== undefined) return test;
  throw unsupportedTrees(
    attributes,
    `its node mode "${mode}" is not supported`,
    `Supported modes are ${Object.keys(tests).join(', ')} and LEAF.`,
  );
}

/** A split's draft; without a missing direction NaN fails every comparison but `!=`, which it passes. */
function split(
  node: Omit<Extract<NodeDraft, { kind: 'split' }>, 'kind' | 'missingYes'>,
  tracksTrue: number | undefined,
): NodeDraft {
  return { kind: 'split', ...node, missingYes: tracksTrue === 1 || node.test === '!=' };
}

/**
 * The trees of TreeEnsembleClassifier and TreeEnsembleRegressor: nodes keyed by tree and node id, a tree's root the one that is no
 * node's child. Leaves may have any number of weights.
 * @param prefix of the weights' lists: `class` or `target`
 */
export function classicNodes(attributes: TreeEnsembleAttributes, prefix: 'class' | 'target'): OnnxNodes {
  const modes = attributes.texts['nodes_modes'] ?? [];
  const count = modes.length;
  const list = (name: string) => numbersOf(attributes, name, count);
  const [treeIds, nodeIds, features, yes, no] = [
    list('nodes_treeids'),
    list('nodes_nodeids'),
    list('nodes_featureids'),
    list('nodes_truenodeids'),
    list('nodes_falsenodeids'),
  ];
  const thresholds = list('nodes_values');
  const tracksTrue = missingDirections(attributes, count);
  const parsed = modes.map((mode) => (mode === 'LEAF' ? undefined : testOf(attributes, mode)));
  const index = indexTrees(attributes, treeIds, nodeIds);
  const leaves = leafWeights(attributes, prefix, index);
  const draft = (tree: number, nodes: ReadonlyMap<number, number>): TreeDraft => ({
    name: `tree ${String(tree)} of ${attributes.node}`,
    // A root is told by having no parent: a circle beside it must not go unnoticed.
    splits: [...nodes.values()].filter((position) => parsed[position] !== undefined).length,
    root: rootOf(attributes, tree, { nodes, isLeaf: (position) => parsed[position] === undefined, yes, no }),
    node: (id) => {
      const at = nodes.get(id);
      if (at === undefined) return undefined;
      const test = parsed[at];
      if (test === undefined) return leaves.get(at) ?? { kind: 'leaf', outputs: [], values: [] };
      return split(
        {
          feature: features[at] ?? -1,
          test,
          threshold: thresholds[at] ?? Number.NaN,
          yes: yes[at] ?? -1,
          no: no[at] ?? -1,
        },
        tracksTrue?.[at],
      );
    },
  });
  return {
    drafts: Array.from(index, ([tree, nodes]) => draft(tree, nodes)),
    tests: new Set(parsed.filter((test) => test !== undefined)),
  };
}

function missingDirections(attributes: TreeEnsembleAttributes, count: number): Numbers | undefined {
  const list = optionalNumbers(attributes, 'nodes_missing_value_tracks_true');
  return list === undefined || list.length === count
    ? list
    : wrongLength(attributes, 'nodes_missing_value_tracks_true', { has: list.length, needs: count });
}

/** Tree id -> node id -> position in the lists; trees in the order in which they appear. */
type TreeIndex = ReadonlyMap<number, ReadonlyMap<number, number>>;

function indexTrees(attributes: TreeEnsembleAttributes, treeIds: Numbers, nodeIds: Numbers): TreeIndex {
  const trees = new Map<number, Map<number, number>>();
  for (let position = 0; position < treeIds.length; position += 1) {
    const tree = treeIds[position] ?? -1;
    const node = nodeIds[position] ?? -1;
    const nodes = trees.get(tree) ?? new Map<number, number>();
    if (nodes.has(node)) throw invalidTrees(attributes, `tree ${String(tree)} has node ${String(node)} twice`);
    nodes.set(node, position);
    trees.set(tree, nodes);
  }
  return trees;
}

interface RootSearch {
  readonly nodes: ReadonlyMap<number, number>;
  readonly isLeaf: (position: number) => boolean;
  readonly yes: Numbers;
  readonly no: Numbers;
}

/** Leaves have meaningless child ids (0), so only those of splits count. With several candidates the first in the file is meant. */
function rootOf(attributes: TreeEnsembleAttributes, tree: number, { nodes, isLeaf, yes, no }: RootSearch): number {
  const children = new Set<number>();
  for (const position of nodes.values()) {
    if (!isLeaf(position)) children.add(yes[position] ?? -1).add(no[position] ?? -1);
  }
  for (const id of nodes.keys()) if (!children.has(id)) return id;
  throw invalidTrees(attributes, `tree ${String(tree)} has no root: its nodes form a cycle`);
}

function leafWeights(
  attributes: TreeEnsembleAttributes,
  prefix: string,
  index: TreeIndex,
): ReadonlyMap<number, Extract<NodeDraft, { kind: 'leaf' }>> {
  const weights = optionalNumbers(attributes, `${prefix}_weights`) ?? [];
  const list = (name: string) => numbersOf(attributes, `${prefix}_${name}`, weights.length);
  const [treeIds, nodeIds, outputs] = [list('treeids'), list('nodeids'), list('ids')];
  const leaves = new Map<number, { kind: 'leaf'; outputs: number[]; values: number[] }>();
  for (let entry = 0; entry < weights.length; entry += 1) {
    const position = leafPosition(attributes, index, { tree: treeIds[entry] ?? -1, node: nodeIds[entry] ?? -1 });
    const leaf = leaves.get(position) ?? { kind: 'leaf', outputs: [], values: [] };
    leaf.outputs.push(outputs[entry] ?? -1);
    leaf.values.push(weights[entry] ?? Number.NaN);
    leaves.set(position, leaf);
  }
  return leaves;
}

function leafPosition(
  attributes: TreeEnsembleAttributes,
  index: TreeIndex,
  { tree, node }: { readonly tree: number; readonly node: number },
): number {
  const place = `node ${String(node)} of tree ${String(tree)}`;
  const position = index.get(tree)?.get(node);
  if (position === undefined) throw invalidTrees(attributes, `a weight belongs to ${place}, which is not there`);
  if (attributes.texts['nodes_modes']?.[position] === 'LEAF') return position;
  throw invalidTrees(attributes, `${place} has a weight but is no leaf`);
}

/**
 * The trees of TreeEnsemble (ai.onnx.ml 5): inner nodes and leaves in lists of their own. Node ids are positions of inner nodes; the
 * yes side of node i that is a leaf is ~(2 i), its no side ~(2 i + 1), so that sides may share a leaf.
 */
export function modernNodes(attributes: TreeEnsembleAttributes): OnnxNodes {
  const modes = optionalNumbers(attributes, 'nodes_modes') ?? [];
  if (modes.length > maxSplits)
    throw unsupportedTrees(
      attributes,
      `it has more than ${String(maxSplits / 1e6)} million splits`,
      'Train fewer or shallower trees.',
    );
  const list = (name: string) => numbersOf(attributes, name, modes.length);
  const sides = [
    { leaf: list('nodes_trueleafs'), child: list('nodes_truenodeids') },
    { leaf: list('nodes_falseleafs'), child: list('nodes_falsenodeids') },
  ] as const;
  const features = list('nodes_featureids');
  const thresholds = list('nodes_splits');
  const tracksTrue = missingDirections(attributes, modes.length);
  const weights = optionalNumbers(attributes, 'leaf_weights') ?? [];
  const targets = numbersOf(attributes, 'leaf_targetids', weights.length);
  const parsed = Array.from(modes, (mode) => testOf(attributes, modeNames[mode] ?? String(mode)));

  const leafAt = (position: number | undefined): NodeDraft | undefined => {
    const value = weights[position ?? -1];
    return value === undefined
      ? undefined
      : { kind: 'leaf', outputs: [targets[position ?? -1] ?? -1], values: [value] };
  };
  const side = (node: number, which: 0 | 1) =>
    sides[which].leaf[node] === 0 ? innerId(sides[which].child[node]) : ~(2 * node + which);
  const node = (id: number): NodeDraft | undefined => {
    if (id < 0) return leafAt(sides[(~id & 1) === 0 ? 0 : 1].child[~id >> 1]);
    const test = parsed[id];
    if (test === undefined) return undefined;
    const [yes, no] = [side(id, 0), side(id, 1)];
    // A tree of one leaf is written as a split with that leaf on both sides.
    if (yes < 0 && no < 0 && sides[0].child[id] === sides[1].child[id]) return leafAt(sides[0].child[id]);
    return split(
      { feature: features[id] ?? -1, test, threshold: thresholds[id] ?? Number.NaN, yes, no },
      tracksTrue?.[id],
    );
  };
  const roots = Array.from(optionalNumbers(attributes, 'tree_roots') ?? [], innerId);
  return {
    drafts: roots.map((root, index) => ({ name: `tree ${String(index)} of ${attributes.node}`, root, node })),
    tests: new Set(parsed),
  };
}

/** Ids below 0 stand for leaves here; in a file they stand for nothing. */
function innerId(id: number | undefined): number {
  return id !== undefined && id >= 0 ? id : Number.NaN;
}
