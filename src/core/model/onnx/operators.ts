import type { Operator } from './context.ts';
import { activationOperators } from './operators-activation.ts';
import { arithmeticOperators } from './operators-arithmetic.ts';
import { endingOperators } from './operators-classify.ts';
import { joiningOperators } from './operators-join.ts';
import { linearOperators } from './operators-linear.ts';
import { preparingOperators } from './operators-ml.ts';
import { castOperators } from './operators-cast.ts';
import { convolutionOperators } from './operators-convolution.ts';
import { shapeOperators } from './operators-shape.ts';
import { treeOperators } from './operators-trees.ts';
import type { OnnxNode } from './proto.ts';

const { Softmax, LogSoftmax, ArgMax, ...ends } = endingOperators;

/** Operators by domain and name. */
export const operators: Readonly<Record<string, Readonly<Record<string, Operator | undefined>>>> = {
  '': {
    ...shapeOperators,
    ...castOperators,
    ...joiningOperators,
    ...arithmeticOperators,
    ...linearOperators,
    ...activationOperators,
    ...convolutionOperators,
    Softmax,
    LogSoftmax,
    ArgMax,
  },
  'ai.onnx.ml': { ...preparingOperators, ...ends, ...treeOperators },
};

/** The operator that a node asks for; undefined when it has no encrypted form. */
export function operatorOf({ domain, operator }: OnnxNode): Operator | undefined {
  const ofDomain = Object.hasOwn(operators, domain) ? operators[domain] : undefined;
  return ofDomain !== undefined && Object.hasOwn(ofDomain, operator) ? ofDomain[operator] : undefined;
}

const advice: Readonly<Record<string, string>> = {
  MaxPool: 'Use average pooling in its place: a maximum cannot be evaluated encrypted.',
  GlobalMaxPool: 'Use average pooling in its place: a maximum cannot be evaluated encrypted.',
  Max: 'A maximum cannot be evaluated encrypted; use Relu, or another network.',
  Elu: 'Use Relu, LeakyRelu, Gelu, SiLU, Softplus or a polynomial.',
  Selu: 'Use Relu, LeakyRelu, Gelu, SiLU, Softplus or a polynomial.',
  If: 'Branches cannot be evaluated encrypted; export the model with a fixed shape of inputs.',
  Loop: 'Loops cannot be evaluated encrypted; use a feed-forward network.',
  LSTM: 'Recurrent networks cannot be evaluated encrypted; use a feed-forward network.',
  GRU: 'Recurrent networks cannot be evaluated encrypted; use a feed-forward network.',
  LayerNormalization: 'It divides by a value that depends on the data; use BatchNormalization.',
  InstanceNormalization: 'It divides by a value that depends on the data; use BatchNormalization.',
  DequantizeLinear: 'Export the model before it is quantized.',
  QuantizeLinear: 'Export the model before it is quantized.',
};

/** What to use in place of an operator. */
export function adviceFor({ operator }: OnnxNode): string {
  return (
    (Object.hasOwn(advice, operator) ? advice[operator] : undefined) ??
    'docs/models.md lists the operators that can be evaluated encrypted.'
  );
}
