import { scaleRows } from '../sparse.ts';
import { lineBetween, settle } from './settle.ts';
import { invalid, unsupported } from './attributes.ts';
import {
  type NodeContext,
  type Operator,
  type Shape,
  checkSize,
  fromAffine,
  inputAt,
  nameOf,
  scalarAt,
  selectElements,
  settleAt,
  tensorAt,
} from './context.ts';
import {
  type Elementwise,
  addFunctions,
  addPolynomials,
  sameFunction,
  multiplyPolynomials,
  constantFunction,
  multiplyFunctions,
  unchanged,
} from './elementwise.ts';
import { broadcastDims, broadcastMap, sizeOf } from './shape.ts';
import { type Constant, type NumberArray, finiteNumbers, numberConstant } from './tensor.ts';
import { addAffines } from './operators-join.ts';
import { normalizeEnd } from './outcome.ts';
import type { Outcome, TensorValue, Value } from './value.ts';

type Sign = 'Add' | 'Sub' | 'Mul' | 'Div';

export const arithmeticOperators: Readonly<Record<string, Operator>> = {
  Add: (context) => [binary(context, 'Add')],
  Sub: (context) => [binary(context, 'Sub')],
  Mul: (context) => [binary(context, 'Mul')],
  Div: (context) => [probabilitiesBy(context) ?? binary(context, 'Div')],
  Sum: (context) => [sum(context)],
  Neg: (context) => [onConstant(context, (x) => -x) ?? combine(context, 'Mul', [tensorAt(context, 0), scalar(-1)])],
  Pow: (context) => [power(context)],
  Not: (context) => [onlyConstant(context, (x) => (x === 0 ? 1 : 0))],
  Sqrt: (context) => [onlyConstant(context, Math.sqrt)],
  Reciprocal: (context) => [onConstant(context, (x) => 1 / x) ?? reciprocal(context, tensorAt(context, 0))],
  Abs: (context) => [onlyConstant(context, Math.abs)],
};

function scalar(value: number): Constant {
  return numberConstant({ name: '', dims: [], type: 'float' }, Float64Array.of(value));
}

function binary(context: NodeContext, sign: Sign): Value {
  return combine(context, sign, [operand(context, 0), operand(context, 1)]);
}

function operand(context: NodeContext, index: number): Constant | TensorValue {
  const value = inputAt(context, index);
  return value.kind === 'constant' ? value : tensorAt(context, index);
}

function sum(context: NodeContext): Value {
  let total = operand(context, 0);
  for (let index = 1; index < context.inputs.length; index += 1)
    total = combine(context, 'Add', [total, operand(context, index)]);
  return total;
}

/** a sign b, stretched to a common shape. */
export function combine(
  context: NodeContext,
  sign: Sign,
  [a, b]: readonly [Constant | TensorValue, Constant | TensorValue],
): Constant | TensorValue {
  if (a.kind === 'constant')
    return b.kind === 'constant' ? foldConstants(context, sign, [a, b]) : constantFirst(context, sign, [a, b]);
  if (b.kind === 'constant') return withConstant(context, sign, [a, b]);
  if (sign === 'Div') return divideTensors(context, a, b);
  return sign === 'Mul' ? multiplyTensors(context, a, b) : addTensors(context, [a, b], sign === 'Add' ? 1 : -1);
}

function constantFirst(context: NodeContext, sign: Sign, [a, b]: readonly [Constant, TensorValue]): TensorValue {
  if (sign === 'Div') return withConstant(context, 'Mul', [reciprocal(context, b), a]);
  const second = sign === 'Sub' ? withConstant(context, 'Mul', [b, scalar(-1)]) : b;
  return withConstant(context, sign === 'Mul' ? 'Mul' : 'Add', [second, a]);
}

/** A number for all elements stays part of the function; others become rows of the matrix. */
function withConstant(
  context: NodeContext,
  sign: Sign,
  [tensor, constant]: readonly [TensorValue, Constant],
): TensorValue {
  const numbers = finiteNumbers(constant);
  const shape = stretch(context, [tensor, { dims: constant.dims, batch: -1 }]);
  if (sign === 'Div' && numbers.includes(0)) throw invalid(context.node, 'it divides by zero');
  const isNumber = numbers.every((number) => number === numbers[0]) && sizeOf(shape.dims) === sizeOf(tensor.dims);
  const fn = isNumber ? withNumber(tensor.fn, sign, numbers[0] ?? 0) : undefined;
  if (fn !== undefined) return { ...tensor, ...shape, fn };
  const map = broadcastMap(constant.dims, shape.dims);
  const all = Float64Array.from(map, (from) => signed(sign, numbers[from] ?? 0));
  const base = settleAt(context, stretched(context, tensor, shape));
  const names = [...base.names, nameOf(context.node)];
  const affine = isProduct(sign)
    ? { ...base, names, matrix: scaleRows(base.matrix, all), bias: base.bias.map((x, i) => x * (all[i] ?? 0)) }
    : { ...base, names, bias: base.bias.map((x, i) => x + (all[i] ?? 0)) };
  return fromAffine(affine, shape);
}

