import { fromTriplets, multiply, stackRows } from '../sparse.ts';
import { invalid, unsupported } from './attributes.ts';
import {
  type NodeContext,
  type Operator,
  activationHint,
  fromAffine,
  inputAt,
  nameOf,
  scalarAt,
  settleAt,
  tensorAt,
  weightsAt,
  constantAt,
} from './context.ts';
import {
  type Atom,
  type Elementwise,
  addFunctions,
  applyAtom,
  constantFunction,
  multiplyFunctions,
} from './elementwise.ts';
import { activationOf, scaleAffine } from './settle.ts';
import { broadcastDims, broadcastMap, sizeOf } from './shape.ts';
import type { Affine, Outcome, TensorValue, Value } from './value.ts';

export const activationOperators: Readonly<Record<string, Operator>> = {
  Relu: (context) => [activate(context, 'relu')],
  LeakyRelu: (context) => [activate(context, 'leaky-relu', context.attributes.float('alpha', 0.01))],
  PRelu: (context) => [slopes(context)],
  Sigmoid: (context) => [activate(context, 'sigmoid')],
  Tanh: (context) => [activate(context, 'tanh')],
  Softplus: (context) => [activate(context, 'softplus')],
  Erf: (context) => [activate(context, 'erf')],
  Exp: (context) => [exponential(context)],
  Gelu: (context) => [
    activate(context, context.attributes.text('approximate', 'none') === 'tanh' ? 'gelu-tanh' : 'gelu'),
  ],
  Swish: (context) => [swish(context)],
  Clip: (context) => [clip(context, limits(context))],
  HardSigmoid: (context) => [hardSigmoid(context)],
};

/** The function of each element; on top of a function that is no polynomial it begins a layer of its own. */
function activate(context: NodeContext, kind: Atom['kind'], slope = 0): TensorValue {
  return withAtom(context, tensorAt(context, 0), { kind, slope });
}

function withAtom(
  context: NodeContext,
  tensor: TensorValue,
  { kind, slope }: Pick<Atom, 'kind' | 'slope'>,
): TensorValue {
  const below = tensor.fn.atom === undefined ? tensor : fromAffine(settleAt(context, tensor), tensor);
  if (!Number.isFinite(slope)) throw unsupported(context.node, 'its slope is no finite number', activationHint);
  return { ...below, fn: applyAtom(below.fn, kind, { name: nameOf(context.node), slope }) };
}

/** a + b · tensor. */
function linear(tensor: TensorValue, a: number, b: number): TensorValue {
  const scaled = multiplyFunctions(tensor.fn, constantFunction(b)) ?? tensor.fn;
  return { ...tensor, fn: addFunctions(scaled, constantFunction(a)) ?? scaled };
}

/** At the end of a model: the inverse of a log link, computed on people's side. */
function exponential(context: NodeContext): Value {
  const value = inputAt(context, 0);
  return value.kind === 'outcome' ? exponentialEnd(context, value) : activate(context, 'exp');
}

function exponentialEnd({ node }: NodeContext, outcome: Outcome): Outcome {
  if (outcome.task.kind !== 'regression' || outcome.task.link.kind !== 'identity')
    throw unsupported(node, 'it follows what are final scores');
  return { ...outcome, task: { kind: 'regression', link: { kind: 'exp' } } };
}

/** x · sigmoid(alpha x). */
function swish(context: NodeContext): TensorValue {
  const tensor = tensorAt(context, 0);
  const below = tensor.fn.atom === undefined ? tensor : fromAffine(settleAt(context, tensor), tensor);
  const gate = withAtom(context, linear(below, 0, context.attributes.float('alpha', 1)), { kind: 'sigmoid', slope: 0 });
  const fn: Elementwise | undefined = multiplyFunctions(below.fn, gate.fn, nameOf(context.node));
  if (fn === undefined) throw unsupported(context.node, 'it has no known form', activationHint);
  return { ...below, fn };
}

interface Limits {
  readonly low: number;
  readonly high: number;
}

/** Limits stood in attributes until opset 10. */
function limits(context: NodeContext): Limits {
  const { attributes } = context;
  const low = scalarAt(context, 1) ?? attributes.float('min', -Infinity);
  const high = scalarAt(context, 2) ?? attributes.float('max', Infinity);
  // Exporters write the largest float32 for "no limit".
  const none = 3.4e38;
  return { low: low <= -none ? -Infinity : low, high: high >= none ? Infinity : high };
}

/** Cut at limits: relu(x - low) + low, and for two limits low + relu(x - low) - relu(x - high). */
function clip(context: NodeContext, { low, high }: Limits): TensorValue {
  const tensor = tensorAt(context, 0);
  const relu = { kind: 'relu', slope: 0 } as const;
  if (Number.isNaN(low) || Number.isNaN(high) || low >= high)
    throw invalid(context.node, 'its limits are not in order');
  if (low === -Infinity && high === Infinity) return tensor;
  if (high === Infinity) return linear(withAtom(context, linear(tensor, -low, 1), relu), low, 1);
  if (low === -Infinity) return linear(withAtom(context, linear(tensor, high, -1), relu), high, -1);
  const x = settleAt(context, tensor);
  const size = sizeOf(tensor.dims);
  const both = sumOfRelus(
    context,
    [scaleAffine(x, [-low, 1]), scaleAffine(x, [-high, 1])],
    new Float64Array(size).fill(-1),
  );
  return fromAffine(scaleAffine(both, [low, 1]), tensor);
}

/** relu(first) + factors relu(second), as one activation layer of twice the size and the affine map after it. */
function sumOfRelus(context: NodeContext, [first, second]: readonly [Affine, Affine], factors: Float64Array): Affine {
  const size = factors.length;
  const stacked: Affine = {
    ...first,
    matrix: stackRows([first.matrix, second.matrix]),
    bias: Float64Array.from([...first.bias, ...second.bias]),
  };
  const relus = activationOf(stacked, { kind: 'relu' }, nameOf(context.node));
  const triplets = Array.from(factors, (value, i) => [
    { row: i, column: i, value: 1 },
    { row: i, column: size + i, value },
  ]).flat();
  return {
    ...relus,
    matrix: multiply(fromTriplets(triplets, size, 2 * size), relus.matrix),
    bias: new Float64Array(size),
    names: [nameOf(context.node)],
  };
}

/** max(0, min(1, alpha x + beta)). */
function hardSigmoid(context: NodeContext): TensorValue {
  const { attributes } = context;
  const line = linear(tensorAt(context, 0), attributes.float('beta', 0.5), attributes.float('alpha', 0.2));
  return clip({ ...context, inputs: [line] }, { low: 0, high: 1 });
}

/** LeakyRelu with a slope a channel: relu(x) - slope relu(-x). */
function slopes(context: NodeContext): TensorValue {
  const tensor = tensorAt(context, 0);
  const numbers = weightsAt(context, 1);
  const [slope = 0] = numbers;
  if (numbers.every((number) => number === slope)) return withAtom(context, tensor, { kind: 'leaky-relu', slope });
  const dims = broadcastDims(constantAt(context, 1).dims, tensor.dims);
  if (dims === undefined || sizeOf(dims) !== sizeOf(tensor.dims))
    throw invalid(context.node, 'its slopes do not fit its input');
  const x = settleAt(context, tensor);
  const factors = Float64Array.from(broadcastMap(constantAt(context, 1).dims, dims), (from) => -(numbers[from] ?? 0));
  return fromAffine(sumOfRelus(context, [x, scaleAffine(x, [0, -1])], factors), tensor);
}
