import { AppError } from '../../error.ts';
import type { Numbers } from './reading.ts';

/** A tree-ensemble node of ai.onnx.ml 1 … 5 as plain lists, under ONNX's own attribute names. */
export interface TreeEnsembleAttributes {
  readonly operator: 'TreeEnsembleClassifier' | 'TreeEnsembleRegressor' | 'TreeEnsemble';
  /** How messages call the node: `node "trees" (TreeEnsembleClassifier)`. */
  readonly node: string;
  /** Numbers a row that enter the node. */
  readonly inputs: number;
  /** Of the node's input; trees compare in double precision only when it is float64. */
  readonly elementType: 'float32' | 'float64';
  /** Ints, floats and tensors (`*_as_tensor` under that name), single numbers as lists of one; absent or empty alike. */
  readonly numbers: Readonly<Record<string, Numbers | undefined>>;
  /** Strings (`nodes_modes`, `classlabels_strings`), single ones (`post_transform`) as lists of one. */
  readonly texts: Readonly<Record<string, readonly string[] | undefined>>;
}

/** An attribute's numbers, or those of its double-precision twin; undefined where both are absent. */
export function optionalNumbers({ numbers }: TreeEnsembleAttributes, name: string): Numbers | undefined {
  const list = numbers[name];
  if (list !== undefined && list.length > 0) return list;
  const tensor = numbers[`${name}_as_tensor`];
  return tensor !== undefined && tensor.length > 0 ? tensor : undefined;
}

/** As {@link optionalNumbers}, of exactly `length` (absent counts as empty). */
export function numbersOf(attributes: TreeEnsembleAttributes, name: string, length: number): Numbers {
  const list = optionalNumbers(attributes, name) ?? [];
  return list.length === length ? list : wrongLength(attributes, name, { has: list.length, needs: length });
}

/** @throws {AppError} `model.invalid`, always */
export function wrongLength(
  attributes: TreeEnsembleAttributes,
  name: string,
  { has, needs }: { readonly has: number; readonly needs: number },
): never {
  throw invalidTrees(attributes, `its ${name} have ${String(has)} entries where ${String(needs)} are needed`);
}

/** The error for a node that contradicts itself. */
export function invalidTrees({ node }: TreeEnsembleAttributes, why: string): AppError {
  return new AppError('model.invalid', `The ${node} is not valid: ${why}.`, {
    hint: 'The file is damaged or was written by a faulty exporter; export the model again.',
  });
}

const elsewhere = 'Train the model otherwise; docs/models.md says what can be evaluated encrypted.';

/** The error for a node that cannot be evaluated. */
export function unsupportedTrees({ node }: TreeEnsembleAttributes, why: string, hint = elsewhere): AppError {
  return new AppError('model.unsupported', `The ${node} cannot be used: ${why}.`, { hint });
}
