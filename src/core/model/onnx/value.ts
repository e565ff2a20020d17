import type { ClassLabel, Feature, Activation, SparseMatrix, Task, TreeEnsemble } from '../ir.ts';
import type { Elementwise } from './elementwise.ts';
import type { Constant } from './tensor.ts';

/** What a name in the graph stands for. */
export type Value = Constant | TensorValue | TextValue | Outcome | LabelValue;

/** Numbers made from the columns: fn of each element of an affine map. */
export interface TensorValue {
  readonly kind: 'tensor';
  /** The shape for one record: the batch axis counts 1. */
  readonly dims: readonly number[];
  /** Which axis counts records; -1 when there is none. */
  readonly batch: number;
  /** As many outputs as the shape has elements, in row-major order. */
  readonly base: Affine;
  readonly fn: Elementwise;
  /** The graph cut the fractions off: no longer affine, good only for categories. */
  readonly truncated: boolean;
  /** It is the sum of that tensor's sigmoids, which only a division by it can use: probabilities made to sum to 1. */
  readonly totalOf?: TensorValue;
}

/** matrix · source + bias. */
export interface Affine {
  readonly source: Source;
  readonly matrix: SparseMatrix;
  readonly bias: Float64Array;
  /** The graph nodes that went into it. */
  readonly names: readonly string[];
}

export type Source = ColumnSource | NormalizedSource | ActivationSource;

/** The features of the graph's feature table; the table grows, so a matrix over it may be narrower than it. */
export interface ColumnSource {
  readonly kind: 'columns';
}

/** Features divided by the row's norm. */
export interface NormalizedSource {
  readonly kind: 'normalized';
  readonly features: readonly Feature[];
  readonly norm: 'l1' | 'l2' | 'max';
}

export interface ActivationSource {
  readonly kind: 'activation';
  readonly name: string;
  readonly activation: Activation;
  readonly input: Affine;
}

export const columnSource: ColumnSource = { kind: 'columns' };

/** Cells of text columns; one column an element. */
export interface TextValue {
  readonly kind: 'text';
  readonly dims: readonly number[];
  readonly batch: number;
  readonly columns: readonly number[];
}

/** The end of a model: scores and what people make of them. */
export interface Outcome {
  readonly kind: 'outcome';
  readonly scores: Scores;
  readonly task: Task;
  /** Elements of the tensor that the graph has here: two for a binary margin written as [-s, s]. */
  readonly dims: readonly number[];
}

export type Scores =
  | { readonly kind: 'affine'; readonly affine: Affine }
  | { readonly kind: 'trees'; readonly features: readonly Feature[]; readonly ensemble: TreeEnsemble };

/** The predicted class; `classes` replace those of the outcome once the graph has looked them up. */
export interface LabelValue {
  readonly kind: 'label';
  readonly outcome: Outcome;
  readonly classes: readonly ClassLabel[];
}
