import type { AppError } from '../../error.ts';
import { unsupported } from './attributes.ts';
import { type NodeContext, type Operator, inputAt, nameOf } from './context.ts';
import { plainFeatures } from './features.ts';
import { type Constant, numberConstant, readConstant, textConstant } from './tensor.ts';
import type { TensorValue, Value } from './value.ts';

/** Operators that state values and change their types. */
export const castOperators: Readonly<Record<string, Operator>> = {
  Constant: (context) => [constantNode(context)],
  Cast: (context) => [castValue(context)],
};

function constantNode(context: NodeContext): Constant {
  const { node, attributes, readExternal } = context;
  const name = nameOf(node);
  const tensor = attributes.tensor('value');
  if (tensor !== undefined) return readConstant(tensor.name === '' ? { ...tensor, name } : tensor, readExternal);
  if (attributes.has('value_float'))
    return numberConstant({ name, dims: [], type: 'float' }, Float64Array.of(attributes.float('value_float', 0)));
  if (attributes.has('value_int'))
    return numberConstant({ name, dims: [], type: 'integer' }, Float64Array.of(attributes.int('value_int', 0)));
  if (attributes.has('value_string')) return textConstant(name, [], [attributes.text('value_string', '')]);
  const floats = attributes.floats('value_floats');
  if (floats !== undefined)
    return numberConstant({ name, dims: [floats.length], type: 'float' }, Float64Array.from(floats));
  const ints = attributes.ints('value_ints');
  if (ints !== undefined)
    return numberConstant({ name, dims: [ints.length], type: 'integer' }, Float64Array.from(ints));
  const texts = attributes.texts('value_strings');
  if (texts !== undefined) return textConstant(name, [texts.length], texts);
  throw unsupported(node, 'its kind of value is not known');
}

const textType = 8;
const wholeTypes: ReadonlySet<number> = new Set([2, 3, 4, 5, 6, 7, 12, 13]);
const floatTypes: ReadonlySet<number> = new Set([1, 10, 11, 16]);

function castValue(context: NodeContext): Value {
  const value = inputAt(context, 0);
  const to = context.attributes.int('to', 0);
  switch (value.kind) {
    case 'outcome':
      return value;
    case 'label':
      return to === textType ? { ...value, classes: value.classes.map(String) } : value;
    case 'constant':
      return castConstant(context, value, to);
    case 'text':
      if (to === textType) return value;
      throw noCast(context);
    case 'tensor':
      return castTensor(context, value, to);
  }
}

function castTensor(context: NodeContext, value: TensorValue, to: number): Value {
  if (floatTypes.has(to)) return value;
  if (wholeTypes.has(to)) return { ...value, truncated: value.truncated || !isWhole(context, value) };
  // A sum of sigmoids is never zero.
  if (value.totalOf !== undefined && to === 9)
    return numberConstant({ name: nameOf(context.node), dims: value.dims, type: 'integer' }, Float64Array.of(1));
  throw noCast(context);
}

function noCast({ node }: NodeContext): AppError {
  return unsupported(node, 'it changes data to a type that is not supported (text to numbers, or to booleans)');
}

function isWhole({ features }: NodeContext, value: TensorValue): boolean {
  return (
    plainFeatures(value)?.every((feature) => features.wholeColumns.has(features.seeds[feature]?.column ?? -1)) === true
  );
}

function castConstant({ node }: NodeContext, value: Constant, to: number): Constant {
  const numbers = (): Float64Array =>
    value.type === 'text' ? Float64Array.from(value.texts(), Number) : Float64Array.from(value.numbers());
  if (floatTypes.has(to))
    return value.type === 'float'
      ? value
      : numberConstant({ name: value.name, dims: value.dims, type: 'float' }, numbers());
  if (to === 9)
    return numberConstant(
      { name: value.name, dims: value.dims, type: 'integer' },
      numbers().map((x) => (x === 0 ? 0 : 1)),
    );
  if (wholeTypes.has(to))
    return value.type === 'integer'
      ? value
      : numberConstant({ name: value.name, dims: value.dims, type: 'integer' }, numbers().map(Math.trunc));
  if (to !== 8) throw unsupported(node, 'it changes a constant to a type that is not supported');
  return value.type === 'text' ? value : textConstant(value.name, value.dims, Array.from(numbers(), String));
}
