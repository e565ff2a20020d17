import { AppError } from '../../error.ts';
import type { AffineChain, AffineLayer, ActivationLayer, Feature, Model, Preprocessing, Task } from '../ir.ts';
import { forEachInRow, maxEntries, rowBuilder, selectRows } from '../sparse.ts';
import { type FeatureTable, keepKnownCategories, markUsed, scaleFeature } from './features.ts';
import { endOfTensor, logistic, numbered } from './outcome.ts';
import { scaleAffine } from './settle.ts';
import type { Affine, LabelValue, NormalizedSource, Outcome, Scores, TensorValue, Value } from './value.ts';

export interface FinishOptions {
  /** What several plain outputs mean: scores of classes (networks) or values (regressors). */
  readonly plainOutputs: 'classes' | 'values';
}

interface End {
  readonly scores: Scores;
  readonly task: Task;
}

/** The model that the graph's outputs make together: one set of scores, with its probabilities and labels. */
export function finishModel(
  outputs: readonly Value[],
  features: FeatureTable,
  options: FinishOptions,
): Omit<Model, 'source'> {
  const { scores: all, task } = endOf(outputs, options);
  const scores = oneMargin(all, task);
  if (scores.kind === 'trees')
    return { ...ownPreprocessing(features, { features: scores.features, norm: 'none' }), body: scores.ensemble, task };
  const { layers, root } = chainTo(scores.affine);
  if (root.source.kind === 'normalized') {
    const { preprocessing } = ownPreprocessing(features, root.source);
    return { preprocessing, body: chainOf(layers), task };
  }
  markUsed(root, features);
  keepKnownCategories(features);
  const { preprocessing, first } = columnPreprocessing(features, layers[0] ?? affineLayer(root));
  return { preprocessing, body: chainOf([first, ...layers.slice(1)]), task };
}

/** Decision values written as [-s, s] (skl2onnx, for two classes) are one margin s, as a classifier of two classes has. */
function oneMargin(scores: Scores, task: Task): Scores {
  const isDecision = task.kind === 'classification' && task.classes.length === 2 && task.link.kind === 'identity';
  if (!isDecision || scores.kind !== 'affine' || scores.affine.matrix.rows !== 2) return scores;
  const { matrix, bias } = scores.affine;
  const opposite = scaleAffine(scores.affine, [0, -1]);
  const [first, second] = [selectRows(opposite.matrix, Int32Array.of(0)), selectRows(matrix, Int32Array.of(1))];
  const isSame =
    opposite.bias[0] === bias[1] &&
    first.values.length === second.values.length &&
    first.values.every((value, i) => value === second.values[i] && first.columnIndex[i] === second.columnIndex[i]);
  return isSame ? { ...scores, affine: { ...scores.affine, matrix: second, bias: bias.slice(1) } } : scores;
}

function endOf(outputs: readonly Value[], options: FinishOptions): End {
  const label = outputs.find((value): value is LabelValue => value.kind === 'label');
  // Probabilities that the graph puts out say more than those its label was told by.
  const outcomes = [
    ...outputs.filter((value): value is Outcome => value.kind === 'outcome'),
    ...outputs.flatMap((value) => (value.kind === 'label' ? [value.outcome] : [])),
  ];
  const tensors = outputs.filter((value): value is TensorValue => value.kind === 'tensor').map(plainEnd);
  const outcome = outcomes.find(({ task }) => task.kind !== 'classification' || task.probabilities) ?? outcomes[0];
  const ends = [
    ...outcomes.map(({ scores }) => scores),
    ...tensors.map(({ affine }): Scores => ({ kind: 'affine', affine })),
  ];
  if (new Set(ends.map(identityOf)).size > 1) {
    throw new AppError(
      'model.unsupported',
      'The model has several outputs that are not the scores, probabilities and label of one prediction.',
      {
        hint: 'Export the model with a single output.',
      },
    );
  }
  if (outcome !== undefined)
    return { scores: outcome.scores, task: outcomeTask(outcome, label, { ...options, plain: tensors.length > 0 }) };
  const [tensor] = tensors;
  if (tensor === undefined)
    throw new AppError('model.invalid', 'The outputs of the model do not depend on its inputs.');
  return { scores: { kind: 'affine', affine: tensor.affine }, task: plainTask(tensor, options) };
}

function identityOf(scores: Scores): object {
  return scores.kind === 'affine' ? scores.affine : scores.ensemble;
}

interface PlainEnd {
  readonly link: 'sigmoid' | 'exp' | 'identity';
  readonly affine: Affine;
}

function plainEnd(tensor: TensorValue): PlainEnd {
  const end = endOfTensor(tensor);
  if (end !== undefined && !tensor.truncated) return end;
  throw new AppError(
    'model.unsupported',
    `The model ends in a function of its scores that is not known${tensor.fn.name === '' ? '' : ` (at ${tensor.fn.name})`}.`,
    {
      hint: 'A model may end in scores, or in Sigmoid, Softmax, Exp or ArgMax of them.',
    },
  );
}

/** The looked-up label knows the classes best: the graph may number them and name them only there. */
function outcomeTask(
  { task }: Outcome,
  label: LabelValue | undefined,
  options: FinishOptions & { readonly plain: boolean },
): Task {
  if (task.kind !== 'classification') return task;
  const classes = label === undefined || isNumbered(label.classes) ? task.classes : label.classes;
  const isNetwork =
    options.plain && options.plainOutputs === 'classes' && task.link.kind === 'identity' && task.classes.length > 2;
  return isNetwork ? { ...task, classes, link: { kind: 'softmax' }, probabilities: true } : { ...task, classes };
}

