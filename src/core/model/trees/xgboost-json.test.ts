import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ensembleArbitrary, xgboostDocument, type DrawnEnsemble } from '../../../../test/tree-writers.ts';
import { AppError } from '../../error.ts';
import type { TreeEnsemble } from '../ir.ts';
import { clearScores } from '../score.ts';
import { decodeUbjson } from './ubjson.ts';
import { importXgboost } from './xgboost-json.ts';

/** The parts of a document that tests change. */
interface Document {
  learner: {
    attributes: Record<string, unknown>;
    feature_names: unknown;
    gradient_booster: { name: string; model: Booster; [key: string]: unknown };
    learner_model_param: Record<string, unknown>;
    objective: { name: string };
  };
}
interface Booster {
  trees: Record<string, unknown>[];
  [key: string]: unknown;
}

const stump: DrawnEnsemble = {
  features: 2,
  outputs: 1,
  trees: [
    { feature: 1, threshold: 0.5, missingLeft: true, left: { leaf: 1 }, right: { leaf: 2 } },
    { feature: 0, threshold: 0, missingLeft: false, left: { leaf: 4 }, right: { leaf: 8 } },
  ],
  base: [0.25],
};

function written(change: (document: Document) => void, drawn: DrawnEnsemble = stump): Document {
  const document = xgboostDocument(drawn) as unknown as Document;
  change(document);
  return document;
}

function refusal(change: (document: Document) => void, drawn?: DrawnEnsemble): AppError {
  return errorOf(() => importXgboost(written(change, drawn)));
}

