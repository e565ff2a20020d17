/** Number of elements. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Distance between neighbours on each axis, row-major. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length).fill(1);
  for (let axis = dims.length - 2; axis >= 0; axis -= 1)
    strides[axis] = (strides[axis + 1] ?? 1) * (dims[axis + 1] ?? 1);
  return strides;
}

/** Negative axes count from the end; undefined when there is no such axis. */
export function axisIn(axis: number, rank: number): number | undefined {
  const positive = axis < 0 ? axis + rank : axis;
  return Number.isInteger(positive) && positive >= 0 && positive < rank ? positive : undefined;
}

/** For each element of a tensor of shape `dims`, row by row, the element `strides` lead to. */
export function stridedMap(dims: readonly number[], strides: readonly number[]): Int32Array {
  const map = new Int32Array(sizeOf(dims));
  const index = new Array<number>(dims.length).fill(0);
  let source = 0;
  for (let i = 0; i < map.length; i += 1) {
    map[i] = source;
    for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
      const next = (index[axis] ?? 0) + 1;
      source += strides[axis] ?? 0;
      index[axis] = next;
      if (next < (dims[axis] ?? 1)) break;
      source -= next * (strides[axis] ?? 0);
      index[axis] = 0;
    }
  }
  return map;
}

/** Along `axis`, position i of the result is position picks[i] of the source (negative: nothing). */
export function axisMap(dims: readonly number[], axis: number, picks: readonly number[]): Int32Array {
  const along = dims[axis] ?? 1;
  const inner = sizeOf(dims.slice(axis + 1));
  const outer = sizeOf(dims.slice(0, axis));
  const map = new Int32Array(outer * picks.length * inner);
  let at = 0;
  for (let o = 0; o < outer; o += 1) {
    for (const pick of picks) {
      for (let i = 0; i < inner; i += 1) {
        map[at] = pick < 0 ? -1 : (o * along + pick) * inner + i;
        at += 1;
      }
    }
  }
  return map;
}

/** The shape two tensors are stretched to; undefined when they do not fit. */
export function broadcastDims(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const dims: number[] = [];
  for (let i = 0; i < rank; i += 1) {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    dims.push(x === 1 ? y : x);
  }
  return dims;
}

/** For each element of the stretched shape, the element of the tensor it repeats. */
export function broadcastMap(dims: readonly number[], target: readonly number[]): Int32Array {
  const strides = stridesOf(dims);
  const shift = target.length - dims.length;
  return stridedMap(
    target,
    target.map((_, axis) => ((dims[axis - shift] ?? 1) === 1 ? 0 : (strides[axis - shift] ?? 0))),
  );
}

export interface BatchedShape {
  readonly dims: readonly number[];
  readonly batch: number;
}

export interface ReshapeTarget {
  /** -1: whatever is left; 0: as before (unless `zeroIsZero`); NaN: the number of records. */
  readonly entries: readonly number[];
  readonly zeroIsZero: boolean;
  /** The number of records that the file was exported for, where it was fixed. */
  readonly fixedBatch: number | undefined;
}

/** The shape after a reshape that leaves records apart; undefined when it does not fit or mixes records. */
export function reshape(shape: BatchedShape, target: ReshapeTarget): BatchedShape | undefined {
  const size = sizeOf(shape.dims);
  const copied = target.entries.map((entry, axis) =>
    entry === 0 && !target.zeroIsZero ? (axis === shape.batch ? NaN : (shape.dims[axis] ?? 0)) : entry,
  );
  const batch = shape.batch < 0 ? -1 : batchEntry(copied, size, target.fixedBatch);
  if (batch === undefined) return undefined;
  const entries = copied.map((entry, axis) => (axis === batch ? 1 : entry));
  const open = entries.indexOf(-1);
  const known = entries.reduce((product, entry, axis) => (axis === open ? product : product * entry), 1);
  const dims = entries.map((entry, axis) => (axis === open ? size / known : entry));
  const mixes = batch > 0 && sizeOf(dims.slice(0, batch)) !== 1;
  const leading = shape.batch <= 0 || sizeOf(shape.dims.slice(0, shape.batch)) === 1;
  const fits = dims.every((dim) => Number.isInteger(dim) && dim > 0) && sizeOf(dims) === size;
  return fits && leading && !mixes ? { dims, batch } : undefined;
}

/** Which entry counts the records. */
function batchEntry(entries: readonly number[], size: number, fixedBatch: number | undefined): number | undefined {
  const stated = entries.findIndex((entry) => Number.isNaN(entry));
  if (stated >= 0) return stated;
  if (fixedBatch !== undefined && entries[0] === fixedBatch) return 0;
  const open = entries.indexOf(-1);
  const others = entries.reduce((product, entry, axis) => (axis === open ? product : product * entry), 1);
  return open >= 0 && others === size ? open : undefined;
}
