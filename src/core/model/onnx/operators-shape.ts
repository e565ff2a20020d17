import type { ClassLabel } from '../ir.ts';
import { invalid, unsupported } from './attributes.ts';
import {
  type NodeContext,
  type Operator,
  type Selectable,
  type Shape,
  checkSize,
  constantAt,
  inputAt,
  integersAt,
  nameOf,
  selectElements,
  selectableAt,
} from './context.ts';
import { secondProbability } from './outcome.ts';
import { axisIn, axisMap, reshape, sizeOf, stridedMap, stridesOf } from './shape.ts';
import { type Constant, numberConstant } from './tensor.ts';
import type { Value } from './value.ts';

/** Operators that pick, arrange and rename elements. */
export const shapeOperators: Readonly<Record<string, Operator>> = {
  Identity: (context) => [inputAt(context, 0)],
  // In evaluation nothing is dropped.
  Dropout: (context) => [inputAt(context, 0)],
  Shape: (context) => [shapeOf(context)],
  Reshape: (context) => [passEnd(context) ?? reshapeValue(context)],
  Flatten: (context) => [passEnd(context) ?? flatten(context)],
  Squeeze: (context) => [passEnd(context) ?? squeeze(context)],
  Unsqueeze: (context) => [passEnd(context) ?? unsqueeze(context)],
  Transpose: (context) => [transposeValue(context)],
  Gather: (context) => [gather(context)],
  Slice: (context) => [sliceEnd(context) ?? slice(context)],
};

/** Scores and labels keep their meaning, whatever shape they are given. */
function passEnd(context: NodeContext): Value | undefined {
  const value = inputAt(context, 0);
  return value.kind === 'outcome' || value.kind === 'label' ? value : undefined;
}

/** One against the rest: the second column of [1 - p, p] is that class's probability, to be put beside those of the others. */
function sliceEnd(context: NodeContext): Value | undefined {
  const value = passEnd(context);
  if (value?.kind !== 'outcome') return value;
  const [only, ...others] = slicesOf(context);
  const isSecond = only?.start === 1 && only.end >= 2 && others.length === 0;
  return (isSecond ? secondProbability(context, value) : undefined) ?? value;
}

/** Which axis counts records; -1 when there is none. */
export function batchOf(value: Selectable): number {
  return value.kind === 'constant' ? -1 : value.batch;
}

function shapeOf(context: NodeContext): Constant {
  const value = selectableAt(context, 0);
  const batch = batchOf(value);
  const dims = value.dims.map((dim, axis) => (axis === batch ? (context.fixedBatch ?? NaN) : dim));
  const end = context.attributes.int('end', dims.length);
  const part = dims.slice(context.attributes.int('start', 0), end);
  return numberConstant({ name: nameOf(context.node), dims: [part.length], type: 'integer' }, Float64Array.from(part));
}

function reshaped(value: Selectable, { dims, batch }: Shape): Selectable {
  return value.kind === 'constant' ? { ...value, dims } : { ...value, dims, batch };
}

function reshapeValue(context: NodeContext): Selectable {
  const value = selectableAt(context, 0);
  const entries = integersAt(context, 1) ?? context.attributes.ints('shape');
  if (entries === undefined) throw invalid(context.node, 'it has no target shape');
  const zeroIsZero = context.attributes.int('allowzero', 0) === 1;
  const shape = reshape(
    { dims: value.dims, batch: batchOf(value) },
    { entries, zeroIsZero, fixedBatch: context.fixedBatch },
  );
  if (shape === undefined)
    throw invalid(
      context.node,
      `the shape [${value.dims.join(', ')}] of a record cannot become [${entries.join(', ')}]`,
    );
  return reshaped(value, shape);
}

function flatten(context: NodeContext): Selectable {
  const value = selectableAt(context, 0);
  const axis = context.attributes.int('axis', 1);
  const split = axis < 0 ? axis + value.dims.length : axis;
  const [before, after] = [sizeOf(value.dims.slice(0, split)), sizeOf(value.dims.slice(split))];
  const batch = batchOf(value);
  if ((batch >= 0 && batch < split && before !== 1) || batch >= split)
    throw unsupported(context.node, 'it mixes records');
  return reshaped(value, { dims: [before, after], batch: batch < 0 ? -1 : 0 });
}

/** Axes stood in an attribute until opset 12. */
function axesOf(context: NodeContext, rank: number): number[] | undefined {
  const axes = integersAt(context, 1) ?? context.attributes.ints('axes');
  return axes?.map((axis) => {
    const positive = axisIn(axis, rank);
    if (positive === undefined) throw invalid(context.node, `there is no axis ${String(axis)}`);
    return positive;
  });
}

function squeeze(context: NodeContext): Selectable {
  const value = selectableAt(context, 0);
  const batch = batchOf(value);
  const axes =
    axesOf(context, value.dims.length) ??
    value.dims.flatMap((dim, axis) => (dim === 1 && axis !== batch ? [axis] : []));
  if (axes.includes(batch)) throw unsupported(context.node, 'it removes the axis of the records');
  if (axes.some((axis) => value.dims[axis] !== 1))
    throw invalid(context.node, 'it removes an axis of more than one element');
  const dims = value.dims.filter((_, axis) => !axes.includes(axis));
  return reshaped(value, { dims, batch: batch - axes.filter((axis) => axis < batch).length });
}

