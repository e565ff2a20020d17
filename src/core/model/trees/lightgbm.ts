import { AppError } from '../../error.ts';
import type { Model, TreeEnsemble } from '../ir.ts';
import { assembleTrees } from './assemble.ts';
import { checkFeatureCount, featureLabel, numberColumns } from './columns.ts';
import { lightgbmTask } from './lightgbm-objective.ts';
import { splitLightgbm, type Section } from './lightgbm-text.ts';
import { lightgbmDraft, readTree, zeroAsMissing } from './lightgbm-trees.ts';

/**
 * A model from LightGBM's text format (Booster.save_model). Left where x <= threshold, in double precision. Random forests
 * (`average_output`) give the average of their trees as score.
 * @throws {AppError} `model.unreadable` (no such file, or cut), `model.invalid` (inconsistent, with tree and key), `model.unsupported`
 * (categorical splits, linear leaves, objectives, by name)
 */
export function importLightgbm(text: string): Model {
  const { header, trees: sections } = splitLightgbm(text);
  const features = checkFeatureCount(count(header, 'max_feature_idx') + 1);
  const outputs = Math.max(1, count(header, 'num_tree_per_iteration', 'num_class'));
  const names = readNames(header, features);
  const task = lightgbmTask(header.get('objective'), outputs);
  const label = (feature: number) => featureLabel(names, feature);
  const read = sections.map((section, index) => readTree(section, index, label));
  if (read.length % outputs !== 0) throw invalid(`it has ${String(read.length)} trees for ${String(outputs)} classes`);
  const zero = zeroAsMissing(read, label);
  const scale = header.has('average_output') && read.length > 0 ? outputs / read.length : 1;
  const drafts = read.map((tree, index) => lightgbmDraft(tree, index % outputs, scale));
  const trees = assembleTrees(drafts, { inputs: features, outputs, comparison: 'float64', featureName: label });
  const body: TreeEnsemble = {
    kind: 'tree-ensemble',
    inputs: features,
    outputs,
    trees,
    base: new Float64Array(outputs),
    comparison: 'float64',
  };
  const feature = { missing: 'keep', offset: 0, scale: 1, float32: false } as const;
  return {
    source: `LightGBM (text ${header.get('version') ?? 'of unknown version'})`,
    preprocessing: numberColumns(
      names,
      Array.from({ length: features }, (_, index) => (zero.has(index) ? { ...feature, zeroIsMissing: true } : feature)),
    ),
    body,
    task,
  };
}

/** The first of the keys that the header has, as a count. */
function count(header: Section, ...keys: readonly string[]): number {
  const key = keys.find((candidate) => header.has(candidate)) ?? keys[0] ?? '';
  const text = header.get(key) ?? '';
  if (!/^\d{1,9}$/u.test(text)) throw invalid(`"${key}" is not a count`);
  return Number(text);
}

function invalid(what: string): AppError {
  return new AppError('model.invalid', `The LightGBM model is damaged: ${what}.`, { hint: 'Save the model again.' });
}

/** Trained without names, LightGBM makes up Column_0, Column_1, …: columns are then taken in order. */
function readNames(header: Section, features: number): readonly string[] | undefined {
  const text = header.get('feature_names');
  if (text === undefined) return undefined;
  const names = text.split(' ');
  if (names.length !== features)
    throw invalid(`"feature_names" has ${String(names.length)} names for ${String(features)} features`);
  return names.every((name, index) => name === `Column_${String(index)}`) ? undefined : names;
}
