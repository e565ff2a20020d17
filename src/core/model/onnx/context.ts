import { AppError } from '../../error.ts';
import type { SparseMatrix } from '../ir.ts';
import { maxEntries, multiply, multiplyVector, selectRows } from '../sparse.ts';
import { type Attributes, describeNode, invalid, unsupported } from './attributes.ts';
import { unchanged } from './elementwise.ts';
import { type FeatureTable, markUsed } from './features.ts';
import type { OnnxNode } from './proto.ts';
import { settle } from './settle.ts';
import { sizeOf } from './shape.ts';
import {
  type Constant,
  type NumberArray,
  type ReadExternal,
  finiteNumbers,
  numberConstant,
  textConstant,
} from './tensor.ts';
import type { Affine, TensorValue, TextValue, Value } from './value.ts';

/** What an operator is evaluated with. */
export interface NodeContext {
  readonly node: OnnxNode;
  readonly attributes: Attributes;
  /** Undefined where an optional input is left out. */
  readonly inputs: readonly (Value | undefined)[];
  /** The version of the operator's domain. */
  readonly opset: number;
  readonly features: FeatureTable;
  readonly fixedBatch: number | undefined;
  readonly readExternal: ReadExternal | undefined;
}

/** The values of a node's outputs, in order; fewer when the rest may not be used. */
export type Operator = (context: NodeContext) => readonly Value[];

/** More elements than any network that can be evaluated encrypted has. */
const maxElements = 2 ** 24;

/** @throws AppError `model.invalid` when the input is left out */
export function inputAt({ node, inputs }: NodeContext, index: number): Value {
  const value = inputs[index];
  if (value === undefined) throw invalid(node, `its input ${String(index + 1)} is missing`);
  return value;
}

/** @throws AppError `model.unsupported` when the input is not a tensor of numbers made from the columns */
export function tensorAt(context: NodeContext, index: number): TensorValue {
  const value = inputAt(context, index);
  if (value.kind !== 'tensor')
    throw unsupported(
      context.node,
      `its input ${String(index + 1)} is ${kindName(value)} where numbers of the data are expected`,
    );
  if (value.truncated) throw unsupported(context.node, 'it calculates with numbers whose fractions were cut off');
  return value;
}

/** @throws AppError `model.unsupported` when the input depends on the data */
export function constantAt(context: NodeContext, index: number): Constant {
  const value = inputAt(context, index);
  if (value.kind !== 'constant')
    throw unsupported(context.node, `its input ${String(index + 1)} must be a constant of the file`);
  return value;
}

/** Small whole numbers: axes, shapes, indices. Undefined when the input is left out. */
export function integersAt(context: NodeContext, index: number): readonly number[] | undefined {
  return context.inputs[index] === undefined ? undefined : Array.from(constantAt(context, index).numbers());
}

/** One number; undefined when the input is left out. */
export function scalarAt(context: NodeContext, index: number): number | undefined {
  if (context.inputs[index] === undefined) return undefined;
  const numbers = constantAt(context, index).numbers();
  if (numbers.length !== 1) throw invalid(context.node, `its input ${String(index + 1)} must be a single number`);
  return numbers[0];
}

/** An attribute's floats, all finite. */
export function finiteFloats({ node, attributes }: NodeContext, name: string): readonly number[] | undefined {
  const floats = attributes.floats(name);
  if (floats?.every(Number.isFinite) === false) throw invalid(node, `its ${name} contain NaN or an infinity`);
  return floats;
}

/** A constant's numbers, all finite, of the expected length. */
export function weightsAt(context: NodeContext, index: number, length?: number): NumberArray {
  const numbers = finiteNumbers(constantAt(context, index));
  if (length !== undefined && numbers.length !== length) {
    throw invalid(
      context.node,
      `its input ${String(index + 1)} has ${String(numbers.length)} elements, not ${String(length)}`,
    );
  }
  return numbers;
}

/** @throws AppError `model.unsupported` when its function has no form in the intermediate representation */
export function settleAt(context: NodeContext, tensor: TensorValue): Affine {
  const affine = settle(tensor);
  if (affine !== undefined) return affine;
  const by = tensor.fn.name === '' ? '' : ` (it begins at ${tensor.fn.name})`;
  throw unsupported(context.node, `what comes before it is no activation that is known${by}`, activationHint);
}

export const activationHint =
  'Known activations: Relu, LeakyRelu, Sigmoid, Tanh, Gelu, SiLU, Softplus, squares, cubes and polynomials.';

