import type { ClassLabel, Link, Task, TreeEnsemble } from '../ir.ts';
import { assembleTrees } from './assemble.ts';
import {
  invalidTrees,
  optionalNumbers,
  unsupportedTrees,
  wrongLength,
  type TreeEnsembleAttributes,
} from './onnx-attributes.ts';
import { classicNodes, modernNodes, type OnnxNodes } from './onnx-nodes.ts';
import { scaleScores } from './scale.ts';

export interface OnnxTrees {
  readonly ensemble: TreeEnsemble;
  /** What the node itself makes of the scores; the graph behind it may say more (labels, an exponential). */
  readonly task: Task;
  /**
   * Whether the trees have a rule for missing values. skl2onnx writes none for scikit-learn's forests, even for those that have one,
   * and they cannot be told from trees that send every missing value to the same side.
   */
  readonly missing: 'keep' | 'refuse';
}

/** In the order of TreeEnsemble's numbers (ai.onnx.ml 5). */
const aggregates = ['AVERAGE', 'SUM', 'MIN', 'MAX'];
const transforms = ['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO', 'PROBIT'];

const maxOutputs = 100_000;

/**
 * The trees of a TreeEnsembleClassifier, TreeEnsembleRegressor (ai.onnx.ml 1 … 4) or TreeEnsemble (5) node.
 * @throws {AppError} `model.invalid` (lists of different lengths, cycles, nodes that are not there, …) and `model.unsupported`
 * (BRANCH_MEMBER, MIN, MAX, PROBIT, SOFTMAX_ZERO), naming the node
 */
export function importOnnxTrees(attributes: TreeEnsembleAttributes): OnnxTrees {
  switch (attributes.operator) {
    case 'TreeEnsembleClassifier':
      return classifier(attributes);
    case 'TreeEnsembleRegressor':
      return regressor(attributes, classicNodes(attributes, 'target'));
    case 'TreeEnsemble':
      return regressor(attributes, modernNodes(attributes));
  }
}

function regressor(attributes: TreeEnsembleAttributes, nodes: OnnxNodes): OnnxTrees {
  const outputs = optionalNumbers(attributes, 'n_targets')?.[0] ?? 1;
  if (!Number.isInteger(outputs) || outputs < 1 || outputs > maxOutputs)
    throw invalidTrees(attributes, 'its n_targets is not a count');
  const ensemble = ensembleOf(attributes, nodes, outputs);
  const base = baseOf(attributes, outputs);
  const link = linkOf(attributes, transformOf(attributes));
  return {
    ensemble: { ...aggregated(attributes, ensemble), base },
    task: { kind: 'regression', link },
    missing: missingRule(attributes, nodes),
  };
}

function ensembleOf(attributes: TreeEnsembleAttributes, { drafts }: OnnxNodes, outputs: number): TreeEnsemble {
  const { inputs, elementType } = attributes;
  if (drafts.length === 0) throw invalidTrees(attributes, 'it has no trees');
  const trees = assembleTrees(drafts, { inputs, outputs, comparison: elementType });
  return { kind: 'tree-ensemble', inputs, outputs, trees, base: new Float64Array(outputs), comparison: elementType };
}

function aggregated(attributes: TreeEnsembleAttributes, ensemble: TreeEnsemble): TreeEnsemble {
  const name = enumerated(attributes, 'aggregate_function', aggregates) ?? 'SUM';
  if (name === 'SUM') return ensemble;
  if (name === 'AVERAGE') return scaleScores(ensemble, 1 / ensemble.trees.length);
  throw unsupportedTrees(
    attributes,
    `its aggregate_function "${name}" is not a sum of trees`,
    'Supported are SUM and AVERAGE.',
  );
}

function transformOf(attributes: TreeEnsembleAttributes): string {
  return enumerated(attributes, 'post_transform', transforms) ?? 'NONE';
}

/** A text in versions 1 … 4, a number in 5. */
function enumerated(
  { numbers, texts }: TreeEnsembleAttributes,
  name: string,
  names: readonly string[],
): string | undefined {
  const number = numbers[name]?.[0];
  return texts[name]?.[0] ?? (number === undefined ? undefined : (names[number] ?? String(number)));
}

/** The link of a transform applied to each score by itself or to all of them. */
function linkOf(attributes: TreeEnsembleAttributes, transform: string): Link {
  if (transform === 'NONE') return { kind: 'identity' };
  if (transform === 'SOFTMAX') return { kind: 'softmax' };
  if (transform === 'LOGISTIC') return { kind: 'sigmoid', slope: 1, normalize: false };
  throw unsupportedTrees(
    attributes,
    `its post_transform "${transform}" is not supported`,
    'Supported are NONE, LOGISTIC and SOFTMAX.',
  );
}

