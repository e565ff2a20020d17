import type { ClassLabel, Link } from '../ir.ts';
import { fromDense } from '../sparse.ts';
import { invalid, unsupported } from './attributes.ts';
import {
  type NodeContext,
  type Operator,
  finiteFloats,
  inputAt,
  mapTensor,
  nameOf,
  settleAt,
  tensorAt,
} from './context.ts';
import { applyAtom } from './elementwise.ts';
import { type Classification, classScores, classification, logistic, numbered, softmaxEnd } from './outcome.ts';
import { scaleAffine } from './settle.ts';
import { axisIn, sizeOf } from './shape.ts';
import type { LabelValue, Outcome, TensorValue, Value } from './value.ts';

/** Operators that end a model. */
export const endingOperators: Readonly<Record<string, Operator>> = {
  LinearClassifier: linearClassifier,
  LinearRegressor: (context) => [linearRegressor(context)],
  SVMClassifier: svmClassifier,
  SVMRegressor: (context) => [svmRegressor(context)],
  Softmax: (context) => [softmax(context)],
  // The logarithm of probabilities: the same scores, and the same labels.
  LogSoftmax: (context) => [softmax(context)],
  ArgMax: (context) => [argMax(context)],
  ZipMap: (context) => [zipMap(context)],
};

interface Rows {
  readonly count: number;
  readonly weights: readonly number[];
  readonly bias: readonly number[];
}

/** The coefficients of a linear operator, one row an output. */
function coefficientRows(context: NodeContext, width: number): Rows {
  const weights = finiteFloats(context, 'coefficients') ?? [];
  const count = weights.length / width;
  const bias = finiteFloats(context, 'intercepts') ?? new Array<number>(count).fill(0);
  if (weights.length === 0 || !Number.isInteger(count))
    throw invalid(context.node, `its ${String(weights.length)} coefficients do not fit ${String(width)} features`);
  if (bias.length !== count)
    throw invalid(context.node, `it has ${String(bias.length)} intercepts for ${String(count)} outputs`);
  return { count, weights, bias };
}

function applyRows(context: NodeContext, tensor: TensorValue, { count, weights, bias }: Rows): TensorValue {
  const width = weights.length / count;
  const matrix = fromDense(weights, count, width);
  return mapTensor(context, tensor, { matrix, bias: Float64Array.from(bias), dims: [1, count], batch: 0 });
}

/** One record's row of features. */
function featureRow(context: NodeContext): TensorValue {
  const tensor = tensorAt(context, 0);
  if (sizeOf(tensor.dims) !== tensor.dims.at(-1))
    throw unsupported(context.node, 'its input is not one row of features');
  return tensor;
}

function linearClassifier(context: NodeContext): readonly Value[] {
  const tensor = featureRow(context);
  const rows = coefficientRows(context, sizeOf(tensor.dims));
  const { attributes, node } = context;
  const classes: readonly ClassLabel[] =
    attributes.texts('classlabels_strings') ?? attributes.ints('classlabels_ints') ?? numbered(Math.max(2, rows.count));
  if (classes.length !== Math.max(2, rows.count))
    throw invalid(node, `it has ${String(classes.length)} classes for ${String(rows.count)} rows of coefficients`);
  const margin = marginRow(rows);
  const affine = settleAt(context, applyRows(context, tensor, margin ?? rows));
  const end = classifierLink(context, margin === undefined ? 'several' : rows.count === 1 ? 'one' : 'opposite');
  const outcome = classification({ affine, classes, ...end });
  return [labelOf(outcome), outcome];
}

/** Two classes told by one score: a single row, or -w and w. */
function marginRow({ count, weights, bias }: Rows): Rows | undefined {
  if (count === 1) return { count, weights, bias };
  const width = weights.length / 2;
  const isOpposite =
    count === 2 &&
    bias[0] === -(bias[1] ?? 0) &&
    weights.slice(0, width).every((weight, i) => weight === -(weights[width + i] ?? 0));
  return isOpposite ? { count: 1, weights: weights.slice(width), bias: bias.slice(1) } : undefined;
}

function classifierLink(
  { node, attributes }: NodeContext,
  rows: 'one' | 'opposite' | 'several',
): Pick<Classification, 'link' | 'probabilities'> {
  const transform = attributes.text('post_transform', 'NONE');
  const links: Readonly<Record<string, Link | undefined>> = {
    NONE: { kind: 'identity' },
    LOGISTIC: logistic,
    // softmax of [-s, s] is the sigmoid of 2 s; of a single score it is not defined.
    SOFTMAX:
      rows === 'several'
        ? { kind: 'softmax' }
        : rows === 'opposite'
          ? { kind: 'sigmoid', slope: 2, normalize: false }
          : undefined,
  };
  const link = links[transform];
  if (link === undefined)
    throw unsupported(node, `its post_transform ${transform} is not supported`, 'NONE, LOGISTIC and SOFTMAX are.');
  return { link, probabilities: transform !== 'NONE' };
}

function linearRegressor(context: NodeContext): TensorValue {
  const tensor = featureRow(context);
  const rows = coefficientRows(context, sizeOf(tensor.dims));
  if (rows.count !== context.attributes.int('targets', 1))
    throw invalid(context.node, 'it has not one row of coefficients a target');
  return transformed(context, applyRows(context, tensor, rows));
}

