import { addMatrices, stackRows } from '../sparse.ts';
import { invalid, unsupported } from './attributes.ts';
import {
  type NodeContext,
  type Operator,
  type Selectable,
  checkSize,
  fromAffine,
  integersAt,
  nameOf,
  scalarAt,
  selectElements,
  selectableAt,
  settleAt,
} from './context.ts';
import { complementaryPair } from './outcome.ts';
import { isUnchanged, sameFunction, unchanged } from './elementwise.ts';
import { batchOf, pickAlong } from './operators-shape.ts';
import { axisIn, sizeOf } from './shape.ts';
import { type Constant, numberConstant, textConstant } from './tensor.ts';
import type { Affine, TensorValue } from './value.ts';

/** Operators that put values side by side. */
export const joiningOperators: Readonly<Record<string, Operator>> = {
  Concat: (context) => [complementaryPair(context) ?? concatenate(context, context.attributes.int('axis', 1))],
  Pad: (context) => [pad(context)],
};

/** The inputs one after the other along `axis`. */
export function concatenate(context: NodeContext, stated: number): Selectable {
  const parts = context.inputs.map((_, index) => selectableAt(context, index));
  const [first] = parts;
  if (first === undefined) throw invalid(context.node, 'it has no inputs');
  const axis = axisIn(stated, first.dims.length);
  const fits = (part: Selectable): boolean =>
    part.dims.length === first.dims.length && part.dims.every((dim, i) => i === axis || dim === first.dims[i]);
  if (axis === undefined || !parts.every(fits)) throw invalid(context.node, 'its inputs have shapes that do not fit');
  const batch = Math.max(...parts.map(batchOf));
  if (axis === batch) throw unsupported(context.node, 'it puts records after one another');
  const dims = first.dims.map((dim, i) =>
    i === axis ? parts.reduce((sum, part) => sum + (part.dims[axis] ?? 1), 0) : dim,
  );
  checkSize(context, dims);
  const only = parts.length === 1 ? first : joined(context, parts);
  return selectElements(context, only, { map: concatMap(parts, axis), dims, batch });
}

function concatMap(parts: readonly Selectable[], axis: number): Int32Array {
  const blocks = parts.map((part) => sizeOf(part.dims.slice(axis)));
  const outer = sizeOf(parts[0]?.dims.slice(0, axis) ?? []);
  const map = new Int32Array(outer * blocks.reduce((sum, block) => sum + block, 0));
  let at = 0;
  for (let o = 0; o < outer; o += 1) {
    let start = 0;
    for (const block of blocks) {
      for (let i = 0; i < block; i += 1) map[at++] = start + o * block + i;
      start += outer * block;
    }
  }
  return map;
}

/** All elements of the parts in a row, as one value. */
function joined(context: NodeContext, parts: readonly Selectable[]): Selectable {
  const dims = [parts.reduce((sum, part) => sum + sizeOf(part.dims), 0)];
  if (parts.every((part) => part.kind === 'text'))
    return { kind: 'text', dims, batch: -1, columns: parts.flatMap((part) => part.columns) };
  if (parts.every((part) => part.kind === 'constant')) return joinedConstants(context, parts, dims);
  return joinedBranches(context, parts) ?? joinedAffines(context, parts, dims);
}

/** Branches that end in one function are one layer; undefined for others. */
function joinedBranches(context: NodeContext, parts: readonly Selectable[]): Selectable | undefined {
  const [first] = parts;
  if (first?.kind !== 'tensor' || isUnchanged(first.fn)) return undefined;
  if (!parts.every((part) => part.kind === 'tensor' && sameFunction(part.fn, first.fn))) return undefined;
  const under = joined(
    context,
    parts.map((part) => (part.kind === 'tensor' ? { ...part, fn: unchanged } : part)),
  );
  return under.kind === 'tensor' ? { ...under, fn: first.fn } : under;
}

