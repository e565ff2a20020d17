import fc from 'fast-check';

/** A tree as a test draws it: left where float32(x) < threshold, a missing value by `missingLeft`. */
export type DrawnTree =
  | { readonly leaf: number }
  | {
      readonly feature: number;
      readonly threshold: number;
      readonly missingLeft: boolean;
      readonly left: DrawnTree;
      readonly right: DrawnTree;
    };

/** Tree t adds to output t mod outputs; there are as many trees for each. */
export interface DrawnEnsemble {
  readonly features: number;
  readonly outputs: number;
  readonly trees: readonly DrawnTree[];
  readonly base: readonly number[];
}

/** Few values, so that rows often meet a threshold exactly; all are float32. */
const halves = fc.integer({ min: -4, max: 4 }).map((value) => value / 2);

function treeArbitrary(features: number): fc.Arbitrary<DrawnTree> {
  return fc.letrec<{ tree: DrawnTree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.record({ leaf: fc.integer({ min: -40, max: 40 }).map((value) => value / 8) }),
      fc.record({
        feature: fc.integer({ min: 0, max: features - 1 }),
        threshold: halves,
        missingLeft: fc.boolean(),
        left: tie('tree'),
        right: tie('tree'),
      }),
    ),
  })).tree;
}

export const ensembleArbitrary: fc.Arbitrary<DrawnEnsemble> = fc
  .record({
    features: fc.integer({ min: 1, max: 4 }),
    outputs: fc.constantFrom(1, 1, 3),
    rounds: fc.integer({ min: 1, max: 3 }),
  })
  .chain(({ features, outputs, rounds }) =>
    fc.record({
      features: fc.constant(features),
      outputs: fc.constant(outputs),
      trees: fc.array(treeArbitrary(features), { minLength: rounds * outputs, maxLength: rounds * outputs }),
      base: fc.array(halves, { minLength: outputs, maxLength: outputs }),
    }),
  );

export function rowsArbitrary(features: number): fc.Arbitrary<number[][]> {
  const cell = fc.oneof({ weight: 8, arbitrary: halves }, { weight: 1, arbitrary: fc.constant(Number.NaN) });
  return fc.array(fc.array(cell, { minLength: features, maxLength: features }), { minLength: 1, maxLength: 8 });
}

/** The definition, read aloud. */
export function naiveScores({ outputs, trees, base }: DrawnEnsemble, row: readonly number[]): number[] {
  const scores = [...base];
  for (const [index, tree] of trees.entries()) {
    let node = tree;
    while ('feature' in node) {
      const value = row[node.feature] ?? Number.NaN;
      const goesLeft = Number.isNaN(value) ? node.missingLeft : value < node.threshold;
      node = goesLeft ? node.left : node.right;
    }
    const output = index % outputs;
    scores[output] = (scores[output] ?? 0) + node.leaf;
  }
  return scores;
}

export interface FlatNode {
  readonly node: DrawnTree;
  readonly left: number;
  readonly right: number;
}

/** Nodes in preorder; leaves have children -1. */
export function flatten(tree: DrawnTree): FlatNode[] {
  const nodes: FlatNode[] = [];
  const visit = (node: DrawnTree): number => {
    const id = nodes.push({ node, left: -1, right: -1 }) - 1;
    if ('feature' in node) nodes[id] = { node, left: visit(node.left), right: visit(node.right) };
    return id;
  };
  visit(tree);
  return nodes;
}

const of = <T>(
  nodes: readonly FlatNode[],
  inner: (node: Extract<DrawnTree, { feature: number }>, flat: FlatNode) => T,
  leaf: (value: number) => T,
): T[] => nodes.map((flat) => ('feature' in flat.node ? inner(flat.node, flat) : leaf(flat.node.leaf)));

/** As XGBoost 3 writes it, parsed. */
export function xgboostDocument({ features, outputs, trees, base }: DrawnEnsemble): Record<string, unknown> {
  const written = trees.map((tree) => {
    const nodes = flatten(tree);
    return {
      left_children: nodes.map(({ left }) => left),
      right_children: nodes.map(({ right }) => right),
      split_indices: of(
        nodes,
        ({ feature }) => feature,
        () => 0,
      ),
      split_conditions: of(
        nodes,
        ({ threshold }) => threshold,
        (leaf) => leaf,
      ),
      default_left: of(
        nodes,
        ({ missingLeft }) => Number(missingLeft),
        () => 0,
      ),
      split_type: nodes.map(() => 0),
      tree_param: { num_nodes: String(nodes.length), size_leaf_vector: '1' },
    };
  });
  const model = {
    gbtree_model_param: { num_trees: String(trees.length), num_parallel_tree: '1' },
    iteration_indptr: Array.from({ length: trees.length / outputs + 1 }, (_, round) => round * outputs),
    tree_info: trees.map((_, index) => index % outputs),
    trees: written,
  };
  return {
    version: [3, 2, 0],
    learner: {
      attributes: {},
      feature_names: [],
      gradient_booster: { name: 'gbtree', model },
      learner_model_param: {
        base_score: `[${base.map((value) => value.toExponential()).join(',')}]`,
        num_class: outputs === 1 ? '0' : String(outputs),
        num_feature: String(features),
        num_target: '1',
      },
      objective: { name: outputs === 1 ? 'reg:squarederror' : 'multi:softprob' },
    },
  };
}