function isNumbered(classes: readonly unknown[]): boolean {
  return classes.every((label, i) => label === i);
}

function plainTask({ link, affine }: PlainEnd, { plainOutputs }: FinishOptions): Task {
  const count = affine.matrix.rows;
  if (link === 'sigmoid' && count === 1)
    return { kind: 'classification', link: logistic, classes: [0, 1], threshold: 0, probabilities: true };
  if (link === 'sigmoid') return { kind: 'regression', link: logistic };
  if (link === 'exp' || count === 1 || plainOutputs === 'values') return { kind: 'regression', link: { kind: link } };
  return {
    kind: 'classification',
    link: { kind: 'softmax' },
    classes: numbered(count),
    threshold: 0,
    probabilities: true,
  };
}

function affineLayer({ matrix, bias, names }: Affine): AffineLayer {
  return { kind: 'affine', name: names.join(', '), matrix, bias };
}

/** The layers from the first affine map to the scores. */
function chainTo(scores: Affine): {
  readonly layers: readonly (AffineLayer | ActivationLayer)[];
  readonly root: Affine;
} {
  const layers: (AffineLayer | ActivationLayer)[] = [];
  let root = scores;
  while (root.source.kind === 'activation') {
    const { name, activation, input } = root.source;
    layers.push(affineLayer(root), { kind: 'activation', name, activation });
    root = input;
  }
  layers.push(affineLayer(root));
  return { layers: layers.reverse(), root };
}

function chainOf(layers: readonly (AffineLayer | ActivationLayer)[]): AffineChain {
  for (const layer of layers) if (layer.kind === 'affine') checkFinite(layer);
  const affine = layers.filter((layer) => layer.kind === 'affine');
  checkTotal(affine);
  const inputs = affine[0]?.matrix.columns ?? 0;
  const outputs = affine.at(-1)?.matrix.rows ?? 0;
  if (inputs === 0 || outputs === 0)
    throw new AppError('model.invalid', 'The outputs of the model do not depend on its inputs.');
  return { kind: 'affine-chain', inputs, outputs, layers };
}

/** Convolutions, written out as matrices, add up. */
function checkTotal(layers: readonly AffineLayer[]): void {
  let total = 0;
  for (const { name, matrix } of layers) {
    total += matrix.values.length;
    if (total <= maxEntries) continue;
    throw new AppError(
      'model.unsupported',
      `The model has more than 8 million weights when its layers up to ${JSON.stringify(name)} are written as matrices.`,
      { hint: 'Use smaller images, fewer channels or larger strides.' },
    );
  }
}

function checkFinite({ name, matrix, bias }: AffineLayer): void {
  if (matrix.values.every(Number.isFinite) && bias.every(Number.isFinite)) return;
  throw new AppError(
    'model.invalid',
    `The weights of ${JSON.stringify(name)} grow beyond all numbers when its operators are put together.`,
  );
}

/** The features that a matrix reads, in the order of the columns, and the first layer over them. */
function columnPreprocessing(
  table: FeatureTable,
  layer: AffineLayer | ActivationLayer,
): { readonly preprocessing: Preprocessing; readonly first: AffineLayer } {
  if (layer.kind !== 'affine') throw new RangeError('a chain starts with an affine map');
  const order = [...table.used].sort((a, b) => columnOf(table, a) - columnOf(table, b) || a - b);
  const features = order.map((index) => scaleFeature(seedOf(table, index), { offset: 0, scale: 1 }, 'refuse'));
  const position = new Map(order.map((index, i) => [index, i]));
  const builder = rowBuilder(order.length);
  for (let row = 0; row < layer.matrix.rows; row += 1) {
    forEachInRow(layer.matrix, row, (feature, value) => {
      builder.add(position.get(feature) ?? 0, value);
    });
    builder.endRow();
  }
  return { preprocessing: readColumns(table, features, 'none'), first: { ...layer, matrix: builder.finish() } };
}

function ownPreprocessing(
  table: FeatureTable,
  { features, norm }: Pick<NormalizedSource, 'features'> & { readonly norm: Preprocessing['normalize'] },
): { readonly preprocessing: Preprocessing } {
  return { preprocessing: readColumns(table, features, norm) };
}

/** Named columns that nothing reads are dropped; unnamed ones are counted, so they stay. */
function readColumns(
  table: FeatureTable,
  features: readonly Feature[],
  normalize: Preprocessing['normalize'],
): Preprocessing {
  const read = new Set(features.map(({ column }) => column));
  const kept = table.columns.flatMap((column, i) => (read.has(i) || column.name === undefined ? [i] : []));
  const position = new Map(kept.map((column, i) => [column, i]));
  const moved = (column: number): number => position.get(column) ?? 0;
  return {
    columns: kept.flatMap((column) => table.columns[column] ?? []),
    features: features.map((feature) => ({ ...feature, column: moved(feature.column) })),
    refuseUnknown: [...table.refuseUnknown]
      .filter((column) => read.has(column))
      .map(moved)
      .sort((a, b) => a - b),
    normalize,
  };
}

function columnOf(table: FeatureTable, feature: number): number {
  return seedOf(table, feature).column;
}

function seedOf(table: FeatureTable, feature: number): FeatureTable['seeds'][number] {
  const seed = table.seeds[feature];
  if (seed === undefined) throw new RangeError('no such feature');
  return seed;
}