function joinedAffines(context: NodeContext, parts: readonly Selectable[], dims: readonly number[]): TensorValue {
  const affines = parts.map((part) => asAffine(context, part));
  const sources = new Set(affines.flatMap((affine) => affine.source ?? []));
  const [source] = sources;
  if (source === undefined || sources.size > 1) {
    throw unsupported(
      context.node,
      'it joins values from different depths of the network',
      'Skip connections cannot be evaluated encrypted; use a network whose layers follow one another.',
    );
  }
  const base: Affine = {
    source,
    matrix: stackRows(affines.map((affine) => affine.matrix)),
    bias: Float64Array.from(affines.flatMap((affine) => Array.from(affine.bias))),
    names: affines.flatMap((affine) => affine.names),
  };
  const truncated = parts.some((part) => part.kind === 'tensor' && part.truncated);
  return { ...fromAffine(base, { dims, batch: -1 }), truncated };
}

function joinedConstants({ node }: NodeContext, parts: readonly Constant[], dims: readonly number[]): Constant {
  if (parts.every((part) => part.type === 'text'))
    return textConstant(
      nameOf(node),
      dims,
      parts.flatMap((part) => part.texts()),
    );
  const type = parts.every((part) => part.type === 'integer') ? 'integer' : 'float';
  return numberConstant(
    { name: nameOf(node), dims, type },
    Float64Array.from(parts.flatMap((part) => Array.from(part.numbers()))),
  );
}

/** A constant has no source of its own and fits to any. */
function asAffine(
  context: NodeContext,
  part: Selectable,
): Omit<Affine, 'source'> & { readonly source: Affine['source'] | undefined } {
  if (part.kind === 'text') throw unsupported(context.node, 'it joins text and numbers');
  if (part.kind === 'tensor') return settleAt(context, part);
  const bias = Float64Array.from(part.numbers());
  const nothing = {
    rows: bias.length,
    columns: 0,
    rowStart: new Uint32Array(bias.length + 1),
    columnIndex: new Uint32Array(0),
    values: new Float64Array(0),
  };
  return { source: undefined, matrix: nothing, bias, names: [] };
}

/** left + factor · right, both already of one shape and from one source. */
export function addAffines(
  left: Affine,
  right: Affine,
  options: { readonly factor: number; readonly name: string },
): Affine {
  const { factor, name } = options;
  return {
    source: left.source,
    matrix: addMatrices(left.matrix, right.matrix, factor),
    bias: left.bias.map((value, i) => value + factor * (right.bias[i] ?? 0)),
    names: [...new Set([...left.names, ...right.names, name])],
  };
}

/** Zeros (or a constant) around the data. */
function pad(context: NodeContext): Selectable {
  let value = selectableAt(context, 0);
  if (context.attributes.text('mode', 'constant') !== 'constant')
    throw unsupported(context.node, 'only constant padding is supported');
  const fill = scalarAt(context, 2) ?? context.attributes.float('value', 0);
  for (const padding of paddings(context, value.dims.length)) {
    if (padding.before < 0 || padding.after < 0) throw unsupported(context.node, 'it cuts elements off');
    if (padding.before + padding.after > 0) value = padAxis(context, value, { ...padding, fill });
  }
  return value;
}

function paddings(context: NodeContext, rank: number): Omit<AxisPadding, 'fill'>[] {
  const pads = integersAt(context, 1) ?? context.attributes.ints('pads') ?? [];
  const axes = integersAt(context, 3) ?? Array.from({ length: rank }, (_, axis) => axis);
  return axes.map((stated, i) => ({ stated, before: pads[i] ?? 0, after: pads[i + axes.length] ?? 0 }));
}

interface AxisPadding {
  readonly stated: number;
  readonly before: number;
  readonly after: number;
  readonly fill: number;
}

function padAxis(context: NodeContext, value: Selectable, { stated, before, after, fill }: AxisPadding): Selectable {
  const axis = axisIn(stated, value.dims.length);
  if (axis === undefined) throw invalid(context.node, `there is no axis ${String(stated)}`);
  checkSize(context, [...value.dims, before + after]);
  const along = value.dims[axis] ?? 1;
  const picks = Array.from({ length: before + along + after }, (_, at) => (at - before < along ? at - before : -1));
  return pickAlong(context, value, { axis, picks, fill });
}