const typed: Readonly<Record<string, 'd' | 'l' | 'L' | 'U'>> = {
  left_children: 'l',
  right_children: 'l',
  split_indices: 'l',
  split_conditions: 'd',
  default_left: 'U',
  split_type: 'U',
  tree_info: 'l',
  iteration_indptr: 'L',
  version: 'L',
};

/** UBJSON with the types that XGBoost uses for each key. */
export function encodeUbjson(value: unknown, key = ''): number[] {
  if (typeof value === 'string') return [0x53, ...length(value.length), ...new TextEncoder().encode(value)];
  if (Array.isArray(value)) {
    const type = typed[key];
    if (type === undefined)
      return [0x5b, 0x23, ...length(value.length), ...value.flatMap((entry) => encodeUbjson(entry))];
    return [
      0x5b,
      0x24,
      type.charCodeAt(0),
      0x23,
      ...length(value.length),
      ...value.flatMap((entry) => number(type, Number(entry))),
    ];
  }
  const entries = Object.entries(value as Record<string, unknown>);
  return [
    0x7b,
    ...entries.flatMap(([name, entry]) => [
      ...length(name.length),
      ...new TextEncoder().encode(name),
      ...encodeUbjson(entry, name),
    ]),
    0x7d,
  ];
}

function length(value: number): number[] {
  return [0x4c, ...number('L', value)];
}

function number(type: 'd' | 'l' | 'L' | 'U', value: number): number[] {
  const view = new DataView(new ArrayBuffer(8));
  if (type === 'd') view.setFloat32(0, value);
  else if (type === 'l') view.setInt32(0, value);
  else if (type === 'L') view.setBigInt64(0, BigInt(value));
  else view.setUint8(0, value);
  return [...new Uint8Array(view.buffer, 0, { d: 4, l: 4, L: 8, U: 1 }[type])];
}

/** The largest double below. */
function below(value: number): number {
  const view = new DataView(new ArrayBuffer(8));
  if (value === 0) return -Number.MIN_VALUE;
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 ? -1n : 1n));
  return view.getFloat64(0);
}

/** LightGBM text; base scores become trees of one leaf. */
export function lightgbmText({ features, outputs, trees, base }: DrawnEnsemble): string {
  const all = [...trees, ...base.map((leaf) => ({ leaf }))];
  const blocks = all.map((tree, index) => `Tree=${String(index)}\n${lightgbmTree(tree)}\n\n\n`);
  const header = [
    'tree',
    'version=v4',
    `num_class=${String(outputs)}`,
    `num_tree_per_iteration=${String(outputs)}`,
    `max_feature_idx=${String(features - 1)}`,
    `objective=${outputs === 1 ? 'regression' : `multiclass num_class:${String(outputs)}`}`,
    `feature_names=${Array.from({ length: features }, (_, index) => `Column_${String(index)}`).join(' ')}`,
    `tree_sizes=${blocks.map((block) => block.length).join(' ')}`,
  ];
  return `${header.join('\n')}\n\n${blocks.join('')}end of trees\n\nparameters:\nend of parameters\n`;
}

function lightgbmTree(tree: DrawnTree): string {
  const nodes = flatten(tree);
  let [inners, ends] = [0, 0];
  // Inner nodes are numbered from 0 upwards, leaves from -1 downwards.
  const numbering = nodes.map(({ node }) => ('feature' in node ? inners++ : ~ends++));
  const inner = nodes.flatMap((flat) =>
    'feature' in flat.node ? [{ ...flat.node, ...{ l: flat.left, r: flat.right } }] : [],
  );
  const leaves = nodes.flatMap(({ node }) => ('feature' in node ? [] : [node.leaf]));
  const lines = [
    `num_leaves=${String(leaves.length)}`,
    'num_cat=0',
    `split_feature=${inner.map(({ feature }) => feature).join(' ')}`,
    `threshold=${inner.map(({ threshold }) => below(threshold)).join(' ')}`,
    `decision_type=${inner.map(({ missingLeft }) => (missingLeft ? 10 : 8)).join(' ')}`,
    `left_child=${inner.map(({ l }) => numbering[l]).join(' ')}`,
    `right_child=${inner.map(({ r }) => numbering[r]).join(' ')}`,
    `leaf_value=${leaves.join(' ')}`,
    'is_linear=0',
    'shrinkage=1',
  ];
  return lines.join('\n');
}
