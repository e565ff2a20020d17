import { unsupported } from './attributes.ts';
import { type NodeContext, type Operator, activationHint, fromAffine, inputAt, nameOf, settleAt, tensorAt } from './context.ts';
import { type Atom, applyAtom } from './elementwise.ts';
import type { Outcome, TensorValue, Value } from './value.ts';

export const activationOperators: Readonly<Record<string, Operator>> = {
  Relu: (context) => [activate(context, 'relu')],
  LeakyRelu: (context) => [activate(context, 'leaky-relu', context.attributes.float('alpha', 0.01))],
  Sigmoid: (context) => [activate(context, 'sigmoid')],
  Tanh: (context) => [activate(context, 'tanh')],
  Softplus: (context) => [activate(context, 'softplus')],
  Erf: (context) => [activate(context, 'erf')],
  Exp: (context) => [exponential(context)],
  Gelu: (context) => [activate(context, context.attributes.text('approximate', 'none') === 'tanh' ? 'gelu-tanh' : 'gelu')],
};

/** The function of each element; on top of a function that is no polynomial it begins a layer of its own. */
export function activate(context: NodeContext, kind: Atom['kind'], slope = 0): TensorValue {
  const tensor = tensorAt(context, 0);
  const below = tensor.fn.atom === undefined ? tensor : fromAffine(settleAt(context, tensor), tensor);
  if (!Number.isFinite(slope)) throw unsupported(context.node, 'its slope is no finite number', activationHint);
  return { ...below, fn: applyAtom(below.fn, kind, { name: nameOf(context.node), slope }) };
}

/** At the end of a model: the inverse of a log link, computed on people's side. */
function exponential(context: NodeContext): Value {
  const value = inputAt(context, 0);
  return value.kind === 'outcome' ? exponentialEnd(context, value) : activate(context, 'exp');
}

function exponentialEnd({ node }: NodeContext, outcome: Outcome): Outcome {
  if (outcome.task.kind !== 'regression' || outcome.task.link.kind !== 'identity') throw unsupported(node, 'it follows what are final scores');
  return { ...outcome, task: { kind: 'regression', link: { kind: 'exp' } } };
}
