import { AppError } from '../../error.ts';
import type { NodeDraft, TreeDraft } from './draft.ts';
import { countAt, invalidAt, listAt, numbersAt, objectAt, type JsonObject, type Numbers } from './reading.ts';

/** `gradient_booster.model` of a tree booster and what it is read with. */
export interface BoosterTrees {
  readonly model: JsonObject;
  /** For messages. */
  readonly path: string;
  readonly outputs: number;
  /** Leaves of tree t count `weights[t]` times (DART). */
  readonly weights?: Numbers | undefined;
  /** The last round that predictions use, from 0 (early stopping). */
  readonly bestIteration: number | undefined;
  readonly featureLabel: (feature: number) => string;
}

/** The trees that predictions use, and how many rounds they are of how many. */
export function xgboostTrees(booster: BoosterTrees): {
  readonly drafts: Iterable<TreeDraft>;
  readonly used: number;
  readonly rounds: number;
} {
  const { model, path } = booster;
  const trees = listAt(model['trees'], `${path}.trees`);
  const groups = numbersAt(model['tree_info'], `${path}.tree_info`, trees.length);
  const params = objectAt(model['gbtree_model_param'] ?? {}, `${path}.gbtree_model_param`);
  const declared = countAt(params['num_trees'], `${path}.gbtree_model_param.num_trees`, trees.length);
  if (declared !== trees.length)
    return invalidAt(`${path}.trees`, `has ${String(trees.length)} trees where ${String(declared)} are announced`);
  if (booster.weights !== undefined && booster.weights.length !== trees.length) {
    return invalidAt(
      `${path}.weight_drop`,
      `has ${String(booster.weights.length)} entries for ${String(trees.length)} trees`,
    );
  }
  const starts = roundStarts(booster, trees.length, params);
  const rounds = starts.length - 1;
  const used = booster.bestIteration === undefined ? rounds : Math.min(rounds, booster.bestIteration + 1);
  const count = starts[used] ?? trees.length;
  return { drafts: drafts(booster, trees, { groups, count }), used, rounds };
}

/** Where each boosting round starts among the trees, and where the last one ends. 1.6 and before do not write it. */
function roundStarts({ model, path, outputs }: BoosterTrees, trees: number, params: JsonObject): Numbers {
  if (model['iteration_indptr'] === undefined) {
    const parallel = Math.max(
      1,
      countAt(params['num_parallel_tree'], `${path}.gbtree_model_param.num_parallel_tree`, 1),
    );
    const size = outputs * parallel;
    return Array.from({ length: Math.ceil(trees / size) + 1 }, (_, round) => Math.min(trees, round * size));
  }
  const starts = numbersAt(model['iteration_indptr'], `${path}.iteration_indptr`);
  for (let index = 0; index < starts.length; index += 1) {
    const start = starts[index] ?? -1;
    if (!Number.isInteger(start) || start < (starts[index - 1] ?? 0) || start > trees)
      invalidAt(`${path}.iteration_indptr`, 'is not an ascending list of trees');
  }
  if (starts.length === 0 || starts[starts.length - 1] !== trees)
    invalidAt(`${path}.iteration_indptr`, 'does not end at the last tree');
  return starts;
}

function* drafts(
  booster: BoosterTrees,
  trees: ArrayLike<unknown>,
  { groups, count }: { readonly groups: Numbers; readonly count: number },
): Generator<TreeDraft> {
  for (let index = 0; index < count; index += 1) {
    const path = `${booster.path}.trees[${String(index)}]`;
    const reader = { booster, group: groups[index] ?? -1, weight: booster.weights?.[index] ?? 1 };
    yield treeDraft(objectAt(trees[index], path), path, { ...reader, index });
  }
}

interface TreeReader {
  readonly booster: BoosterTrees;
  readonly index: number;
  /** The output to which one-valued leaves add. */
  readonly group: number;
  readonly weight: number;
}

