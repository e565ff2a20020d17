import { importOnnxTrees } from '../trees/onnx-trees.ts';
import type { TreeEnsembleAttributes } from '../trees/onnx-attributes.ts';
import { describeNode, unsupported } from './attributes.ts';
import { type NodeContext, type Operator, settleAt, tensorAt } from './context.ts';
import { ownFeatures } from './features.ts';
import { decodeText, readConstant } from './tensor.ts';
import { sizeOf } from './shape.ts';
import type { Affine, Outcome, Value } from './value.ts';
import type { Feature } from '../ir.ts';
import type { OnnxAttribute } from './proto.ts';

export const treeOperators: Readonly<Record<string, Operator>> = {
  TreeEnsembleClassifier: trees,
  TreeEnsembleRegressor: trees,
  TreeEnsemble: trees,
};

const operatorNames: readonly TreeEnsembleAttributes['operator'][] = [
  'TreeEnsembleClassifier',
  'TreeEnsembleRegressor',
  'TreeEnsemble',
];

/** A classifier gives label and scores, a regressor its values. */
function trees(context: NodeContext): readonly Value[] {
  const tensor = tensorAt(context, 0);
  if (sizeOf(tensor.dims) !== tensor.dims.at(-1))
    throw unsupported(context.node, 'its input is not one row of features');
  const affine = settleAt(context, tensor);
  const lists = listsOf(context);
  const elementType = isDouble(context, lists, featuresOf(context, affine, 'keep')) ? 'float64' : 'float32';
  const { ensemble, task, missing } = importOnnxTrees({ ...lists, inputs: affine.matrix.rows, elementType });
  const own = featuresOf(context, affine, missing);
  const outcome: Outcome = {
    kind: 'outcome',
    scores: { kind: 'trees', features: own, ensemble },
    task,
    dims: [1, task.kind === 'classification' ? task.classes.length : ensemble.outputs],
  };
  return task.kind === 'classification' ? [{ kind: 'label', outcome, classes: task.classes }, outcome] : [outcome];
}

function featuresOf({ node, features }: NodeContext, affine: Affine, missing: 'keep' | 'refuse'): readonly Feature[] {
  const own = ownFeatures(affine, features, missing);
  if (own !== undefined) return own;
  throw unsupported(
    node,
    'something is calculated from several columns before the trees',
    'Trees may follow scaling, imputing and encoding of single columns.',
  );
}

/** Older operators round what they read to float32, whatever its type. */
function isDouble(
  { features: { wholeColumns } }: NodeContext,
  { numbers }: Lists,
  features: readonly Feature[],
): boolean {
  const hasDoubles = (numbers['nodes_values_as_tensor'] ?? numbers['nodes_splits']) !== undefined;
  return (
    hasDoubles &&
    features.every((feature) => feature.kind === 'number' && !feature.float32 && !wholeColumns.has(feature.column))
  );
}

type Lists = Pick<TreeEnsembleAttributes, 'operator' | 'node' | 'numbers' | 'texts'>;

function listsOf({ node, readExternal }: NodeContext): Lists {
  const numbers: Record<string, ArrayLike<number>> = {};
  const texts: Record<string, readonly string[]> = {};
  for (const attribute of node.attributes) {
    const { name, tensor, strings, bytes } = attribute;
    if (tensor !== undefined) numbers[name] = readConstant(tensor, readExternal).numbers();
    else if (strings.length > 0) texts[name] = strings.map(decodeText);
    else if (bytes !== undefined) texts[name] = [decodeText(bytes)];
    else numbers[name] = numbersIn(attribute);
  }
  const operator = operatorNames.find((known) => known === node.operator) ?? 'TreeEnsemble';
  return { operator, node: describeNode(node), numbers, texts };
}

/** Only the type tells a single number that is zero from a list that is empty. */
function numbersIn({ type, float, int, floats, ints }: OnnxAttribute): readonly number[] {
  if (type === 1) return [float];
  if (type === 2) return [int];
  return floats.length > 0 ? floats : ints;
}