/** Added to the aggregated scores; one value for all of them or one each. */
function baseOf(attributes: TreeEnsembleAttributes, outputs: number): Float64Array {
  const values = optionalNumbers(attributes, 'base_values');
  if (values === undefined) return new Float64Array(outputs);
  if (values.length !== 1 && values.length !== outputs)
    return wrongLength(attributes, 'base_values', { has: values.length, needs: outputs });
  const base = Float64Array.from(
    { length: outputs },
    (_, output) => values[values.length === 1 ? 0 : output] ?? Number.NaN,
  );
  if (!base.every(Number.isFinite)) throw invalidTrees(attributes, 'its base_values are not finite');
  return base;
}

function missingRule(attributes: TreeEnsembleAttributes, { tests }: OnnxNodes): 'keep' | 'refuse' {
  const directions = optionalNumbers(attributes, 'nodes_missing_value_tracks_true');
  if (directions === undefined) return 'refuse';
  // XGBoost (the only one to write <) gives every split a direction, and all of them may be the same.
  return tests.has('<') || Array.from(directions).includes(1) ? 'keep' : 'refuse';
}

function classifier(attributes: TreeEnsembleAttributes): OnnxTrees {
  const classes = classLabels(attributes);
  const nodes = classicNodes(attributes, 'class');
  const missing = missingRule(attributes, nodes);
  const ids = new Set(Array.from(optionalNumbers(attributes, 'class_ids') ?? []));
  if (classes.length === 2 && ids.size === 1) return { ...binary(attributes, nodes, classes), missing };
  const outputs = classes.length;
  const trees = ensembleOf(attributes, nodes, outputs);
  const ensemble = { ...trees, base: baseOf(attributes, outputs) };
  const transform = transformOf(attributes);
  const areProbabilities = transform === 'NONE' && isNonNegative(attributes);
  const link: Link = areProbabilities ? { kind: 'probability' } : linkOf(attributes, transform);
  const probabilities = areProbabilities || transform !== 'NONE';
  return { ensemble, task: { kind: 'classification', link, classes, threshold: 0, probabilities }, missing };
}

function classLabels(attributes: TreeEnsembleAttributes): readonly ClassLabel[] {
  const classes =
    attributes.texts['classlabels_strings'] ?? Array.from(optionalNumbers(attributes, 'classlabels_int64s') ?? []);
  if (classes.length === 0) throw invalidTrees(attributes, 'it names no classes');
  if (classes.length === 1)
    throw unsupportedTrees(attributes, 'it knows a single class, so there is nothing to predict');
  if (classes.length > maxOutputs) throw unsupportedTrees(attributes, `it has more than ${String(maxOutputs)} classes`);
  return classes;
}

/** No score can be negative: votes or shares of votes, so probabilities. */
function isNonNegative(attributes: TreeEnsembleAttributes): boolean {
  return ['class_weights', 'base_values'].every((name) =>
    Array.from(optionalNumbers(attributes, name) ?? []).every((value) => value >= 0),
  );
}

/**
 * Two classes with one distinct class id, whatever it is: the sum is the second class's score. Without a transform it is a
 * probability where no weight is negative (forests), else a decision value.
 */
function binary(
  attributes: TreeEnsembleAttributes,
  nodes: OnnxNodes,
  classes: readonly ClassLabel[],
): Omit<OnnxTrees, 'missing'> {
  const toOutput = (outputs: readonly number[]) => outputs.map((output) => (output === 0 || output === 1 ? 0 : output));
  const drafts = nodes.drafts.map((draft) => ({
    ...draft,
    node: (id: number) => {
      const node = draft.node(id);
      return node?.kind === 'leaf' ? { ...node, outputs: toOutput(node.outputs) } : node;
    },
  }));
  const ensemble = { ...ensembleOf(attributes, { ...nodes, drafts }, 1), base: binaryBase(attributes) };
  const transform = transformOf(attributes);
  const task = { kind: 'classification', classes } as const;
  if (transform === 'NONE' && isNonNegative(attributes)) {
    return { ensemble, task: { ...task, link: { kind: 'probability' }, threshold: 0.5, probabilities: true } };
  }
  if (transform === 'SOFTMAX')
    throw unsupportedTrees(
      attributes,
      'its post_transform "SOFTMAX" is applied to a single score',
      'Export it with LOGISTIC.',
    );
  return {
    ensemble,
    task: { ...task, link: linkOf(attributes, transform), threshold: 0, probabilities: transform !== 'NONE' },
  };
}

/** Where there are two, the second belongs to the second class, whose score this is. */
function binaryBase(attributes: TreeEnsembleAttributes): Float64Array {
  const values = optionalNumbers(attributes, 'base_values');
  if (values?.length !== 2) return baseOf(attributes, 1);
  return baseOf(attributes, 2).slice(1);
}
