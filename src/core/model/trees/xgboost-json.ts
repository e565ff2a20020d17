import { AppError } from '../../error.ts';
import type { AffineChain, Body, Model, TreeEnsemble } from '../ir.ts';
import { assembleTrees } from './assemble.ts';
import { checkFeatureCount, featureLabel, numberColumns } from './columns.ts';
import { countAt, invalidAt, listAt, numbersAt, objectAt, textAt, type JsonObject } from './reading.ts';
import { xgboostBase, xgboostTask } from './xgboost-objective.ts';
import { xgboostTrees } from './xgboost-trees.ts';

/**
 * A model from XGBoost's own JSON: boosted trees (gbtree, DART with its weights) or a linear booster.
 *
 * Trees go left where float32(x) < float32(threshold). After early stopping the trees up to the best iteration are used, as the
 * scikit-learn wrapper does (a bare Booster would use all).
 * @param document the text of a .json file, or the tree that `decodeUbjson` makes of a .ubj file
 * @throws {AppError} `model.unreadable` (no JSON), `model.invalid` (inconsistent, with the path), `model.unsupported` (categorical
 * splits, objectives, boosters, by name)
 */
export function importXgboost(document: unknown): Model {
  const root = objectAt(typeof document === 'string' ? parseJson(document) : document, 'the model');
  if (root['learner'] === undefined) throw notAModel();
  const learner = readLearner(root);
  return learner.booster === 'gblinear' ? linearModel(learner) : treeModel(learner);
}

interface Learner {
  readonly version: string;
  readonly names: readonly string[] | undefined;
  readonly features: number;
  readonly outputs: number;
  readonly objective: string;
  readonly base: Float64Array;
  readonly booster: 'gbtree' | 'dart' | 'gblinear';
  readonly gradientBooster: JsonObject;
  readonly bestIteration: number | undefined;
}

/** XGBoost writes numbers that JSON does not have as bare NaN and Infinity; texts stay as they are. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const quoted = text.replaceAll(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/gu, (token) =>
      token.startsWith('"') ? token : `"${token}"`,
    );
    try {
      return JSON.parse(quoted);
    } catch {
      throw new AppError('model.unreadable', 'The file is not JSON, or it is cut.', {
        cause,
        hint: 'Save the model again.',
      });
    }
  }
}

function notAModel(): AppError {
  return new AppError('model.unsupported', 'The JSON file is not an XGBoost model: it has no "learner".', {
    hint: 'Save the model with booster.save_model("model.json"); dumps and configurations do not hold all of it.',
  });
}

const at = 'learner.learner_model_param';

function readLearner(root: JsonObject): Learner {
  const learner = objectAt(root['learner'], 'learner');
  const params = objectAt(learner['learner_model_param'], at);
  const gradientBooster = objectAt(learner['gradient_booster'], 'learner.gradient_booster');
  const objective = textAt(objectAt(learner['objective'], 'learner.objective')['name'], 'learner.objective.name');
  const features = checkFeatureCount(countAt(params['num_feature'], `${at}.num_feature`));
  const outputs = outputCount(params);
  return {
    version:
      root['version'] === undefined
        ? 'of unknown version'
        : Array.from(numbersAt(root['version'], 'version')).join('.'),
    names: readNames(learner['feature_names'], features),
    features,
    outputs,
    objective,
    base: xgboostBase(params['base_score'], `${at}.base_score`, { name: objective, outputs }),
    booster: boosterName(gradientBooster['name']),
    gradientBooster,
    bestIteration: readBestIteration(learner['attributes']),
  };
}

/** Classes or targets; both are "0" or "1" where there is one score. */
function outputCount(params: JsonObject): number {
  const classes = countAt(params['num_class'], `${at}.num_class`, 0);
  const targets = countAt(params['num_target'], `${at}.num_target`, 1);
  const outputs = Math.max(1, classes, targets);
  return outputs <= 100_000 ? outputs : invalidAt(`${at}.num_class`, 'is larger than any model has');
}

