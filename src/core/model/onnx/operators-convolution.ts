import type { SparseMatrix } from '../ir.ts';
import { rowBuilder } from '../sparse.ts';
import { invalid, unsupported } from './attributes.ts';
import {
  type NodeContext,
  type Operator,
  checkEntries,
  checkSize,
  constantAt,
  inputAt,
  integersAt,
  mapTensor,
  nameOf,
  tensorAt,
  weightsAt,
} from './context.ts';
import { combine } from './operators-arithmetic.ts';
import { axisIn, sizeOf, stridedMap, stridesOf } from './shape.ts';
import { sumsToOne, underLink } from './outcome.ts';
import { type NumberArray, notFinite, numberConstant } from './tensor.ts';
import type { TensorValue, Value } from './value.ts';
import { type Windows, windowsOf } from './window.ts';

/** Linear operators over images and other data with spatial axes. */
export const convolutionOperators: Readonly<Record<string, Operator>> = {
  Conv: (context) => [convolution(context)],
  AveragePool: (context) => [averagePool(context)],
  GlobalAveragePool: (context) => [
    reduce(context, tensorAt(context, 0), { axes: spatialAxes(tensorAt(context, 0)), keep: true, mean: true }),
  ],
  ReduceMean: (context) => [reduceNode(context, true)],
  ReduceSum: (context) => [reduceNode(context, false)],
  BatchNormalization: (context) => [batchNormalization(context)],
};

/** [records, channels, spatial axes…] */
function imageAt(context: NodeContext): TensorValue {
  const tensor = tensorAt(context, 0);
  if (tensor.dims.length < 3)
    throw invalid(
      context.node,
      `its input has the shape [${tensor.dims.join(', ')}]; channels and spatial axes are expected`,
    );
  if (tensor.batch > 0 || tensor.dims[0] !== 1) throw unsupported(context.node, 'it mixes records');
  return tensor;
}

function spatialAxes(tensor: TensorValue): number[] {
  return tensor.dims.flatMap((_, axis) => (axis >= 2 ? [axis] : []));
}

interface Filters {
  readonly channels: number;
  readonly spatial: readonly number[];
  readonly filters: number;
  /** Channels that a filter reads. */
  readonly depth: number;
  readonly kernel: readonly number[];
  readonly group: number;
}

function filtersOf(context: NodeContext, tensor: TensorValue): Filters {
  const { node, attributes } = context;
  const [, channels = 1, ...spatial] = tensor.dims;
  const [filters = 0, depth = 0, ...kernel] = constantAt(context, 1).dims;
  const group = attributes.int('group', 1);
  if (kernel.length !== spatial.length || depth * group !== channels || filters % group !== 0) {
    throw invalid(
      node,
      `filters of shape [${constantAt(context, 1).dims.join(', ')}] in ${String(group)} groups do not fit an input of shape [${tensor.dims.join(', ')}]`,
    );
  }
  return { channels, spatial, filters, depth, kernel, group };
}

function convolution(context: NodeContext): TensorValue {
  const tensor = imageAt(context);
  const shape = filtersOf(context, tensor);
  const { filters, depth, spatial, kernel } = shape;
  const windows = windowsOf(context, spatial, kernel);
  const dims = [1, filters, ...windows.dims];
  checkSize(context, dims);
  checkEntries(context, filters * depth * windows.inputs.reduce((sum, window) => sum + window.length, 0));
  const weights = weightsAt(context, 1);
  const filterBias = context.inputs[2] === undefined ? new Float64Array(filters) : weightsAt(context, 2, filters);
  const outputSize = sizeOf(windows.dims);
  const bias = Float64Array.from(
    { length: filters * outputSize },
    (_, i) => filterBias[Math.floor(i / outputSize)] ?? 0,
  );
  const matrix = convolutionMatrix(shape, windows, weights);
  return mapTensor(context, tensor, { dims, batch: tensor.batch, matrix, bias });
}

/** A row for each filter and position: the filter's weights where its window lies. */
function convolutionMatrix(
  { channels, spatial, filters, depth, kernel, group }: Filters,
  windows: Windows,
  weights: NumberArray,
): SparseMatrix {
  const [inputSize, kernelSize] = [sizeOf(spatial), sizeOf(kernel)];
  const builder = rowBuilder(channels * inputSize);
  for (let filter = 0; filter < filters; filter += 1) {
    const firstChannel = Math.floor((filter * group) / filters) * depth;
    for (const [at, window] of windows.inputs.entries()) {
      const taps = windows.taps[at] ?? window;
      for (let channel = 0; channel < depth; channel += 1) {
        const [from, weight] = [(firstChannel + channel) * inputSize, (filter * depth + channel) * kernelSize];
        for (const [i, position] of window.entries())
          builder.add(from + position, weights[weight + (taps[i] ?? 0)] ?? 0);
      }
      builder.endRow();
    }
  }
  return builder.finish();
}

