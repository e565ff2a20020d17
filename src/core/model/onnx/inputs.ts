import { AppError } from '../../error.ts';
import type { ModelColumn } from '../ir.ts';
import { identityMatrix } from '../sparse.ts';
import { attributesOf } from './attributes.ts';
import { type Shape, fromAffine } from './context.ts';
import type { FeatureTable } from './features.ts';
import type { OnnxGraph, OnnxNode, OnnxValueInfo } from './proto.ts';
import { sizeOf } from './shape.ts';
import { type Affine, type Value, columnSource } from './value.ts';

const textType = 8;
const doubleType = 11;
const float32Types: ReadonlySet<number> = new Set([1, 10, 16]);
const wholeTypes: ReadonlySet<number> = new Set([2, 3, 4, 5, 6, 7, 9, 12, 13]);
/** What exporters call a single input when nobody gives it a name. */
const anonymous = /^(x|input|inputs|features|float_input|data|l_x_|onnx::.*|input[._]\d+)$/i;

/** More columns than any table has that a model is run on. */
const maxColumns = 1_000_000;

/** The inputs that a row of data fills: those that are not weights with an initial value. */
export function dataInputs(graph: OnnxGraph): readonly OnnxValueInfo[] {
  const initialized = new Set(graph.initializers.map((tensor) => tensor.name));
  return graph.inputs.filter((input) => !initialized.has(input.name));
}

/** The number of records that the file was exported for; undefined where it is open. */
export function fixedBatchOf(graph: OnnxGraph): number | undefined {
  const [first] = dataInputs(graph);
  return first?.dims !== undefined && first.dims.length > 1 ? first.dims[0] : undefined;
}

/** Adds the input's columns to the table. */
export function inputValue(input: OnnxValueInfo, graph: OnnxGraph, features: FeatureTable): Value {
  const shape = recordShape(input, graph);
  const width = sizeOf(shape.dims);
  if (width > maxColumns)
    throw new AppError(
      'model.unsupported',
      `The input ${JSON.stringify(input.name)} has more than a million numbers a record.`,
      { hint: 'Train it on fewer features, or on smaller images.' },
    );
  const type = input.elementType ?? 1;
  const named = width === 1 && (dataInputs(graph).length > 1 || !anonymous.test(input.name));
  const column: ModelColumn = { ...(named ? { name: input.name } : {}), type: type === textType ? 'text' : 'number' };
  const columns = Array.from({ length: width }, () => features.columns.push(column) - 1);
  if (type === textType) return { kind: 'text', ...shape, columns };
  checkNumberType(input.name, type);
  if (wholeTypes.has(type)) for (const whole of columns) features.wholeColumns.add(whole);
  return fromAffine(columnsAsTheyAre(features, columns, float32Types.has(type)), shape);
}

function checkNumberType(name: string, type: number): void {
  if (type === doubleType || float32Types.has(type) || wholeTypes.has(type)) return;
  throw new AppError(
    'model.unsupported',
    `The input ${JSON.stringify(name)} has the element type ${String(type)}, which is not supported.`,
    { hint: 'Export the model with float32 inputs, and texts where columns are texts.' },
  );
}

function columnsAsTheyAre(features: FeatureTable, columns: readonly number[], float32: boolean): Affine {
  const width = columns.length;
  const first = features.seeds.length;
  for (const column of columns) features.add({ kind: 'number', column, missing: undefined, float32 });
  const identity = identityMatrix(width);
  const matrix = {
    ...identity,
    columns: first + width,
    columnIndex: identity.columnIndex.map((column) => column + first),
  };
  return { source: columnSource, matrix, bias: new Float64Array(width), names: [] };
}

/** The first of several axes counts records, and so does a lone axis of open length. */
function recordShape(input: OnnxValueInfo, graph: OnnxGraph): Shape {
  const dims = input.dims ?? [undefined, undefined];
  const [first, ...rest] = dims;
  if (dims.length === 0) return { dims: [], batch: -1 };
  if (dims.length === 1)
    return first === undefined || first === 1 ? { dims: [1], batch: 0 } : { dims: [first], batch: -1 };
  if (!rest.includes(undefined)) return { dims: [1, ...rest.map((dim) => dim ?? 1)], batch: 0 };
  const width = rest.length === 1 ? inferredWidth(input.name, graph) : undefined;
  if (width !== undefined) return { dims: [1, width], batch: 0 };
  throw new AppError(
    'model.unsupported',
    `The input ${JSON.stringify(input.name)} does not say how many numbers a record has.`,
    {
      hint: 'Export the model with a fixed number of features: only the first axis, the records, may be open.',
    },
  );
}

/** Operators that leave the number of columns as it is. */
const passing: ReadonlySet<string> = new Set([
  'Cast',
  'Identity',
  'Imputer',
  'Scaler',
  'Normalizer',
  'Add',
  'Sub',
  'Mul',
  'Div',
]);

/** The number of columns as the operators that read them tell it. */
function inferredWidth(name: string, graph: OnnxGraph): number | undefined {
  const dims = new Map(graph.initializers.map((tensor) => [tensor.name, tensor.dims]));
  const seen = new Set<string>();
  const open = [name];
  let atLeast: number | undefined;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const current = next;
    for (const node of graph.nodes.filter(({ inputs }) => inputs.includes(current))) {
      const width = statedWidth(node, dims);
      if (width?.exact === true) return width.count;
      if (width !== undefined) atLeast = Math.max(atLeast ?? 0, width.count);
      if (passing.has(node.operator)) open.push(...node.outputs);
    }
  }
  return atLeast;
}

interface Width {
  readonly count: number;
  /** Else it is at least that many. */
  readonly exact: boolean;
}

type Dims = ReadonlyMap<string, readonly number[]>;

function statedWidth(node: OnnxNode, dims: Dims): Width | undefined {
  const width = Object.hasOwn(statedWidths, node.operator) ? statedWidths[node.operator]?.(node, dims) : undefined;
  return width !== undefined && Number.isInteger(width.count) && width.count > 1 ? width : undefined;
}

function lengthOf(node: OnnxNode, name: string): number {
  return attributesOf(node).floats(name)?.length ?? 0;
}

function weightAxis(node: OnnxNode, dims: Dims, axis: number): Width {
  return exactly(dims.get(node.inputs[1] ?? '')?.[axis] ?? 0);
}

function exactly(count: number): Width {
  return { count, exact: true };
}

function largestFeature(node: OnnxNode): Width {
  const ids = attributesOf(node).ints('nodes_featureids') ?? [];
  return { count: ids.reduce((most, id) => Math.max(most, id + 1), 1), exact: false };
}

const statedWidths: Readonly<Record<string, (node: OnnxNode, dims: Dims) => Width>> = {
  Scaler: (node) => exactly(Math.max(lengthOf(node, 'offset'), lengthOf(node, 'scale'))),
  Imputer: (node) => exactly(lengthOf(node, 'imputed_value_floats')),
  LinearClassifier: (node) => exactly(lengthOf(node, 'coefficients') / Math.max(1, lengthOf(node, 'intercepts'))),
  LinearRegressor: (node) => exactly(lengthOf(node, 'coefficients') / attributesOf(node).int('targets', 1)),
  MatMul: (node, dims) => weightAxis(node, dims, 0),
  Gemm: (node, dims) => weightAxis(node, dims, attributesOf(node).int('transB', 0) === 0 ? 0 : 1),
  TreeEnsembleClassifier: largestFeature,
  TreeEnsembleRegressor: largestFeature,
};
