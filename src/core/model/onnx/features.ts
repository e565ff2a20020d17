import type { Feature, ModelColumn } from '../ir.ts';
import { forEachInRow } from '../sparse.ts';
import { type Affine, type TensorValue } from './value.ts';
import { isUnchanged } from './elementwise.ts';

/** A number that the graph makes of one cell, before any arithmetic. */
export type FeatureSeed =
  /** `missing` undefined: the graph says nothing about missing values. */
  | {
      readonly kind: 'number';
      readonly column: number;
      readonly missing: number | undefined;
      readonly float32: boolean;
    }
  | { readonly kind: 'one-hot'; readonly column: number; readonly category: string | number }
  | {
      readonly kind: 'ordinal';
      readonly column: number;
      readonly categories: readonly (string | number)[];
      readonly values: readonly number[];
      readonly unknown: number;
    };

export interface Scaling {
  readonly offset: number;
  readonly scale: number;
}

/** Everything the graph reads of a row; grows while the graph is walked. */
export interface FeatureTable {
  readonly columns: ModelColumn[];
  readonly seeds: FeatureSeed[];
  /** Features that a matrix read. */
  readonly used: Set<number>;
  readonly refuseUnknown: Set<number>;
  /** Columns that the graph declares as whole numbers. */
  readonly wholeColumns: Set<number>;
  /** The feature's index; the same seed is one feature. */
  add(seed: FeatureSeed): number;
}

/** An empty table, for one graph. */
export function featureTable(): FeatureTable {
  const known = new Map<string, number>();
  const seeds: FeatureSeed[] = [];
  return {
    columns: [],
    seeds,
    used: new Set(),
    refuseUnknown: new Set(),
    wholeColumns: new Set(),
    add(seed) {
      const key = JSON.stringify(Object.values(seed));
      const index = known.get(key) ?? seeds.length;
      if (index === seeds.length) {
        known.set(key, index);
        seeds.push(seed);
      }
      return index;
    },
  };
}

/** Each element's feature where the tensor is nothing but features, picked and arranged. */
export function plainFeatures(tensor: TensorValue): number[] | undefined {
  if (!isUnchanged(tensor.fn)) return undefined;
  const scaled = scaledFeatures(tensor.base);
  return scaled?.every(({ factor, shift }) => factor === 1 && shift === 0) === true
    ? scaled.map(({ feature }) => feature)
    : undefined;
}

interface ScaledFeature {
  readonly feature: number;
  readonly factor: number;
  readonly shift: number;
}

/** Each element as factor · feature + shift; undefined when an element is made of none or several. */
function scaledFeatures(affine: Affine): ScaledFeature[] | undefined {
  if (affine.source.kind !== 'columns') return undefined;
  const features: ScaledFeature[] = [];
  for (let row = 0; row < affine.matrix.rows; row += 1) {
    const before = features.length;
    forEachInRow(affine.matrix, row, (feature, factor) => {
      features.push({ feature, factor, shift: affine.bias[row] ?? 0 });
    });
    if (features.length !== before + 1) return undefined;
  }
  return features;
}

/** Categories that must all be known stay features even where the model ignores one of them (it is the others' absence). */
export function keepKnownCategories({ seeds, refuseUnknown, used }: FeatureTable): void {
  for (const [feature, seed] of seeds.entries())
    if (seed.kind === 'one-hot' && refuseUnknown.has(seed.column)) used.add(feature);
}

/** The affine map meets a matrix: its features are read, unscaled: what scales them folds into the matrix, so that the client learns none of it. */
export function markUsed(affine: Affine, table: FeatureTable): void {
  if (affine.source.kind !== 'columns') return;
  for (const feature of affine.matrix.columnIndex) table.used.add(feature);
}

/**
 * The elements as features of their own, for what is not affine (trees, norms): all their scaling happens on the client.
 * @returns undefined when an element is made of several features or of none
 */
export function ownFeatures(affine: Affine, table: FeatureTable, missing: 'refuse' | 'keep'): Feature[] | undefined {
  const scaled = scaledFeatures(affine);
  if (scaled === undefined) return undefined;
  for (const { feature } of scaled) table.used.add(feature);
  return scaled.map(({ feature, factor, shift }) => {
    const seed = table.seeds[feature];
    if (seed === undefined) throw new RangeError('no such feature');
    return scaleFeature(seed, { offset: -shift / factor + 0, scale: factor }, missing);
  });
}

/** The seed as a feature of the intermediate representation, (value - offset) * scale. */
export function scaleFeature(seed: FeatureSeed, { offset, scale }: Scaling, missing: 'refuse' | 'keep'): Feature {
  switch (seed.kind) {
    case 'number':
      return { ...seed, missing: seed.missing ?? missing, offset, scale };
    case 'one-hot':
      return { ...seed, offset, scale };
    case 'ordinal':
      return {
        ...seed,
        values: seed.values.map((value) => (value - offset) * scale),
        unknown: (seed.unknown - offset) * scale,
      };
  }
}