function withNumber(fn: Elementwise, sign: Sign, value: number): Elementwise | undefined {
  const constant = constantFunction(signed(sign, value));
  return isProduct(sign) ? multiplyFunctions(fn, constant) : addFunctions(fn, constant);
}

function isProduct(sign: Sign): boolean {
  return sign === 'Mul' || sign === 'Div';
}

function signed(sign: Sign, value: number): number {
  return sign === 'Sub' ? -value : sign === 'Div' ? 1 / value : value;
}

/** The common shape of two values. */
function stretch(context: NodeContext, [a, b]: readonly [Shape, Shape]): Shape {
  const dims = broadcastDims(a.dims, b.dims);
  if (dims === undefined)
    throw invalid(context.node, `the shapes [${a.dims.join(', ')}] and [${b.dims.join(', ')}] do not fit`);
  checkSize(context, dims);
  const batches = [a, b].flatMap(({ dims: own, batch }) => (batch < 0 ? [] : [batch + dims.length - own.length]));
  const [batch = -1] = batches;
  if (batches.some((other) => other !== batch) || (batch >= 0 && dims[batch] !== 1))
    throw unsupported(context.node, 'it mixes records');
  return { dims, batch };
}

function stretched(context: NodeContext, tensor: TensorValue, shape: Shape): TensorValue {
  const value = selectElements(context, tensor, { map: broadcastMap(tensor.dims, shape.dims), ...shape });
  if (value.kind !== 'tensor') throw new RangeError('a tensor stays one');
  return value;
}

function addTensors(context: NodeContext, [a, b]: readonly [TensorValue, TensorValue], factor: 1 | -1): TensorValue {
  const shape = stretch(context, [a, b]);
  const same = onOneBase(stretched(context, a, shape), stretched(context, b, shape));
  const other = same && multiplyFunctions(same[1].fn, constantFunction(factor));
  const fn = same && other && addFunctions(same[0].fn, other);
  if (same !== undefined && fn !== undefined && !isResidual(fn)) return { ...same[0], fn };
  const [x, y] = [settleAt(context, stretched(context, a, shape)), settleAt(context, stretched(context, b, shape))];
  if (x.source !== y.source) {
    throw unsupported(
      context.node,
      'it adds values from different depths of the network (a residual connection)',
      'Skip connections cannot be evaluated encrypted; use a network whose layers follow one another.',
    );
  }
  return fromAffine(addAffines(x, y, { factor, name: nameOf(context.node) }), shape);
}

/** p(t) + c · atom: a value added to a function of it. Of Relu it is another slope; with a factor of t it may become a GELU. */
function isResidual({ plain, factor, atom }: Elementwise): boolean {
  return atom !== undefined && atom.kind !== 'relu' && plain.length > 1 && factor.length === 1;
}

/** The two as functions of the same affine map, where one is a line over what the other is a function of. */
function onOneBase(a: TensorValue, b: TensorValue): readonly [TensorValue, TensorValue] | undefined {
  if (a.base === b.base) return [a, b];
  const onto = (tensor: TensorValue, { base }: TensorValue): TensorValue | undefined => {
    const affine = settle(tensor);
    const line = affine && lineBetween(affine, base);
    return line && { ...tensor, base, fn: { ...unchanged, plain: line } };
  };
  const first = onto(a, b);
  if (first !== undefined) return [first, b];
  const second = onto(b, a);
  return second && [a, second];
}

function multiplyTensors(context: NodeContext, a: TensorValue, b: TensorValue): TensorValue {
  const same = a.dims.join() === b.dims.join() ? onOneBase(a, b) : undefined;
  const fn = same && multiplyFunctions(same[0].fn, same[1].fn, nameOf(context.node));
  if (same !== undefined && fn !== undefined) return { ...same[0], fn };
  const [x, y] = [settleAt(context, a), settleAt(context, b)];
  const line = a.dims.join() === b.dims.join() ? lineBetween(x, y) : undefined;
  if (line !== undefined) return { ...a, base: y, fn: productOf(context, line) };
  throw unsupported(
    context.node,
    'it multiplies two different values that both depend on the data',
    'Only a value and itself, or a value and a constant, can be multiplied.',
  );
}

