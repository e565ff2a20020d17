/**
 * The intermediate representation: what every importer produces and everything behind it reads.
 * A row goes: named columns -> preprocessing (client, in the clear) -> body (encrypted) -> link (client, in the clear).
 */

/** A sparse matrix in compressed-row form: row r owns entries rowStart[r] .. rowStart[r + 1] - 1; columns ascend within a row. */
export interface SparseMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly rowStart: Uint32Array;
  readonly columnIndex: Uint32Array;
  readonly values: Float64Array;
}

/** y = W x + b; W has shape outputs x inputs. `name` is the graph node (or nodes) it came from. */
export interface AffineLayer {
  readonly kind: 'affine';
  readonly name: string;
  readonly matrix: SparseMatrix;
  readonly bias: Float64Array;
}

export type Activation =
  /** silu: x / (1 + exp(-x)). */
  | { readonly kind: 'relu' | 'sigmoid' | 'tanh' | 'softplus' | 'silu' }
  | { readonly kind: 'leaky-relu'; readonly slope: number }
  | { readonly kind: 'gelu'; readonly approximation: 'none' | 'tanh' }
  /** c[0] + c[1] x + c[2] x^2 + …, the same for every element. */
  | { readonly kind: 'polynomial'; readonly coefficients: readonly number[] };

export interface ActivationLayer {
  readonly kind: 'activation';
  readonly name: string;
  readonly activation: Activation;
}

/** Affine maps with activations between; starts and ends with an affine map, no two affine maps in a row. */
export interface AffineChain {
  readonly kind: 'affine-chain';
  readonly inputs: number;
  readonly outputs: number;
  readonly layers: readonly (AffineLayer | ActivationLayer)[];
}

/**
 * One decision tree. Inner node i goes left when `x[feature[i]] < threshold[i]` (or <=, by `orEqual[i]`), a missing value by
 * `missingLeft[i]`. A child c >= 0 is an inner node, c < 0 is leaf ~c. A tree of one leaf has no inner nodes.
 */
export interface Tree {
  readonly feature: Int32Array;
  readonly threshold: Float64Array;
  readonly orEqual: Uint8Array;
  readonly missingLeft: Uint8Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** leaves x outputs, row by row. */
  readonly leafValues: Float64Array;
}

/** scores = base + the sum over trees of the leaf reached. */
export interface TreeEnsemble {
  readonly kind: 'tree-ensemble';
  readonly inputs: number;
  readonly outputs: number;
  readonly trees: readonly Tree[];
  readonly base: Float64Array;
  /** The precision in which the library compares: features are rounded to it before a comparison. */
  readonly comparison: 'float32' | 'float64';
}

export type Body = AffineChain | TreeEnsemble;

/** From scores to what people read, on the client in the clear. */
export type Link =
  | { readonly kind: 'identity' | 'exp' | 'softmax' }
  /** 1 / (1 + exp(-slope x)); one score: p1; several: each by itself, divided by their sum when `normalize` (one against the rest). */
  | { readonly kind: 'sigmoid'; readonly slope: number; readonly normalize: boolean }
  /** Scores are probabilities already (forests). */
  | { readonly kind: 'probability' }
  /** sign(x) x^2: LightGBM's `regression sqrt`. */
  | { readonly kind: 'signed-square' };

export type ClassLabel = string | number;

export type Task =
  | { readonly kind: 'regression'; readonly link: Link }
  /**
   * `classes` in the order of the scores. One score means a binary margin: classes[1] where score > threshold.
   * `probabilities` is false for decision functions that are none (linear SVM).
   */
  | {
      readonly kind: 'classification';
      readonly link: Link;
      readonly classes: readonly ClassLabel[];
      readonly threshold: number;
      readonly probabilities: boolean;
    };

/** A column that the model reads. `name` is absent where the file has no names: columns are then taken in order. */
export interface ModelColumn {
  readonly name?: string;
  readonly type: 'number' | 'text';
}

/** One number that enters the body, made from one column. Numbers: missing replaced first, then (x - offset) * scale. */
export type Feature =
  | {
      readonly kind: 'number';
      readonly column: number;
      /** refuse: a missing value is an error; keep: the body knows what to do (trees); a number: it is filled in. */
      readonly missing: 'refuse' | 'keep' | number;
      /** LightGBM's `zero_as_missing`: a value of at most 1.0000000180025095e-35 in size is missing, too. */
      readonly zeroIsMissing?: true;
      readonly offset: number;
      readonly scale: number;
      /** The library reads this column as float32. */
      readonly float32: boolean;
    }
  /** 1 where the cell equals `category`, else 0 (a missing text cell is the empty text). */
  | {
      readonly kind: 'one-hot';
      readonly column: number;
      readonly category: string | number;
      readonly offset: number;
      readonly scale: number;
    }
  /** The value of the cell's category; `unknown` for the others. */
  | {
      readonly kind: 'ordinal';
      readonly column: number;
      readonly categories: readonly (string | number)[];
      readonly values: readonly number[];
      readonly unknown: 'refuse' | number;
    };

export interface Preprocessing {
  readonly columns: readonly ModelColumn[];
  readonly features: readonly Feature[];
  /** Columns whose categories must be among those listed in `features`; others become all zeros. */
  readonly refuseUnknown: readonly number[];
  /** Divides each row by its norm, after all else; row-wise, hence not affine. */
  readonly normalize: 'none' | 'l1' | 'l2' | 'max';
}

export interface Model {
  /** What the file is: "ONNX (skl2onnx 1.20.0)". */
  readonly source: string;
  readonly preprocessing: Preprocessing;
  readonly body: Body;
  readonly task: Task;
}
