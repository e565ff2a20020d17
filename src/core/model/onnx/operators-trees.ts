import { importOnnxTrees } from '../trees/onnx-trees.ts';
import type { TreeEnsembleAttributes } from '../trees/onnx-attributes.ts';
import { describeNode, unsupported } from './attributes.ts';
import { type NodeContext, type Operator, settleAt, tensorAt } from './context.ts';
import { ownFeatures } from './features.ts';
import { decodeText, readConstant } from './tensor.ts';
import { sizeOf } from './shape.ts';
import type { Outcome, Value } from './value.ts';

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
  const { node, features } = context;
  const tensor = tensorAt(context, 0);
  if (sizeOf(tensor.dims) !== tensor.dims.at(-1)) throw unsupported(node, 'its input is not one row of features');
  const affine = settleAt(context, tensor);
  const reads = ownFeatures(affine, features, 'keep');
  if (reads === undefined)
    throw unsupported(
      node,
      'something is calculated from several columns before the trees',
      'Trees may follow scaling, imputing and encoding of single columns.',
    );
  const lists = listsOf(context);
  const isDouble =
    (lists.numbers['nodes_values_as_tensor'] ?? lists.numbers['nodes_splits']) !== undefined &&
    reads.length > 0 &&
    reads.every(
      (feature) => feature.kind === 'number' && !feature.float32 && !features.wholeColumns.has(feature.column),
    );
  const { ensemble, task, missing } = importOnnxTrees({
    ...lists,
    inputs: reads.length,
    elementType: isDouble ? 'float64' : 'float32',
  });
  const own = missing === 'keep' ? reads : (ownFeatures(affine, features, 'refuse') ?? reads);
  const outcome: Outcome = {
    kind: 'outcome',
    scores: { kind: 'trees', features: own, ensemble },
    task,
    dims: [1, task.kind === 'classification' ? task.classes.length : ensemble.outputs],
  };
  return task.kind === 'classification' ? [{ kind: 'label', outcome, classes: task.classes }, outcome] : [outcome];
}

type Lists = Pick<TreeEnsembleAttributes, 'operator' | 'node' | 'numbers' | 'texts'>;

function listsOf({ node, readExternal }: NodeContext): Lists {
  const numbers: Record<string, ArrayLike<number>> = {};
  const texts: Record<string, readonly string[]> = {};
  for (const attribute of node.attributes) {
    const { name, tensor, floats, ints, strings, bytes } = attribute;
    if (tensor !== undefined) numbers[name] = readConstant(tensor, readExternal).numbers();
    else if (strings.length > 0) texts[name] = strings.map(decodeText);
    else if (bytes !== undefined) texts[name] = [decodeText(bytes)];
    else if (floats.length > 0 || ints.length > 0) numbers[name] = floats.length > 0 ? floats : ints;
    // A single number is stored as its own field; lists that are empty look the same, and are taken as absent by their length.
    else if (attribute.type === 1 || attribute.type === 2)
      numbers[name] = [attribute.type === 1 ? attribute.float : attribute.int];
  }
  const operator = operatorNames.find((known) => known === node.operator) ?? 'TreeEnsemble';
  return { operator, node: describeNode(node), numbers, texts };
}