export interface Shape {
  readonly dims: readonly number[];
  readonly batch: number;
}

/** matrix · tensor + bias. */
export function mapTensor(
  context: NodeContext,
  tensor: TensorValue,
  map: Shape & { readonly matrix: SparseMatrix; readonly bias?: Float64Array },
): TensorValue {
  const input = settleAt(context, tensor);
  markUsed(input, context.features);
  const moved = multiplyVector(map.matrix, input.bias);
  const base: Affine = {
    source: input.source,
    matrix: multiply(map.matrix, input.matrix),
    bias: map.bias?.map((value, i) => value + (moved[i] ?? 0)) ?? moved,
    names: [...input.names, nameOf(context.node)],
  };
  return fromAffine(base, map);
}

/** An affine map of the columns (or of a layer) under a shape; borrowed, not copied. */
export function fromAffine(base: Affine, { dims, batch }: Shape): TensorValue {
  return { kind: 'tensor', dims, batch, base, fn: unchanged, truncated: false };
}

/** Element i of the result is element map[i] of the value; a negative index gives `fill` (numbers only). */
export function selectElements(
  context: NodeContext,
  value: Selectable,
  select: Shape & { readonly map: Int32Array; readonly fill?: number },
): Selectable {
  const { map, fill = 0, dims, batch } = select;
  if (value.kind === 'constant') return selectConstant(value, map, { dims, fill });
  if (value.kind === 'text')
    return { ...value, dims, batch, columns: Array.from(map, (from) => value.columns[from] ?? -1) };
  if (map.length === sizeOf(value.dims) && map.every((from, to) => from === to)) return { ...value, dims, batch };
  const input = settleAt(context, value);
  const bias = Float64Array.from(map, (from) => (from < 0 ? fill : (input.bias[from] ?? 0)));
  return {
    ...fromAffine({ ...input, matrix: selectRows(input.matrix, map), bias }, { dims, batch }),
    truncated: value.truncated,
  };
}

/** What has elements that can be picked and arranged. */
export type Selectable = Constant | TensorValue | TextValue;

/** @throws AppError `model.unsupported` when the input is a label or the final scores */
export function selectableAt(context: NodeContext, index: number): Selectable {
  const value = inputAt(context, index);
  if (value.kind === 'outcome' || value.kind === 'label') {
    throw unsupported(
      context.node,
      `its input ${String(index + 1)} is ${kindName(value)}, after which nothing can be calculated`,
    );
  }
  return value;
}

function selectConstant(
  value: Constant,
  map: Int32Array,
  { dims, fill }: { readonly dims: readonly number[]; readonly fill: number },
): Constant {
  if (value.type === 'text') {
    const texts = value.texts();
    return textConstant(
      value.name,
      dims,
      Array.from(map, (from) => texts[from] ?? ''),
    );
  }
  const numbers = value.numbers();
  return numberConstant(
    { name: value.name, dims, type: value.type },
    Float64Array.from(map, (from) => (from < 0 ? fill : (numbers[from] ?? 0))),
  );
}

/** @throws AppError `model.unsupported` for a shape that nobody evaluates encrypted */
export function checkSize({ node }: NodeContext, dims: readonly number[]): void {
  if (sizeOf(dims) > maxElements)
    throw unsupported(node, 'its output has more than 16 million elements for one record');
}

/** @throws AppError `model.unsupported` before a matrix of that many entries is built */
export function checkEntries({ node }: NodeContext, count: number): void {
  if (count > maxEntries)
    throw unsupported(node, 'it has more than 8 million weights when written as a matrix', 'Use a smaller network.');
}

/** What a layer is called after the node: its name, or that of its first output. */
export function nameOf(node: OnnxNode): string {
  return node.name === '' ? (node.outputs[0] ?? node.operator) : node.name;
}

/** How messages call a value. */
function kindName(value: Value): string {
  const names = {
    constant: 'a constant',
    tensor: 'a tensor',
    text: 'text',
    outcome: 'the final scores',
    label: 'the predicted label',
  } as const;
  return names[value.kind];
}

/** What nobody foresaw in an operator is still told with the node's name. */
export function withNode<T>(node: OnnxNode, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (
      error instanceof AppError &&
      error.code === 'model.unsupported' &&
      !error.message.includes(describeNode(node))
    ) {
      throw new AppError('model.unsupported', `${error.message} At the ${describeNode(node)}.`, {
        hint: error.hint,
        cause: error,
      });
    }
    throw error;
  }
}
