import { fromDense, transpose } from '../sparse.ts';
import { invalid, unsupported } from './attributes.ts';
import { combine } from './operators-arithmetic.ts';
import {
  type NodeContext,
  type Operator,
  type Shape,
  checkEntries,
  checkSize,
  inputAt,
  mapTensor,
  selectElements,
  selectableAt,
  weightsAt,
} from './context.ts';
import { sizeOf, stridedMap } from './shape.ts';
import { type Constant, finiteNumbers, numberConstant } from './tensor.ts';
import type { SparseMatrix } from '../ir.ts';
import type { TensorValue, Value } from './value.ts';

export const linearOperators: Readonly<Record<string, Operator>> = {
  MatMul: (context) => [matrixProduct(context, [selectableAt(context, 0), selectableAt(context, 1)])],
  Gemm: (context) => [gemm(context)],
};

function matrixProduct(context: NodeContext, [a, b]: readonly [Value, Value]): TensorValue {
  if (a.kind === 'tensor' && b.kind === 'constant' && !a.truncated) return timesMatrix(context, a, b);
  if (a.kind === 'constant' && b.kind === 'tensor' && !b.truncated) return matrixTimes(context, a, b);
  const why =
    a.kind === 'constant'
      ? 'both its inputs are constants'
      : 'it multiplies two values that both depend on the data (attention does)';
  throw unsupported(context.node, why);
}

/** tensor [..., K] times weights [K, N] or [K]. */
function timesMatrix(context: NodeContext, tensor: TensorValue, weights: Constant): TensorValue {
  const inner = tensor.dims.at(-1) ?? 1;
  const [height, width = 1] = weights.dims;
  if (weights.dims.length > 2) throw unsupported(context.node, 'its weights have more than two axes');
  if (height !== inner || tensor.dims.length === 0)
    throw invalid(
      context.node,
      `weights of shape [${weights.dims.join(', ')}] do not fit a tensor of shape [${tensor.dims.join(', ')}]`,
    );
  if (tensor.batch === tensor.dims.length - 1) throw unsupported(context.node, 'it mixes records');
  const lead = tensor.dims.slice(0, -1);
  const matrix = transpose(fromDense(finiteNumbers(weights), inner, width));
  const dims = weights.dims.length === 1 ? lead : [...lead, width];
  return mapTensor(context, tensor, { dims, batch: tensor.batch, matrix: repeatBlocks(context, matrix, sizeOf(lead)) });
}

/** weights [M, K] times tensor [K, N] or [K]: the same with both sides turned over. */
function matrixTimes(context: NodeContext, weights: Constant, tensor: TensorValue): TensorValue {
  if (weights.dims.length !== 2 || tensor.dims.length > 2)
    throw unsupported(context.node, 'its inputs have more than two axes');
  const turned = tensor.dims.length < 2 ? tensor : turnOver(context, tensor);
  const product = timesMatrix(context, turned, turnConstant(weights));
  return tensor.dims.length < 2 ? product : turnOver(context, product);
}

/** Swaps the two axes. */
function turnOver(context: NodeContext, tensor: TensorValue): TensorValue {
  const [rows = 1, columns = 1] = tensor.dims;
  const shape: Shape = { dims: [columns, rows], batch: tensor.batch < 0 ? -1 : 1 - tensor.batch };
  const value = selectElements(context, tensor, { map: stridedMap(shape.dims, [1, columns]), ...shape });
  if (value.kind !== 'tensor') throw new RangeError('a tensor stays one');
  return value;
}

function turnConstant(constant: Constant): Constant {
  const [rows = 1, columns = 1] = constant.dims;
  const numbers = finiteNumbers(constant);
  const map = stridedMap([columns, rows], [1, columns]);
  return numberConstant(
    { name: constant.name, dims: [columns, rows], type: 'float' },
    Float64Array.from(map, (from) => numbers[from] ?? 0),
  );
}

/** The block `count` times along the diagonal. */
function repeatBlocks(context: NodeContext, block: SparseMatrix, count: number): SparseMatrix {
  if (count === 1) return block;
  const entries = block.values.length;
  checkSize(context, [count, Math.max(block.rows, block.columns)]);
  checkEntries(context, entries * count);
  const matrix: SparseMatrix = {
    rows: block.rows * count,
    columns: block.columns * count,
    rowStart: new Uint32Array(block.rows * count + 1),
    columnIndex: new Uint32Array(entries * count),
    values: new Float64Array(entries * count),
  };
  for (let i = 0; i < count; i += 1) {
    matrix.values.set(block.values, i * entries);
    matrix.columnIndex.set(
      block.columnIndex.map((column) => column + i * block.columns),
      i * entries,
    );
    matrix.rowStart.set(
      block.rowStart.map((start) => start + i * entries),
      i * block.rows,
    );
  }
  return matrix;
}

/** alpha A' B' + beta C. */
function gemm(context: NodeContext): Value {
  const { node, attributes } = context;
  const sides = [selectableAt(context, 0), selectableAt(context, 1)].map((side, i) => {
    if (side.kind !== 'tensor' && side.kind !== 'constant') throw unsupported(node, 'its inputs are no numbers');
    if (side.dims.length !== 2) throw invalid(node, 'its inputs must have two axes');
    if (attributes.int(i === 0 ? 'transA' : 'transB', 0) === 0) return side;
    return side.kind === 'tensor' ? turnOver(context, side) : turnConstant(side);
  });
  const [a, b] = sides;
  if (a === undefined || b === undefined) throw invalid(node, 'it has too few inputs');
  const alpha = attributes.float('alpha', 1);
  const beta = attributes.float('beta', 1);
  let product: Constant | TensorValue = matrixProduct(context, [a, b]);
  if (alpha !== 1) product = combine(context, 'Mul', [product, number(alpha)]);
  if (context.inputs[2] === undefined || beta === 0) return product;
  const addend = inputAt(context, 2);
  if (addend.kind !== 'constant') throw unsupported(node, 'its bias depends on the data');
  const numbers = weightsAt(context, 2);
  const scaled =
    beta === 1
      ? addend
      : numberConstant(
          { name: addend.name, dims: addend.dims, type: 'float' },
          Float64Array.from(numbers, (value) => value * beta),
        );
  return combine(context, 'Add', [product, scaled]);
}

function number(value: number): Constant {
  return numberConstant({ name: '', dims: [], type: 'float' }, Float64Array.of(value));
}