function transformed(context: NodeContext, tensor: TensorValue): TensorValue {
  const transform = context.attributes.text('post_transform', 'NONE');
  if (transform === 'NONE') return tensor;
  if (transform === 'LOGISTIC')
    return { ...tensor, fn: applyAtom(tensor.fn, 'sigmoid', { name: nameOf(context.node) }) };
  throw unsupported(context.node, `its post_transform ${transform} is not supported`, 'NONE and LOGISTIC are.');
}

/** Of two classes; several are told apart by votes between pairs, which is not affine. */
function svmClassifier(context: NodeContext): readonly Value[] {
  const { node, attributes } = context;
  const classes: readonly ClassLabel[] =
    attributes.texts('classlabels_strings') ?? attributes.ints('classlabels_ints') ?? [];
  if (classes.length !== 2 || attributes.text('post_transform', 'NONE') !== 'NONE' || attributes.has('prob_a')) {
    throw unsupported(
      node,
      'only two classes without probabilities are supported',
      'Use LinearSVC or LogisticRegression, which are exported as LinearClassifier.',
    );
  }
  const affine = settleAt(
    context,
    svmScore(context, attributes.ints('vectors_per_class')?.reduce((sum, count) => sum + count, 0) ?? 0),
  );
  // The score is positive for the first class.
  const outcome = classification({
    affine: scaleAffine(affine, [0, -1]),
    classes,
    link: { kind: 'identity' },
    probabilities: false,
  });
  return [labelOf(outcome), outcome];
}

function svmRegressor(context: NodeContext): TensorValue {
  return transformed(context, svmScore(context, context.attributes.int('n_supports', 0)));
}

/** A linear kernel: the support vectors add up to one row of weights. */
function svmScore(context: NodeContext, count: number): TensorValue {
  const { node, attributes } = context;
  if (attributes.text('kernel_type', 'LINEAR') !== 'LINEAR' || attributes.int('one_class', 0) !== 0) {
    throw unsupported(
      node,
      'only support vector machines with a linear kernel can be evaluated',
      'Train a linear one (LinearSVC, LinearSVR), a tree ensemble or a small network.',
    );
  }
  const tensor = featureRow(context);
  const width = sizeOf(tensor.dims);
  const coefficients = finiteFloats(context, 'coefficients') ?? [];
  const weights = count === 0 ? coefficients : addedVectors(context, coefficients, width);
  if (weights.length !== width || (count > 0 && coefficients.length !== count))
    throw invalid(node, 'its coefficients do not fit');
  const [bias = 0] = finiteFloats(context, 'rho') ?? [];
  return applyRows(context, tensor, { count: 1, weights, bias: [bias] });
}

function addedVectors(context: NodeContext, coefficients: readonly number[], width: number): number[] {
  const vectors = finiteFloats(context, 'support_vectors') ?? [];
  if (vectors.length !== coefficients.length * width) throw invalid(context.node, 'its support vectors do not fit');
  return numbered(width).map((column) =>
    coefficients.reduce((sum, c, i) => sum + c * (vectors[i * width + column] ?? 0), 0),
  );
}

function softmax(context: NodeContext): Outcome {
  const value = inputAt(context, 0);
  if (value.kind === 'outcome') return softmaxEnd(context, value);
  const tensor = tensorAt(context, 0);
  const axis = axisIn(context.attributes.int('axis', context.opset < 13 ? 1 : -1), tensor.dims.length);
  // Until opset 12 all axes from `axis` on were one.
  const along =
    axis === undefined ? 0 : context.opset < 13 ? sizeOf(tensor.dims.slice(axis)) : (tensor.dims[axis] ?? 0);
  if (along !== sizeOf(tensor.dims))
    throw unsupported(context.node, 'it stands inside the network (attention does), or for several groups of classes');
  return softmaxEnd(context, tensor);
}

function labelOf(outcome: Outcome): LabelValue {
  return { kind: 'label', outcome, classes: outcome.task.kind === 'classification' ? outcome.task.classes : [] };
}

/** The index of the largest score. */
function argMax(context: NodeContext): LabelValue {
  const value = inputAt(context, 0);
  const outcome = value.kind === 'outcome' ? value : classScores(context, tensorAt(context, 0));
  if (outcome.task.kind !== 'classification')
    throw unsupported(context.node, 'it follows what are no scores of classes');
  return { kind: 'label', outcome, classes: numbered(outcome.task.classes.length) };
}

/** Probabilities as a map from class to number: tells the classes. */
function zipMap(context: NodeContext): Outcome {
  const value = inputAt(context, 0);
  const outcome = value.kind === 'outcome' ? value : classScores(context, tensorAt(context, 0));
  const classes: readonly ClassLabel[] | undefined =
    context.attributes.texts('classlabels_strings') ?? context.attributes.ints('classlabels_int64s');
  if (outcome.task.kind !== 'classification' || classes?.length !== outcome.task.classes.length)
    throw invalid(context.node, 'it has another number of classes than there are probabilities');
  return { ...outcome, task: { ...outcome.task, classes } };
}