/** The arrays of one tree, an entry a node; deleted nodes stay in them but nothing leads there. */
interface TreeArrays {
  readonly left: Numbers;
  readonly right: Numbers;
  readonly features: Numbers;
  /** Thresholds of splits, values of leaves. */
  readonly conditions: Numbers;
  readonly defaultLeft: Numbers;
  readonly splitTypes: Numbers | undefined;
  /** Leaves of several values: those of leaf k start at k * leafSize. */
  readonly leafWeights: Numbers | undefined;
  readonly leafSize: number;
}

function treeDraft(tree: JsonObject, path: string, reader: TreeReader): TreeDraft {
  const arrays = readArrays(tree, path, reader);
  const name = `tree ${String(reader.index)}`;
  return {
    name,
    root: 0,
    node: (id) => {
      if (!Number.isInteger(id) || id < 0 || id >= arrays.left.length) return undefined;
      return arrays.left[id] === -1 ? leafOf(arrays, id, reader) : splitOf(arrays, id, { name, reader });
    },
  };
}

function readArrays(tree: JsonObject, path: string, { booster }: TreeReader): TreeArrays {
  const params = objectAt(tree['tree_param'] ?? {}, `${path}.tree_param`);
  const left = numbersAt(tree['left_children'], `${path}.left_children`);
  const count = countAt(params['num_nodes'], `${path}.tree_param.num_nodes`, left.length);
  if (count !== left.length)
    return invalidAt(`${path}.left_children`, `has ${String(left.length)} entries where ${String(count)} are needed`);
  const array = (key: string) => numbersAt(tree[key], `${path}.${key}`, count);
  const leafSize = Math.max(1, countAt(params['size_leaf_vector'], `${path}.tree_param.size_leaf_vector`, 1));
  return {
    left,
    right: array('right_children'),
    features: array('split_indices'),
    conditions: array('split_conditions'),
    defaultLeft: array('default_left'),
    splitTypes: tree['split_type'] === undefined ? undefined : array('split_type'),
    leafWeights: leafSize === 1 ? undefined : leafWeights(tree, path, { leafSize, outputs: booster.outputs }),
    leafSize,
  };
}

function leafWeights(
  tree: JsonObject,
  path: string,
  { leafSize, outputs }: { readonly leafSize: number; readonly outputs: number },
): Numbers {
  if (leafSize !== outputs)
    return invalidAt(
      `${path}.tree_param.size_leaf_vector`,
      `is ${String(leafSize)} where the model has ${String(outputs)} outputs`,
    );
  if (tree['leaf_weights'] !== undefined) return numbersAt(tree['leaf_weights'], `${path}.leaf_weights`);
  throw new AppError(
    'model.unsupported',
    'The model has trees with several outputs (multi_output_tree) in the format of an older XGBoost.',
    {
      hint: 'Load and save it with XGBoost 3.1 or newer, or train with multi_strategy="one_output_per_tree".',
    },
  );
}

function leafOf(arrays: TreeArrays, id: number, { booster, group, weight }: TreeReader): NodeDraft {
  if (arrays.leafWeights === undefined) {
    return { kind: 'leaf', outputs: [group], values: [(arrays.conditions[id] ?? Number.NaN) * weight] };
  }
  const outputs = Array.from({ length: booster.outputs }, (_, output) => output);
  const start = (arrays.right[id] ?? Number.NaN) * arrays.leafSize;
  return {
    kind: 'leaf',
    outputs,
    values: outputs.map((output) => (arrays.leafWeights?.[start + output] ?? Number.NaN) * weight),
  };
}

function splitOf(
  arrays: TreeArrays,
  id: number,
  { name, reader }: { readonly name: string; readonly reader: TreeReader },
): NodeDraft {
  const feature = arrays.features[id] ?? -1;
  if (arrays.splitTypes?.[id] === 1) {
    const label = reader.booster.featureLabel(feature);
    throw new AppError(
      'model.unsupported',
      `The model splits ${label} by categories (${name}, node ${String(id)}), which is not supported.`,
      {
        hint: 'Encode the categories as numbers (one-hot) before training.',
      },
    );
  }
  return {
    kind: 'split',
    feature,
    test: '<',
    threshold: arrays.conditions[id] ?? Number.NaN,
    missingYes: arrays.defaultLeft[id] === 1,
    yes: arrays.left[id] ?? -1,
    no: arrays.right[id] ?? -1,
  };
}