function averagePool(context: NodeContext): TensorValue {
  const { node, attributes } = context;
  const tensor = imageAt(context);
  const [, channels = 1, ...spatial] = tensor.dims;
  const kernel = attributes.ints('kernel_shape') ?? [];
  if (kernel.length !== spatial.length) throw invalid(node, 'its window has not as many axes as its input');
  const windows = windowsOf(context, spatial, kernel);
  const countsPadding = attributes.int('count_include_pad', 0) !== 0;
  const inputSize = sizeOf(spatial);
  const dims = [1, channels, ...windows.dims];
  checkEntries(context, channels * windows.inputs.reduce((sum, window) => sum + window.length, 0));
  const builder = rowBuilder(channels * inputSize);
  for (let channel = 0; channel < channels; channel += 1) {
    for (const window of windows.inputs) {
      const share = 1 / (countsPadding ? sizeOf(kernel) : Math.max(1, window.length));
      for (const position of window) builder.add(channel * inputSize + position, share);
      builder.endRow();
    }
  }
  return mapTensor(context, tensor, { dims, batch: tensor.batch, matrix: builder.finish() });
}

/** Axes stood in an attribute until opset 12 (sums) and 17 (means). */
function reduceNode(context: NodeContext, mean: boolean): Value {
  const { attributes, node } = context;
  const value = inputAt(context, 0);
  if (value.kind === 'outcome' && !mean && sumsToOne(value))
    return numberConstant({ name: nameOf(node), dims: [1, 1], type: 'float' }, Float64Array.of(1));
  const tensor = tensorAt(context, 0);
  const axes = reducedAxes(context, tensor.dims.length);
  if (axes.length === 0) return tensor;
  const reduced = reduce(context, tensor, { axes, keep: attributes.int('keepdims', 1) !== 0, mean });
  const isTotal = !mean && sizeOf(reduced.dims) === 1 && underLink(tensor).link === 'sigmoid';
  return isTotal ? { ...reduced, totalOf: tensor } : reduced;
}

function reducedAxes(context: NodeContext, rank: number): readonly number[] {
  const { attributes, node } = context;
  const stated = integersAt(context, 1) ?? attributes.ints('axes') ?? [];
  if (stated.length === 0 && attributes.int('noop_with_empty_axes', 0) === 0) {
    return Array.from({ length: rank }, (_, axis) => axis);
  }
  return stated.map((axis) => {
    const positive = axisIn(axis, rank);
    if (positive === undefined) throw invalid(node, `there is no axis ${String(axis)}`);
    return positive;
  });
}

interface Reduction {
  readonly axes: readonly number[];
  readonly keep: boolean;
  readonly mean: boolean;
}

function reduce(context: NodeContext, tensor: TensorValue, { axes, keep, mean }: Reduction): TensorValue {
  if (axes.includes(tensor.batch)) throw unsupported(context.node, 'it adds records up');
  const kept = tensor.dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  const strides = stridesOf(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
  const members = Array.from({ length: sizeOf(kept) }, (): number[] => []);
  for (const [from, to] of stridedMap(tensor.dims, strides).entries()) members[to]?.push(from);
  const builder = rowBuilder(sizeOf(tensor.dims));
  for (const row of members) {
    for (const from of row) builder.add(from, mean ? 1 / row.length : 1);
    builder.endRow();
  }
  const dims = keep ? kept : kept.filter((_, axis) => !axes.includes(axis));
  const batch = keep ? tensor.batch : tensor.batch - axes.filter((axis) => axis < tensor.batch).length;
  return mapTensor(context, tensor, { dims, batch, matrix: builder.finish() });
}

/** scale (x - mean) / sqrt(variance + epsilon) + bias, a channel each, with the statistics of the training. */
function batchNormalization(context: NodeContext): Value {
  const { node, attributes } = context;
  const tensor = tensorAt(context, 0);
  if (attributes.int('training_mode', 0) !== 0)
    throw unsupported(node, 'it was exported for training', 'Call model.eval() before the export.');
  const channels = tensor.dims[1] ?? 1;
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) => weightsAt(context, index, channels));
  const epsilon = attributes.float('epsilon', 1e-5);
  const factors = Float64Array.from(
    { length: channels },
    (_, i) => (scale?.[i] ?? 0) / Math.sqrt((variance?.[i] ?? 0) + epsilon),
  );
  if (!factors.every(Number.isFinite)) throw notFinite(constantAt(context, 4).name);
  const shifts = factors.map((factor, i) => (bias?.[i] ?? 0) - factor * (mean?.[i] ?? 0));
  const dims = [channels, ...tensor.dims.slice(2).map(() => 1)];
  const vector = (numbers: Float64Array) =>
    numberConstant({ name: node.name, dims: tensor.dims.length < 2 ? [] : dims, type: 'float' }, numbers);
  return combine(context, 'Add', [combine(context, 'Mul', [tensor, vector(factors)]), vector(shifts)]);
}
