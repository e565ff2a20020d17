import { AppError } from '../../error.ts';
import { identityMatrix } from '../sparse.ts';
import { attributesOf } from './attributes.ts';
import { type Shape, fromAffine } from './context.ts';
import type { FeatureTable } from './features.ts';
import type { OnnxGraph, OnnxNode, OnnxValueInfo } from './proto.ts';
import { sizeOf } from './shape.ts';
import { type Affine, type Value, columnSource } from './value.ts';

const textType = 8;
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
    );
  const isText = input.elementType === textType;
  const named = width === 1 && (dataInputs(graph).length > 1 || !anonymous.test(input.name));
  const columns = Array.from(
    { length: width },
    () => features.columns.push({ ...(named ? { name: input.name } : {}), type: isText ? 'text' : 'number' }) - 1,
  );
  if (isText) return { kind: 'text', ...shape, columns };
  const type = input.elementType ?? 1;
  if (wholeTypes.has(type)) for (const column of columns) features.wholeColumns.add(column);
  else if (type !== 11 && !float32Types.has(type))
    throw new AppError(
      'model.unsupported',
      `The input ${JSON.stringify(input.name)} has the element type ${String(type)}, which is not supported.`,
    );
  const first = features.seeds.length;
  for (const column of columns)
    features.add({ kind: 'number', column, missing: undefined, float32: float32Types.has(type) });
  const identity = identityMatrix(width);
  const matrix = {
    ...identity,
    columns: first + width,
    columnIndex: identity.columnIndex.map((column) => column + first),
  };
  const base: Affine = { source: columnSource, matrix, bias: new Float64Array(width), names: [] };
  return fromAffine(base, shape);
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

function statedWidth(
  node: OnnxNode,
  dims: ReadonlyMap<string, readonly number[]>,
): { readonly count: number; readonly exact: boolean } | undefined {
  const attributes = attributesOf(node);
  const second = dims.get(node.inputs[1] ?? '');
  const length = (name: string): number => attributes.floats(name)?.length ?? 0;
  const exactly = (count: number): { count: number; exact: boolean } | undefined =>
    Number.isInteger(count) && count > 1 ? { count, exact: true } : undefined;
  switch (node.operator) {
    case 'Scaler':
      return exactly(Math.max(length('offset'), length('scale')));
    case 'Imputer':
      return exactly(length('imputed_value_floats'));
    case 'LinearClassifier':
      return exactly(length('coefficients') / Math.max(1, length('intercepts')));
    case 'LinearRegressor':
      return exactly(length('coefficients') / attributes.int('targets', 1));
    case 'MatMul':
      return exactly(second?.[0] ?? 0);
    case 'Gemm':
      return exactly(second?.[attributes.int('transB', 0) === 0 ? 0 : 1] ?? 0);
    case 'TreeEnsembleClassifier':
    case 'TreeEnsembleRegressor':
      return {
        count: (attributes.ints('nodes_featureids') ?? []).reduce((most, id) => Math.max(most, id + 1), 1),
        exact: false,
      };
    default:
      return undefined;
  }
}