function errorOf(call: () => unknown): AppError {
  try {
    call();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

function scores(change: (document: Document) => void, row: readonly number[], drawn?: DrawnEnsemble): number[] {
  return [...clearScores(importXgboost(written(change, drawn)).body, Float64Array.from(row), 1)];
}

const firstTree = (document: Document): Record<string, unknown> =>
  document.learner.gradient_booster.model.trees[0] ?? {};

describe('importXgboost', () => {
  it('compares as float32, the threshold itself going right', () => {
    const drawn: DrawnEnsemble = {
      ...stump,
      trees: [{ feature: 0, threshold: 0.1, missingLeft: false, left: { leaf: 1 }, right: { leaf: 2 } }],
      base: [0],
    };
    // Just below 0.1, yet the same float32.
    expect(scores(() => undefined, [0.1 - 1e-12, 0], drawn)).toEqual([2]);
    expect(scores(() => undefined, [0.0999, 0], drawn)).toEqual([1]);
  });

  it.each([
    ['5E-1', 0.5],
    ['[5E-1]', 0.5],
    ['0.5', 0.5],
    [0.5, 0.5],
    [' [ 5e-1 ] ', 0.5],
  ])('reads the base score %j', (value, base) => {
    const document = written(({ learner }) => (learner.learner_model_param['base_score'] = value));
    expect([...(importXgboost(document).body as TreeEnsemble).base]).toEqual([base]);
  });

  it.each([
    ['binary:logistic', 0.2, Math.log(0.25)],
    ['reg:logistic', 0.2, Math.log(0.25)],
    ['count:poisson', 2, Math.log(2)],
    ['reg:gamma', 2, Math.log(2)],
    ['reg:tweedie', 2, Math.log(2)],
    ['survival:aft', 0.5, Math.log(0.5)],
    ['reg:absoluteerror', 2, 2],
    ['binary:logitraw', 0.2, 0.2],
    ['rank:ndcg', 0.2, 0.2],
  ])('takes the base score of %s into the space of its scores', (name, value, base) => {
    const document = written(({ learner }) => {
      learner.objective.name = name;
      learner.learner_model_param['base_score'] = `[${String(value)}]`;
    });
    expect((importXgboost(document).body as TreeEnsemble).base[0]).toBeCloseTo(base, 12);
  });

  it('keeps the trees up to the best iteration', () => {
    const all = scores(() => undefined, [1, 0]);
    expect(all).toEqual([0.25 + 1 + 8]);
    expect(scores(({ learner }) => (learner.attributes['best_iteration'] = '0'), [1, 0])).toEqual([0.25 + 1]);
    const withoutStarts = ({ learner }: Document): void => {
      learner.attributes['best_iteration'] = '0';
      delete learner.gradient_booster.model['iteration_indptr'];
    };
    expect(scores(withoutStarts, [1, 0])).toEqual([0.25 + 1]);
    expect(importXgboost(written(withoutStarts)).source).toContain('best 1 of 2 rounds');
  });

  it('weighs the trees of DART', () => {
    const dart = ({ learner }: Document): void => {
      const { model } = learner.gradient_booster;
      learner.gradient_booster = { name: 'dart', gbtree: { name: 'gbtree', model }, weight_drop: [0.5, 0.25] } as never;
    };
    expect(scores(dart, [1, 0])).toEqual([0.25 + 0.5 + 2]);
    const short = (document: Document): void => {
      dart(document);
      document.learner.gradient_booster['weight_drop'] = [1];
    };
    expect(refusal(short).message).toContain('weight_drop');
  });

  it('reads a linear booster as an affine map that takes missing values for zero', () => {
    const linear = written(({ learner }) => {
      learner.gradient_booster = { name: 'gblinear', model: { weights: [2, 3, 4] } } as never;
    });
    const model = importXgboost(linear);
    expect([...clearScores(model.body, Float64Array.of(10, 100), 1)]).toEqual([0.25 + 20 + 300 + 4]);
    expect(model.preprocessing.features.every((feature) => feature.kind === 'number' && feature.missing === 0)).toBe(
      true,
    );
  });

  it('passes by nodes that were deleted', () => {
    const model = importXgboost(
      written((document) => {
        const tree = firstTree(document);
        for (const key of [
          'left_children',
          'right_children',
          'split_indices',
          'split_conditions',
          'default_left',
          'split_type',
        ])
          (tree[key] as number[]).push(4_000_000);
        tree['tree_param'] = { num_nodes: '4', size_leaf_vector: '0', num_deleted: '1' };
      }),
    );
    expect((model.body as TreeEnsemble).trees[0]?.feature).toHaveLength(1);
  });

  it('reads leaves of several outputs', () => {
    const document = written(({ learner }) => {
      learner.learner_model_param['num_target'] = '2';
      const [tree = {}] = learner.gradient_booster.model.trees;
      Object.assign(tree, {
        tree_param: { num_nodes: '3', size_leaf_vector: '2' },
        right_children: [2, 1, 0],
        leaf_weights: [10, 20, 30, 40],
      });
      learner.gradient_booster.model.trees = [tree];
      Object.assign(learner.gradient_booster.model, {
        tree_info: [0],
        iteration_indptr: [0, 1],
        gbtree_model_param: { num_trees: '1' },
      });
    });
    expect([...clearScores(importXgboost(document).body, Float64Array.of(0, 0), 1)]).toEqual([30.25, 40.25]);
  });

  it('binds columns by name where the file has names, else by order', () => {
    expect(importXgboost(written(() => undefined)).preprocessing.columns).toEqual([
      { type: 'number' },
      { type: 'number' },
    ]);
    const named = importXgboost(written(({ learner }) => (learner.feature_names = ['a b', 'c'])));
    expect(named.preprocessing.columns.map(({ name }) => name)).toEqual(['a b', 'c']);
  });

  it('reads the bare NaN and Infinity of its writer, and leaves texts alone', () => {
    const text = JSON.stringify(written(({ learner }) => (learner.feature_names = ['NaN', ',Infinity,'])));
    const model = importXgboost(
      text.replace('"split_conditions":[0.5', '"loss_changes":[NaN,-Infinity],"split_conditions":[Infinity'),
    );
    expect(model.preprocessing.columns.map(({ name }) => name)).toEqual(['NaN', ',Infinity,']);
    expect((model.body as TreeEnsemble).trees[0]?.threshold[0]).toBe(Infinity);
  });

  it('names the feature of a categorical split', () => {
    const change = (document: Document): void => {
      document.learner.feature_names = ['age', 'town'];
      firstTree(document)['split_type'] = [1, 0, 0];
    };
    const error = refusal(change);
    expect(error.code).toBe('model.unsupported');
    expect(error.message).toContain('"town"');
    expect(error.hint).toContain('one-hot');
  });

  const objective =
    (name: string, targets = '1') =>
    ({ learner }: Document) => {
      learner.objective.name = name;
      learner.learner_model_param['num_target'] = targets;
    };

  it.each([
    ['an unknown objective', objective('reg:mystery'), 'reg:mystery'],
    ['an objective that is called like a method', objective('toString'), 'toString'],
    ['several labels at once', objective('binary:hinge', '3'), '3 labels'],
    ['an unknown booster', ({ learner }: Document) => void (learner.gradient_booster.name = 'gbforest'), 'gbforest'],
    [
      'more features than memory',
      ({ learner }: Document) => void (learner.learner_model_param['num_feature'] = '4294967295'),
      '4294967295',
    ],
  ])('refuses %s by name', (_, change, name) => {
    const error = refusal(change);
    expect(error.code).toBe('model.unsupported');
    expect(error.hint).toBeTruthy();
    expect(error.message).toContain(name);
  });

  const tree = (values: Record<string, unknown>) => (document: Document) =>
    void Object.assign(firstTree(document), values);
  const booster = (values: Record<string, unknown>) => (document: Document) =>
    void Object.assign(document.learner.gradient_booster.model, values);
  const params = (values: Record<string, unknown>) => (document: Document) =>
    void Object.assign(document.learner.learner_model_param, values);

  it.each([
    ['children in a circle', tree({ left_children: [0, -1, -1] }), 'tree 0, node 0'],
    ['a node with two parents', tree({ left_children: [1, -1, -1], right_children: [1, -1, -1] }), 'tree 0, node 1'],
    ['a child out of range', tree({ right_children: [7, -1, -1] }), 'node 7'],
    ['a negative child', tree({ right_children: [-5, -1, -1] }), 'node -5'],
    ['a child that is no whole number', tree({ left_children: [1.5, -1, -1] }), 'node 1.5'],
    ['a threshold that is not a number', tree({ split_conditions: ['NaN', 1, 2] }), 'feature 1'],
    ['a leaf that is not finite', tree({ split_conditions: [0.5, 1, 'Infinity'] }), 'tree 0, node 2'],
    ['a feature out of range', tree({ split_indices: [2, 0, 0] }), 'feature 2'],
    ['a negative feature', tree({ split_indices: [-1, 0, 0] }), 'feature -1'],
    ['arrays of different lengths', tree({ default_left: [1] }), 'trees[0].default_left'],
    ['an array that is missing', tree({ split_indices: undefined }), 'trees[0].split_indices'],
    ['an array of texts', tree({ split_indices: ['0', '0', '0'] }), 'split_indices[0]'],
    [
      'no nodes',
      tree({
        left_children: [],
        right_children: [],
        split_indices: [],
        split_conditions: [],
        default_left: [],
        split_type: [],
        tree_param: {},
      }),
      'node 0',
    ],
    ['a class out of range', booster({ tree_info: [0, 5] }), 'output 5'],
    ['fewer classes than trees', booster({ tree_info: [0] }), 'tree_info'],
    ['rounds that do not end', booster({ iteration_indptr: [0, 1] }), 'iteration_indptr'],
    ['rounds that go back', booster({ iteration_indptr: [0, 3, 2] }), 'iteration_indptr'],
    ['another number of trees', booster({ gbtree_model_param: { num_trees: '7' } }), 'trees'],
    ['trees that are no list', booster({ trees: { length: 1e9 } }), 'trees'],
    ['a base score that is no number', params({ base_score: '[]' }), 'base_score'],
    ['base scores for other classes', params({ base_score: '[1,2,3]' }), 'base_score'],
    ['no features', params({ num_feature: '0' }), 'no features'],
    ['names for other features', ({ learner }: Document) => void (learner.feature_names = ['a']), 'feature_names'],
  ])('refuses %s, naming the place', (_, change, place) => {
    const error = refusal(change);
    expect(error.code).toBe('model.invalid');
    expect(error.message).toContain(place);
  });

  it('refuses a probability outside 0 … 1 as base score', () => {
    const error = refusal(({ learner }) => {
      learner.objective.name = 'binary:logistic';
      learner.learner_model_param['base_score'] = '1';
    });
    expect(error.code).toBe('model.invalid');
  });

  it.each([
    '{',
    '[1, 2',
    'null',
    '"learner"',
    '[]',
    '{}',
    '{"learner": 3}',
    '{"learner": {"learner_model_param": []}}',
  ])('refuses the document %s', (text) => {
    expect(errorOf(() => importXgboost(text)).code).toMatch(/^model\./u);
  });

  it('survives a text of a million brackets', () => {
    expect(errorOf(() => importXgboost('['.repeat(1_000_000))).code).toBe('model.unreadable');
  });

  it('refuses or reads any tree with one value changed, in no other way', () => {
    const junk = fc.oneof(
      fc.integer({ min: -3, max: 12 }),
      fc.constantFrom<unknown>(null, 'NaN', [], {}, 1e300, -1, 0.5, undefined),
    );
    fc.assert(
      fc.property(ensembleArbitrary, fc.tuple(fc.nat(), fc.nat(), junk), (drawn, [which, position, value]) => {
        const document = written((changed) => {
          const target = firstTree(changed);
          const keys = Object.keys(target);
          const key = keys[which % keys.length] ?? '';
          const list = target[key];
          if (Array.isArray(list)) list[position % list.length] = value;
          else target[key] = value;
        }, drawn);
        try {
          clearScores(importXgboost(document).body, new Float64Array(drawn.features), 1);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('refuses or reads a UBJ file with one byte changed, in no other way', () => {
    const file = readFileSync(new URL('../../../../test/fixtures/wdbc/xgb_100x4.ubj', import.meta.url));
    fc.assert(
      fc.property(fc.nat({ max: file.length - 1 }), fc.nat({ max: 255 }), (position, value) => {
        const changed = Uint8Array.from(file);
        changed[position] = value;
        try {
          importXgboost(decodeUbjson(changed));
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
      { numRuns: 150 },
    );
  });
});