function boosterName(name: unknown): Learner['booster'] {
  if (name === 'gbtree' || name === 'dart' || name === 'gblinear') return name;
  throw new AppError(
    'model.unsupported',
    `The XGBoost booster "${textAt(name, 'learner.gradient_booster.name')}" is not supported.`,
    {
      hint: 'Train with booster="gbtree".',
    },
  );
}

function readNames(value: unknown, features: number): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const names = Array.from(listAt(value, 'learner.feature_names'), (name, index) =>
    textAt(name, `learner.feature_names[${String(index)}]`),
  );
  if (names.length === 0) return undefined;
  return names.length === features
    ? names
    : invalidAt('learner.feature_names', `has ${String(names.length)} names for ${String(features)} features`);
}

function readBestIteration(attributes: unknown): number | undefined {
  const best = objectAt(attributes ?? {}, 'learner.attributes')['best_iteration'];
  return best === undefined ? undefined : countAt(best, 'learner.attributes.best_iteration');
}

function treeModel(learner: Learner): Model {
  const { outputs, features, names, base } = learner;
  const booster = learner.gradientBooster;
  const path = 'learner.gradient_booster';
  const isDart = learner.booster === 'dart';
  const inner = isDart ? objectAt(booster['gbtree'], `${path}.gbtree`) : booster;
  const innerPath = isDart ? `${path}.gbtree.model` : `${path}.model`;
  const label = (feature: number) => featureLabel(names, feature);
  const { drafts, used, rounds } = xgboostTrees({
    model: objectAt(inner['model'], innerPath),
    path: innerPath,
    outputs,
    weights: isDart ? numbersAt(booster['weight_drop'], `${path}.weight_drop`) : undefined,
    bestIteration: learner.bestIteration,
    featureLabel: label,
  });
  const trees = assembleTrees(drafts, { inputs: features, outputs, comparison: 'float32', featureName: label });
  const body: TreeEnsemble = { kind: 'tree-ensemble', inputs: features, outputs, trees, base, comparison: 'float32' };
  const cut = used < rounds ? `, best ${String(used)} of ${String(rounds)} rounds` : '';
  return modelOf(learner, body, { suffix: cut, missing: 'keep' });
}

function modelOf(
  learner: Learner,
  body: Body,
  { suffix, missing }: { readonly suffix: string; readonly missing: 'keep' | 0 },
): Model {
  const feature = { missing, offset: 0, scale: 1, float32: true } as const;
  return {
    source: `XGBoost ${learner.version}${suffix}`,
    preprocessing: numberColumns(
      learner.names,
      Array.from({ length: learner.features }, () => feature),
    ),
    body,
    task: xgboostTask(learner.objective, learner.outputs),
  };
}

/**
 * A linear booster: weights[f * outputs + k], the biases in the last row. A missing value adds nothing, as a zero does.
 */
function linearModel(learner: Learner): Model {
  const { features, outputs, base } = learner;
  const path = 'learner.gradient_booster.model';
  const model = objectAt(learner.gradientBooster['model'], path);
  const weights = numbersAt(model['weights'], `${path}.weights`, (features + 1) * outputs);
  for (let index = 0; index < weights.length; index += 1) {
    if (!Number.isFinite(weights[index])) invalidAt(`${path}.weights[${String(index)}]`, 'is not a finite number');
  }
  const values = new Float64Array(features * outputs);
  const columnIndex = new Uint32Array(features * outputs);
  for (let output = 0; output < outputs; output += 1) {
    for (let feature = 0; feature < features; feature += 1) {
      values[output * features + feature] = weights[feature * outputs + output] ?? 0;
      columnIndex[output * features + feature] = feature;
    }
  }
  const rowStart = Uint32Array.from({ length: outputs + 1 }, (_, output) => output * features);
  // XGBoost's linear booster adds the first class's base score to all of them (measured on 3.2).
  const bias = base.map((_, output) => (base[0] ?? 0) + (weights[features * outputs + output] ?? 0));
  const matrix = { rows: outputs, columns: features, rowStart, columnIndex, values };
  const body: AffineChain = {
    kind: 'affine-chain',
    inputs: features,
    outputs,
    layers: [{ kind: 'affine', name: 'gblinear', matrix, bias }],
  };
  return modelOf(learner, body, { suffix: ', linear', missing: 0 });
}