function divideTensors(context: NodeContext, a: TensorValue, b: TensorValue): TensorValue {
  return multiplyTensors(context, a, reciprocal(context, b));
}

/** 1 / (c + d e^u) is a sigmoid: σ(-u - ln(d / c)) / c. */
function reciprocal({ node }: NodeContext, tensor: TensorValue): TensorValue {
  const { plain, factor, atom, name } = tensor.fn;
  const [[c = 0], [d = 0]] = [plain, factor];
  if (atom?.kind !== 'exp' || plain.length > 1 || factor.length > 1 || c <= 0 || d <= 0)
    throw unsupported(node, 'it divides by a value that depends on the data');
  const argument = addPolynomials(multiplyPolynomials(atom.argument, [-1]), [-Math.log(d / c)]);
  return { ...tensor, fn: { plain: [0], factor: [1 / c], atom: { kind: 'sigmoid', slope: 0, argument }, name } };
}

/** Probabilities of one class against the rest, divided by their sum. */
function probabilitiesBy(context: NodeContext): Outcome | undefined {
  const [a, b] = context.inputs;
  if (a?.kind === 'outcome') return isOne(b) ? a : undefined;
  return a?.kind === 'tensor' && isTotalOf(b, a) ? normalizeEnd(context, a, 'l1') : undefined;
}

function isOne(value: Value | undefined): boolean {
  return value?.kind === 'constant' && value.numbers().every((number) => number === 1);
}

function isTotalOf(value: Value | undefined, tensor: TensorValue): boolean {
  const of = value?.kind === 'tensor' ? value.totalOf : undefined;
  return of?.base === tensor.base && sameFunction(of.fn, tensor.fn);
}

/** (a + b t) t */
function productOf(context: NodeContext, [a = 0, b = 0]: readonly number[]): Elementwise {
  return { ...unchanged, plain: [0, a, b], name: nameOf(context.node) };
}

function power(context: NodeContext): Value {
  const exponent = scalarAt(context, 1) ?? 1;
  const folded = onConstant(context, (x) => x ** exponent);
  if (folded !== undefined) return folded;
  if (!Number.isInteger(exponent) || exponent < 1 || exponent > 16)
    throw unsupported(context.node, `the power ${String(exponent)} is no polynomial of low degree`);
  let tensor = tensorAt(context, 0);
  // The power of what is no polynomial itself begins a layer of its own.
  if (tensor.fn.atom !== undefined) tensor = fromAffine(settleAt(context, tensor), tensor);
  let fn: Elementwise | undefined = tensor.fn;
  for (let i = 1; i < exponent && fn !== undefined; i += 1) fn = multiplyFunctions(fn, tensor.fn, nameOf(context.node));
  return { ...tensor, fn: fn ?? tensor.fn };
}

/** The function of a constant's elements; undefined when the input depends on the data. */
function onConstant(context: NodeContext, apply: (x: number) => number): Constant | undefined {
  const value = inputAt(context, 0);
  if (value.kind !== 'constant') return undefined;
  return numberConstant(
    { name: value.name, dims: value.dims, type: value.type === 'integer' ? 'integer' : 'float' },
    Float64Array.from(value.numbers(), apply),
  );
}

function onlyConstant(context: NodeContext, apply: (x: number) => number): Constant {
  const value = onConstant(context, apply);
  if (value === undefined)
    throw unsupported(context.node, 'this function of the data is neither affine nor a known activation');
  return value;
}

const folds: Readonly<Record<Sign, (x: number, y: number) => number>> = {
  Add: (x, y) => x + y,
  Sub: (x, y) => x - y,
  Mul: (x, y) => x * y,
  Div: (x, y) => x / y,
};

function foldConstants(context: NodeContext, sign: Sign, [a, b]: readonly [Constant, Constant]): Constant {
  const { dims } = stretch(context, [
    { dims: a.dims, batch: -1 },
    { dims: b.dims, batch: -1 },
  ]);
  const type = a.type === 'integer' && b.type === 'integer' ? 'integer' : 'float';
  const [x, y]: readonly NumberArray[] = [a.numbers(), b.numbers()];
  const [mapX, mapY] = [broadcastMap(a.dims, dims), broadcastMap(b.dims, dims)];
  const folded = Float64Array.from(mapX, (from, i) => folds[sign](x?.[from] ?? NaN, y?.[mapY[i] ?? 0] ?? NaN));
  return numberConstant(
    { name: `${a.name}, ${b.name}`, dims, type },
    sign === 'Div' && type === 'integer' ? folded.map(Math.trunc) : folded,
  );
}