function unsqueeze(context: NodeContext): Selectable {
  const value = selectableAt(context, 0);
  const count = (integersAt(context, 1) ?? context.attributes.ints('axes') ?? []).length;
  const axes = axesOf(context, value.dims.length + count) ?? [];
  const rest = value.dims.map((dim, axis) => ({ dim, isBatch: axis === batchOf(value) }));
  const placed = Array.from({ length: value.dims.length + count }, (_, axis) =>
    axes.includes(axis) ? { dim: 1, isBatch: false } : rest.shift(),
  );
  return reshaped(value, {
    dims: placed.map((axis) => axis?.dim ?? 1),
    batch: placed.findIndex((axis) => axis?.isBatch),
  });
}

function transposeValue(context: NodeContext): Selectable {
  const value = selectableAt(context, 0);
  const rank = value.dims.length;
  const order = context.attributes.ints('perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  if (order.length !== rank || new Set(order).size !== rank)
    throw invalid(context.node, 'its order of axes does not fit');
  const strides = stridesOf(value.dims);
  const dims = order.map((axis) => value.dims[axis] ?? 1);
  const map = stridedMap(
    dims,
    order.map((axis) => strides[axis] ?? 0),
  );
  return selectElements(context, value, { map, dims, batch: batchOf(value) < 0 ? -1 : order.indexOf(batchOf(value)) });
}

/** Picks along an axis that does not count records. */
export function pickAlong(
  context: NodeContext,
  value: Selectable,
  pick: { readonly axis: number; readonly picks: readonly number[]; readonly fill?: number },
): Selectable {
  const { axis, picks, fill = 0 } = pick;
  const along = value.dims[axis] ?? 1;
  if (axis === batchOf(value)) throw unsupported(context.node, 'it picks some of the records');
  const wanted = picks.map((index) =>
    index < 0 && index >= -along && pick.fill === undefined ? index + along : index,
  );
  if (wanted.some((index) => index >= along || (index < 0 && pick.fill === undefined)))
    throw invalid(context.node, 'it picks an element that does not exist');
  const dims = value.dims.map((dim, i) => (i === axis ? picks.length : dim));
  checkSize(context, dims);
  return selectElements(context, value, { map: axisMap(value.dims, axis, wanted), dims, batch: batchOf(value), fill });
}

/** Columns by number, or the names of the classes by the predicted index. */
function gather(context: NodeContext): Value {
  const indices = inputAt(context, 1);
  if (indices.kind === 'label') return { ...indices, classes: lookUp(constantAt(context, 0), indices.classes) };
  const end = passEnd(context);
  if (end !== undefined) return end;
  const value = selectableAt(context, 0);
  const axis = axisIn(context.attributes.int('axis', 0), value.dims.length);
  if (axis === undefined) throw invalid(context.node, 'there is no such axis');
  const picked = pickAlong(context, value, { axis, picks: integersAt(context, 1) ?? [] });
  const rank = constantAt(context, 1).dims.length;
  if (rank > 1) throw unsupported(context.node, 'its indices have more than one axis');
  if (rank === 1) return picked;
  const batch = batchOf(picked);
  return reshaped(picked, { dims: picked.dims.filter((_, i) => i !== axis), batch: batch > axis ? batch - 1 : batch });
}

/** names[i] for each class i; the graph looks the label up by its index. */
export function lookUp(names: Constant, classes: readonly ClassLabel[]): ClassLabel[] {
  const all: readonly ClassLabel[] = names.type === 'text' ? names.texts() : Array.from(names.numbers());
  return classes.map((label) => (typeof label === 'number' ? (all[label] ?? label) : label));
}

function slice(context: NodeContext): Selectable {
  let value = selectableAt(context, 0);
  for (const part of slicesOf(context)) {
    const axis = axisIn(part.axis, value.dims.length);
    if (axis === undefined) throw invalid(context.node, 'there is no such axis');
    const picks = slicePicks(part, value.dims[axis] ?? 1);
    if (picks.length === 0) throw invalid(context.node, 'it takes an empty slice');
    const isWhole = axis === batchOf(value) && part.start === 0 && part.end > 2 ** 30;
    if (!isWhole) value = pickAlong(context, value, { axis, picks });
  }
  return value;
}

interface AxisSlice {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Until opset 9 they stood in attributes. */
function slicesOf(context: NodeContext): AxisSlice[] {
  const list = (index: number, name: string): readonly number[] | undefined =>
    integersAt(context, index) ?? context.attributes.ints(name);
  const [starts = [], ends = [], axes, steps] = [list(1, 'starts'), list(2, 'ends'), list(3, 'axes'), list(4, 'steps')];
  if (ends.length !== starts.length) throw invalid(context.node, 'it has not as many ends as starts');
  return starts.map((start, i) => ({ axis: axes?.[i] ?? i, start, end: ends[i] ?? 0, step: steps?.[i] ?? 1 }));
}

function slicePicks({ start, end, step }: AxisSlice, along: number): number[] {
  const bound = (index: number, low: number, high: number): number =>
    Math.min(high, Math.max(low, index < 0 ? index + along : index));
  const picks: number[] = [];
  if (step > 0) for (let i = bound(start, 0, along); i < bound(end, 0, along); i += step) picks.push(i);
  if (step < 0) for (let i = bound(start, 0, along - 1); i > bound(end, -1, along - 1); i += step) picks.push(i);
  return picks;
}
