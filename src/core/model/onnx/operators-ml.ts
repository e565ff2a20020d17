import type { ClassLabel } from '../ir.ts';
import { invalid, unsupported } from './attributes.ts';
import {
  type NodeContext,
  type Operator,
  type Selectable,
  type Shape,
  constantAt,
  finiteFloats,
  fromAffine,
  inputAt,
  integersAt,
  selectableAt,
  settleAt,
  tensorAt,
} from './context.ts';
import { type FeatureSeed, ownFeatures, plainFeatures } from './features.ts';
import { combine } from './operators-arithmetic.ts';
import { normalizeEnd } from './outcome.ts';
import { concatenate } from './operators-join.ts';
import { lookUp, pickAlong } from './operators-shape.ts';
import { fromTriplets, identityMatrix } from '../sparse.ts';
import { sizeOf } from './shape.ts';
import { type Constant, numberConstant, readConstant } from './tensor.ts';
import { type Affine, type TensorValue, type Value, columnSource } from './value.ts';

/** Operators of ai.onnx.ml that prepare data. */
export const preparingOperators: Readonly<Record<string, Operator>> = {
  Scaler: (context) => [scaler(context)],
  Imputer: (context) => [imputer(context)],
  OneHotEncoder: (context) => [oneHot(context)],
  LabelEncoder: (context) => [labelEncoder(context)],
  FeatureVectorizer: (context) => [featureVectorizer(context)],
  ArrayFeatureExtractor: (context) => [extractFeatures(context)],
  Normalizer: (context) => [normalizer(context)],
};

/** (x - offset) * scale; one number, or one a column. */
function scaler(context: NodeContext): Value {
  const width = tensorAt(context, 0).dims.at(-1) ?? 1;
  const vector = (name: string, fallback: number): Constant => {
    const floats = finiteFloats(context, name) ?? [fallback];
    if (floats.length !== 1 && floats.length !== width)
      throw invalid(context.node, `its ${name} has ${String(floats.length)} numbers for ${String(width)} columns`);
    return numberConstant({ name, dims: floats.length === 1 ? [] : [width], type: 'float' }, Float64Array.from(floats));
  };
  const shifted = combine(context, 'Sub', [tensorAt(context, 0), vector('offset', 0)]);
  return combine(context, 'Mul', [shifted, vector('scale', 1)]);
}

/** Each element's feature; what cannot be told from the matrix must come straight from the data. */
function featuresOf(context: NodeContext, tensor: TensorValue): readonly number[] {
  const features = plainFeatures(tensor);
  if (features === undefined) throw unsupported(context.node, 'it must come before any calculation');
  return features;
}

function seedAt({ features, node }: NodeContext, feature: number): FeatureSeed {
  const seed = features.seeds[feature];
  if (seed === undefined) throw invalid(node, 'it reads a column that does not exist');
  return seed;
}

/** A tensor whose elements are sums of features: `rows[i]` lists (feature, factor). */
function fromFeatures(
  context: NodeContext,
  rows: readonly (readonly (readonly [feature: number, factor: number])[])[],
  shape: Shape,
): TensorValue {
  const triplets = rows.flatMap((row, i) => row.map(([column, value]) => ({ row: i, column, value })));
  const matrix = fromTriplets(triplets, rows.length, context.features.seeds.length);
  return fromAffine({ source: columnSource, matrix, bias: new Float64Array(rows.length), names: [] }, shape);
}

function imputer(context: NodeContext): Value {
  const { node, attributes } = context;
  const value = inputAt(context, 0);
  if (value.kind !== 'tensor') throw unsupported(node, 'it fills in what are no numbers');
  const floats = finiteFloats(context, 'imputed_value_floats');
  const fills = floats ?? attributes.ints('imputed_value_int64s');
  if (fills === undefined) throw invalid(node, 'it has no values to fill in');
  const replaced =
    floats === undefined ? attributes.int('replaced_value_int64', 0) : attributes.float('replaced_value_float', 0);
  const width = value.dims.at(-1) ?? 1;
  if (fills.length !== 1 && fills.length !== width)
    throw invalid(node, `it fills in ${String(fills.length)} values for ${String(width)} columns`);
  const rows = featuresOf(context, value).map((feature, i) =>
    imputed(context, seedAt(context, feature), { fill: fills[i % fills.length] ?? 0, replaced }),
  );
  return { ...fromFeatures(context, rows, value), truncated: value.truncated };
}

function imputed(
  { features, node }: NodeContext,
  seed: FeatureSeed,
  { fill, replaced }: { readonly fill: number; readonly replaced: number },
): (readonly [number, number])[] {
  if (seed.kind !== 'number') throw unsupported(node, 'it fills in what is no number of the data');
  if (Number.isNaN(replaced)) return [[features.add({ ...seed, missing: seed.missing ?? fill }), 1]];
  // x + (fill - replaced) [x = replaced]
  return [
    [features.add(seed), 1],
    [features.add({ kind: 'one-hot', column: seed.column, category: replaced }), fill - replaced],
  ];
}

/** Each element becomes one 0/1 number a category; zeros = 0 makes an unknown category an error. */
function oneHot(context: NodeContext): Value {
  const { node, attributes, features } = context;
  const value = selectableAt(context, 0);
  if (value.kind === 'constant') throw unsupported(node, 'it encodes a constant');
  const categories: readonly (string | number)[] | undefined =
    value.kind === 'text' ? attributes.texts('cats_strings') : attributes.ints('cats_int64s');
  if (categories === undefined)
    throw invalid(
      node,
      value.kind === 'text'
        ? 'it has no text categories for a text column'
        : 'it has no number categories for a number column',
    );
  if (new Set(categories).size !== categories.length) throw invalid(node, 'a category occurs twice');
  const columns = columnsOf(context, value);
  if (attributes.int('zeros', 1) === 0) for (const column of columns) features.refuseUnknown.add(column);
  const rows = columns.flatMap((column) =>
    categories.map((category): [number, number][] => [[features.add({ kind: 'one-hot', column, category }), 1]]),
  );
  return fromFeatures(context, rows, { dims: [...value.dims, categories.length], batch: value.batch });
}

