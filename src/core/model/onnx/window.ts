import { invalid, unsupported } from './attributes.ts';
import { type NodeContext, checkSize } from './context.ts';
import { sizeOf, stridedMap, stridesOf } from './shape.ts';

/** Where the window of a convolution or a pooling lies for each output position. */
export interface Windows {
  /** Spatial axes of the output. */
  readonly dims: readonly number[];
  /** For each output position: the input positions in the window (ascending), and the kernel's element at each of them. */
  readonly inputs: readonly Int32Array[];
  readonly taps: readonly Int32Array[];
}

interface Axis {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly output: number;
}

/**
 * The windows of a node with the attributes strides, dilations, pads and auto_pad; positions in the padding are left out.
 * @param spatial the input's spatial axes
 * @param kernel the window's size along each
 */
export function windowsOf(context: NodeContext, spatial: readonly number[], kernel: readonly number[]): Windows {
  const axes = spatial.map((size, axis) =>
    axisOf(context, axis, { size, kernel: kernel[axis] ?? 1, count: spatial.length }),
  );
  const dims = axes.map(({ output }) => output);
  checkSize(context, [...dims, sizeOf(kernel)]);
  const kernelIndex = indexTable(kernel);
  const inputs: Int32Array[] = [];
  const taps: Int32Array[] = [];
  for (const position of indexTable(dims)) {
    const found: number[] = [];
    const tapsFound: number[] = [];
    for (const [tap, offset] of kernelIndex.entries()) {
      const input = inputPosition(axes, position, offset);
      if (input === undefined) continue;
      found.push(input);
      tapsFound.push(tap);
    }
    inputs.push(Int32Array.from(found));
    taps.push(Int32Array.from(tapsFound));
  }
  return { dims, inputs, taps };
}

function inputPosition(
  axes: readonly Axis[],
  position: readonly number[],
  offset: readonly number[],
): number | undefined {
  let flat = 0;
  for (const [i, { size, stride, dilation, before }] of axes.entries()) {
    const at = (position[i] ?? 0) * stride + (offset[i] ?? 0) * dilation - before;
    if (at < 0 || at >= size) return undefined;
    flat = flat * size + at;
  }
  return flat;
}

function axisOf(
  context: NodeContext,
  axis: number,
  { size, kernel, count }: { readonly size: number; readonly kernel: number; readonly count: number },
): Axis {
  const { node, attributes } = context;
  const along = (name: string, index: number, fallback: number): number => attributes.ints(name)?.[index] ?? fallback;
  const [stride, dilation] = [along('strides', axis, 1), along('dilations', axis, 1)];
  if (![stride, dilation, kernel].every((value) => Number.isSafeInteger(value) && value > 0))
    throw invalid(node, 'its strides, dilations and kernel must be positive');
  const reach = dilation * (kernel - 1) + 1;
  const { before, total } = padding(context, {
    size,
    stride,
    reach,
    before: along('pads', axis, 0),
    after: along('pads', axis + count, 0),
  });
  const room = size + total - reach;
  const output = Math.floor(room / stride) + 1;
  if (room < 0) throw invalid(node, 'its window is larger than its input');
  if (attributes.int('ceil_mode', 0) !== 0 && room % stride !== 0)
    throw unsupported(node, 'it rounds the number of windows up', 'Export it with ceil_mode=False.');
  checkSize(context, [output]);
  return { size, kernel, stride, dilation, before, output };
}

interface Padding {
  readonly size: number;
  readonly stride: number;
  readonly reach: number;
  readonly before: number;
  readonly after: number;
}

function padding(
  { node, attributes }: NodeContext,
  { size, stride, reach, before, after }: Padding,
): { readonly before: number; readonly total: number } {
  const auto = attributes.text('auto_pad', 'NOTSET');
  if (auto === 'VALID') return { before: 0, total: 0 };
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
    return { before: auto === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2), total };
  }
  if (auto !== 'NOTSET' || before < 0 || after < 0 || !Number.isSafeInteger(before + after))
    throw invalid(node, 'its padding is not valid');
  return { before, total: before + after };
}

/** All index tuples of a shape, row by row. */
function indexTable(dims: readonly number[]): number[][] {
  const strides = stridesOf(dims);
  return Array.from(stridedMap(dims, strides), (flat) =>
    dims.map((dim, axis) => Math.floor(flat / (strides[axis] ?? 1)) % dim),
  );
}
