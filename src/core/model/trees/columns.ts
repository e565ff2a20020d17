import { AppError } from '../../error.ts';
import type { Feature, Preprocessing } from '../ir.ts';

/** More than any library trains on; a damaged count must not fill the memory. */
const maxFeatures = 1_000_000;

type NumberFeature = Extract<Feature, { kind: 'number' }>;

/**
 * The preprocessing of a model that reads numbers only, a column a feature, in the file's order.
 * @param names of the columns; undefined: the file has none, columns are taken in order
 */
export function numberColumns(
  names: readonly string[] | undefined,
  features: readonly Omit<NumberFeature, 'kind' | 'column'>[],
): Preprocessing {
  return {
    columns: features.map((_, column) => {
      const name = names?.[column];
      return { type: 'number', ...(name === undefined ? {} : { name }) };
    }),
    features: features.map((feature, column) => ({ kind: 'number', column, ...feature })),
    refuseUnknown: [],
    normalize: 'none',
  };
}

/** @throws {AppError} `model.unsupported` for more features than {@link maxFeatures}; `model.invalid` for none */
export function checkFeatureCount(count: number): number {
  if (count > maxFeatures)
    throw new AppError(
      'model.unsupported',
      `The model reads ${String(count)} features; ${String(maxFeatures)} is the most.`,
      { hint: 'Train it on fewer features.' },
    );
  if (count < 1) throw new AppError('model.invalid', 'The model reads no features.', { hint: 'Save the model again.' });
  return count;
}

/** "income" where the file names its features, else "feature 3". */
export function featureLabel(names: readonly string[] | undefined, feature: number): string {
  const name = names?.[feature];
  return name === undefined ? `feature ${String(feature)}` : `"${name}"`;
}