/** The column that each element is, unchanged. */
function columnsOf(context: NodeContext, value: Exclude<Selectable, Constant>): readonly number[] {
  if (value.kind === 'text') return value.columns;
  return featuresOf(context, value).map((feature) => {
    const seed = seedAt(context, feature);
    if (seed.kind !== 'number' || seed.missing !== undefined)
      throw unsupported(context.node, 'it encodes what is not a column of the data as it stands');
    return seed.column;
  });
}

interface LabelMapping {
  readonly keys: readonly ClassLabel[];
  readonly values: readonly ClassLabel[];
  readonly fallback: ClassLabel;
}

/** Text or numbers to numbers by a table; of the predicted label: to other class names. */
function labelEncoder(context: NodeContext): Value {
  const value = inputAt(context, 0);
  const { keys, values, fallback } = labelMapping(context);
  if (keys.length !== values.length) throw invalid(context.node, 'it has not as many values as keys');
  if (value.kind === 'label') {
    return { ...value, classes: value.classes.map((label) => values[keys.indexOf(label)] ?? fallback) };
  }
  if (value.kind !== 'text' && value.kind !== 'tensor')
    throw unsupported(context.node, 'it encodes what is no column of the data');
  if (!values.every(isFiniteNumber) || typeof fallback !== 'number')
    throw unsupported(context.node, 'it does not turn each category into a finite number');
  const rows = columnsOf(context, value).map((column): [number, number][] => [
    [
      context.features.add({
        kind: 'ordinal',
        column,
        categories: keys,
        values: values.map(Number),
        unknown: fallback,
      }),
      1,
    ],
  ]);
  return fromFeatures(context, rows, value);
}

function isFiniteNumber(value: ClassLabel): boolean {
  return typeof value === 'number' && Number.isFinite(value);
}

function labelMapping(context: NodeContext): LabelMapping {
  const { node, attributes } = context;
  const list = (part: string): readonly ClassLabel[] | undefined =>
    attributes.texts(`${part}_strings`) ??
    attributes.ints(`${part}_int64s`) ??
    attributes.floats(`${part}_floats`) ??
    tensorList(context, `${part}_tensor`);
  const classic = attributes.texts('classes_strings');
  const keys = list('keys') ?? classic;
  const values = list('values') ?? classic?.map((_, i) => i);
  if (keys === undefined || values === undefined) throw invalid(node, 'it has no keys or no values');
  const [fromTensor] = tensorList(context, 'default_tensor') ?? [];
  const fallback =
    fromTensor ??
    (typeof values[0] === 'string' ? attributes.text('default_string', '_Unused') : numericFallback(context));
  return { keys, values, fallback };
}

function numericFallback({ attributes }: NodeContext): number {
  const isFloat = attributes.floats('values_floats') !== undefined;
  return isFloat ? attributes.float('default_float', 0) : attributes.int('default_int64', -1);
}

function tensorList({ attributes, readExternal }: NodeContext, name: string): readonly ClassLabel[] | undefined {
  const tensor = attributes.tensor(name);
  if (tensor === undefined) return undefined;
  const constant = readConstant(tensor, readExternal);
  return constant.type === 'text' ? constant.texts() : Array.from(constant.numbers());
}

function featureVectorizer(context: NodeContext): Value {
  const widths = context.attributes.ints('inputdimensions');
  const fits = context.inputs.every(
    (_, i) => widths === undefined || selectableAt(context, i).dims.at(-1) === widths[i],
  );
  if (!fits) throw invalid(context.node, 'its inputs have other widths than it says');
  return concatenate(context, -1);
}

/** Columns of the last axis by number; or the class names by the predicted index. */
function extractFeatures(context: NodeContext): Value {
  const value = inputAt(context, 0);
  const indices = inputAt(context, 1);
  if (indices.kind === 'label') return { ...indices, classes: lookUp(constantAt(context, 0), indices.classes) };
  if (value.kind === 'outcome' || value.kind === 'label') return value;
  return pickAlong(context, value, { axis: value.dims.length - 1, picks: integersAt(context, 1) ?? [] });
}

const norms: Readonly<Record<string, 'l1' | 'l2' | 'max'>> = { L1: 'l1', L2: 'l2', MAX: 'max' };

/** Of the data: divides each row by its norm on the client. Of probabilities: makes them sum to 1. */
function normalizer(context: NodeContext): Value {
  const value = inputAt(context, 0);
  const norm = norms[context.attributes.text('norm', 'MAX')];
  if (norm === undefined) throw invalid(context.node, 'its norm is not known');
  const end = normalizeEnd(context, value, norm);
  if (end !== undefined) return end;
  const tensor = tensorAt(context, 0);
  const features = ownFeatures(settleAt(context, tensor), context.features, 'refuse');
  if (features === undefined)
    throw unsupported(context.node, 'rows can be normalized only before any calculation but scaling and encoding');
  const size = sizeOf(tensor.dims);
  const base: Affine = {
    source: { kind: 'normalized', features, norm },
    matrix: identityMatrix(size),
    bias: new Float64Array(size),
    names: [],
  };
  return fromAffine(base, tensor);
}
