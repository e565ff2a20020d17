import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classicAttributes, modernAttributes } from '../../../../test/onnx-tree-writers.ts';
import type { DrawnEnsemble } from '../../../../test/tree-writers.ts';
import { AppError } from '../../error.ts';
import { clearScores } from '../score.ts';
import type { TreeEnsembleAttributes } from './onnx-attributes.ts';
import { importOnnxTrees } from './onnx-trees.ts';

const stump: DrawnEnsemble = {
  features: 2,
  outputs: 1,
  trees: [{ feature: 1, threshold: 0.5, missingLeft: true, left: { leaf: 1 }, right: { leaf: 2 } }],
  base: [0],
};

type Numbers = Readonly<Record<string, readonly number[] | undefined>>;
type Texts = Readonly<Record<string, readonly string[] | undefined>>;

function changed(attributes: TreeEnsembleAttributes, numbers: Numbers, texts: Texts = {}): TreeEnsembleAttributes {
  return { ...attributes, numbers: { ...attributes.numbers, ...numbers }, texts: { ...attributes.texts, ...texts } };
}

const classic = (numbers: Numbers = {}, texts: Texts = {}) => changed(classicAttributes(stump), numbers, texts);
const modern = (numbers: Numbers = {}) => changed(modernAttributes(stump), numbers);

/** One split and two leaves, each with its weights for the classes. */
function classifier(numbers: Numbers = {}, texts: Texts = {}): TreeEnsembleAttributes {
  const nodes = {
    nodes_treeids: [0, 0, 0],
    nodes_nodeids: [0, 1, 2],
    nodes_featureids: [1, 0, 0],
    nodes_values: [0.5, 0, 0],
    nodes_truenodeids: [1, 0, 0],
    nodes_falsenodeids: [2, 0, 0],
  };
  const weights = {
    class_treeids: [0, 0],
    class_nodeids: [1, 2],
    class_ids: [0, 0],
    class_weights: [0.25, 0.75],
    classlabels_int64s: [0, 1],
  };
  return {
    operator: 'TreeEnsembleClassifier',
    node: 'node "trees" (TreeEnsembleClassifier)',
    inputs: 2,
    elementType: 'float32',
    numbers: { ...nodes, ...weights, ...numbers },
    texts: { nodes_modes: ['BRANCH_LEQ', 'LEAF', 'LEAF'], ...texts },
  };
}

function scores(attributes: TreeEnsembleAttributes, ...row: readonly number[]): number[] {
  return [...clearScores(importOnnxTrees(attributes).ensemble, Float64Array.from(row), 1)];
}

function refusal(attributes: TreeEnsembleAttributes): AppError {
  try {
    importOnnxTrees(attributes);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const comparisons: Readonly<Record<string, (x: number, t: number) => boolean>> = {
  BRANCH_LEQ: (x, t) => x <= t,
  BRANCH_LT: (x, t) => x < t,
  BRANCH_GTE: (x, t) => x >= t,
  BRANCH_GT: (x, t) => x > t,
  BRANCH_EQ: (x, t) => x === t,
  BRANCH_NEQ: (x, t) => x !== t,
};
const modeNumber = ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ'];

describe('importOnnxTrees', () => {
  describe.each(Object.entries(comparisons))('%s', (mode, holds) => {
    it.each([undefined, 0, 1])('compares as its name says, missing values tracking true: %s', (tracksTrue) => {
      const missing = tracksTrue === undefined ? undefined : [tracksTrue, 0, 0];
      const old = classifier(
        { nodes_missing_value_tracks_true: missing, class_weights: [-1, 1] },
        { nodes_modes: [mode, 'LEAF', 'LEAF'] },
      );
      const node = {
        nodes_modes: [modeNumber.indexOf(mode)],
        nodes_splits: [0.5],
        nodes_featureids: [1],
        tree_roots: [0],
        leaf_weights: [-1, 1],
        leaf_targetids: [0, 0],
      };
      const sides = { nodes_trueleafs: [1], nodes_truenodeids: [0], nodes_falseleafs: [1], nodes_falsenodeids: [1] };
      const recent: TreeEnsembleAttributes = {
        ...modern(),
        numbers: {
          ...node,
          ...sides,
          nodes_missing_value_tracks_true: tracksTrue === undefined ? undefined : [tracksTrue],
        },
      };
      for (const x of [0, 0.5, 1, Number.NaN]) {
        const isTrue = holds(x, 0.5) || (Number.isNaN(x) && tracksTrue === 1);
        expect(scores(old, 9, x)).toEqual([isTrue ? -1 : 1]);
        expect(scores(recent, 9, x)).toEqual([isTrue ? -1 : 1]);
      }
    });
  });

  it('takes random trees of equalities apart without changing them', () => {
    type Node = {
      mode: string;
      feature: number;
      value: number;
      tracksTrue: boolean;
      yes: Node | number;
      no: Node | number;
    };
    const { node } = fc.letrec<{ node: Node; child: Node | number }>((tie) => ({
      node: fc.record({
        mode: fc.constantFrom(...Object.keys(comparisons), 'BRANCH_EQ', 'BRANCH_NEQ'),
        feature: fc.nat({ max: 1 }),
        value: fc.integer({ min: -1, max: 1 }),
        tracksTrue: fc.boolean(),
        yes: tie('child'),
        no: tie('child'),
      }),
      child: fc.oneof({ maxDepth: 6, depthSize: 'large' }, fc.nat({ max: 9 }), tie('node')),
    }));
    const cell = fc.oneof(
      fc.integer({ min: -4, max: 4 }).map((x) => x / 2),
      fc.constant(Number.NaN),
    );
    fc.assert(
      fc.property(node, fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 20 }), (root, rows) => {
        const numbers: Record<string, number[]> = { n_targets: [1] };
        const modes: string[] = [];
        const push = (name: string, value: number): number => (numbers[name] ??= []).push(value) - 1;
        const add = (tree: Node | number): number => {
          const isLeaf = typeof tree === 'number';
          modes.push(isLeaf ? 'LEAF' : tree.mode);
          const id = push('nodes_treeids', 0);
          push('nodes_nodeids', id);
          push('nodes_featureids', isLeaf ? 0 : tree.feature);
          push('nodes_values', isLeaf ? 0 : tree.value);
          push('nodes_missing_value_tracks_true', isLeaf ? 0 : Number(tree.tracksTrue));
          push('nodes_truenodeids', 0);
          push('nodes_falsenodeids', 0);
          if (isLeaf) {
            push('target_treeids', 0);
            push('target_nodeids', id);
            push('target_ids', 0);
            push('target_weights', tree);
            return id;
          }
          (numbers['nodes_truenodeids'] ?? [])[id] = add(tree.yes);
          (numbers['nodes_falsenodeids'] ?? [])[id] = add(tree.no);
          return id;
        };
        add(root);
        const { ensemble } = importOnnxTrees({ ...classic(), numbers, texts: { nodes_modes: modes } });
        const expected = rows.map((row) => {
          let at: Node | number = root;
          while (typeof at !== 'number') {
            const x: number = row[at.feature] ?? Number.NaN;
            at = comparisons[at.mode]?.(x, at.value) === true || (Number.isNaN(x) && at.tracksTrue) ? at.yes : at.no;
          }
          return at;
        });
        expect([...clearScores(ensemble, Float64Array.from(rows.flat()), rows.length)]).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps a chain of a thousand equalities small', () => {
    const count = 1000;
    const range = Array.from({ length: count }, (_, index) => index);
    const chain: TreeEnsembleAttributes = {
      ...modern(),
      numbers: {
        nodes_modes: range.map(() => 4),
        nodes_splits: range,
        nodes_featureids: range.map(() => 0),
        nodes_trueleafs: range.map(() => 1),
        nodes_truenodeids: range,
        nodes_falseleafs: range.map((index) => Number(index === count - 1)),
        nodes_falsenodeids: range.map((index) => (index === count - 1 ? count : index + 1)),
        tree_roots: [0],
        leaf_weights: [...range, -1],
        leaf_targetids: [...range, 0].map(() => 0),
      },
    };
    const { ensemble } = importOnnxTrees(chain);
    expect(ensemble.trees[0]?.feature.length).toBeLessThan(3 * count);
    expect([...clearScores(ensemble, Float64Array.of(0, 0, 999, 0, 500, 0, 3.5, 0, -1, 0), 5)]).toEqual([
      0, 999, 500, -1, -1,
    ]);
  });

  it('refuses equalities that would fill the memory when taken apart', () => {
    const count = 60;
    const range = Array.from({ length: count }, (_, index) => index);
    const chain: TreeEnsembleAttributes = {
      ...modern(),
      inputs: count,
      numbers: {
        nodes_modes: range.map(() => 4),
        nodes_splits: range.map(() => 0),
        nodes_featureids: range,
        nodes_trueleafs: range.map(() => 1),
        nodes_truenodeids: range.map(() => 0),
        nodes_falseleafs: range.map((index) => Number(index === count - 1)),
        nodes_falsenodeids: range.map((index) => (index === count - 1 ? 1 : index + 1)),
        tree_roots: [0],
        leaf_weights: [1, 2],
        leaf_targetids: [0, 0],
      },
    };
    expect(refusal(chain).code).toBe('model.unsupported');
  });

  it('rounds to float32 unless the numbers are doubles', () => {
    const double = {
      nodes_values: undefined,
      nodes_values_as_tensor: [0.1, 0, 0],
      class_weights: undefined,
      class_weights_as_tensor: [-1, 1],
    };
    const attributes = classifier(double);
    expect(scores(attributes, 0, 0.1 + 1e-12)).toEqual([-1]);
    expect(scores({ ...attributes, elementType: 'float64' }, 0, 0.1 + 1e-12)).toEqual([1]);
  });

  it.each([
    ['probabilities', classifier(), { link: { kind: 'probability' }, threshold: 0.5, probabilities: true }],
    [
      'log-odds',
      classifier({}, { post_transform: ['LOGISTIC'] }),
      { link: { kind: 'sigmoid', slope: 1, normalize: false }, threshold: 0, probabilities: true },
    ],
    [
      'decision values',
      classifier({ class_weights: [-1, 1] }, { post_transform: ['NONE'] }),
      { link: { kind: 'identity' }, threshold: 0, probabilities: false },
    ],
    ['the second class alone', classifier({ class_ids: [1, 1] }), { link: { kind: 'probability' }, threshold: 0.5 }],
  ])("takes one score for two classes as the second one's: %s", (_, attributes, task) => {
    const result = importOnnxTrees(attributes);
    expect(result.ensemble.outputs).toBe(1);
    expect(result.task).toMatchObject({ kind: 'classification', classes: [0, 1], ...task });
  });

  it.each([
    ['NONE', { kind: 'probability' }],
    ['SOFTMAX', { kind: 'softmax' }],
    ['LOGISTIC', { kind: 'sigmoid', slope: 1, normalize: false }],
  ])('links several classes with %s, a leaf having weights for many', (post_transform, link) => {
    const weights = {
      class_treeids: [0, 0, 0, 0],
      class_nodeids: [1, 1, 2, 2],
      class_ids: [0, 2, 1, 2],
      class_weights: [0.5, 0.5, 0.25, 0.75],
    };
    const attributes = classifier(
      { ...weights, classlabels_int64s: undefined, base_values: [1, 2, 3] },
      { classlabels_strings: ['a', 'b', 'c'], post_transform: [post_transform] },
    );
    expect(importOnnxTrees(attributes).task).toMatchObject({ kind: 'classification', classes: ['a', 'b', 'c'], link });
    expect(scores(attributes, 0, 0)).toEqual([1.5, 2, 3.5]);
    expect(scores(attributes, 0, 1)).toEqual([1, 2.25, 3.75]);
  });

  it('adds base values to the sum, or to the average', () => {
    const two: DrawnEnsemble = { ...stump, trees: [...stump.trees, { leaf: 4 }], base: [0.5] };
    expect(scores(classicAttributes(two), 0, 0)).toEqual([5.5]);
    expect(scores(changed(classicAttributes(two), {}, { aggregate_function: ['AVERAGE'] }), 0, 0)).toEqual([3]);
    expect(scores(changed(modernAttributes({ ...two, base: [0] }), { aggregate_function: [0] }), 0, 0)).toEqual([
      1 / 3 + 4 / 3,
    ]);
  });

  const directed = (directions: readonly number[] | undefined, mode: string) =>
    classifier({ nodes_missing_value_tracks_true: directions }, { nodes_modes: [mode, 'LEAF', 'LEAF'] });

  it.each([
    ['no directions at all', directed(undefined, 'BRANCH_LEQ'), 'refuse'],
    ['all to one side, as skl2onnx writes for forests', directed([0, 0, 0], 'BRANCH_LEQ'), 'refuse'],
    ['some to the other side', directed([1, 0, 0], 'BRANCH_LEQ'), 'keep'],
    ['all to one side, from XGBoost', directed([0, 0, 0], 'BRANCH_LT'), 'keep'],
  ])('has a rule for missing values where the file gives one: %s', (_, attributes, missing) => {
    expect(importOnnxTrees(attributes).missing).toBe(missing);
  });

  it('takes a split with one leaf on both sides for that leaf', () => {
    expect(importOnnxTrees(modern()).ensemble.trees.map(({ feature }) => feature.length)).toEqual([1, 0]);
  });

  it.each([
    ['a set of values', classifier({}, { nodes_modes: ['BRANCH_MEMBER', 'LEAF', 'LEAF'] }), 'BRANCH_MEMBER'],
    ['a set of values in version 5', modern({ nodes_modes: [6, 0] }), 'BRANCH_MEMBER'],
    ['a mode that does not exist', modern({ nodes_modes: [77, 0] }), '77'],
    ['a mode that is called like a method', classifier({}, { nodes_modes: ['toString', 'LEAF', 'LEAF'] }), 'toString'],
    ['the smallest of the trees', classic({}, { aggregate_function: ['MIN'] }), 'MIN'],
    ['the largest of the trees', modern({ aggregate_function: [3] }), 'MAX'],
    ['PROBIT', classic({}, { post_transform: ['PROBIT'] }), 'PROBIT'],
    ['SOFTMAX_ZERO', modern({ post_transform: [3] }), 'SOFTMAX_ZERO'],
    ['a single class', classifier({ classlabels_int64s: [1] }), 'single class'],
  ])('refuses %s by name', (_, attributes, name) => {
    const error = refusal(attributes);
    expect(error.code).toBe('model.unsupported');
    expect(error.hint).toBeTruthy();
    expect(error.message).toContain(name);
    expect(error.message).toContain('node "trees"');
  });

  it.each([
    ['lists of different lengths', classifier({ nodes_featureids: [1] }), 'nodes_featureids'],
    [
      'missing directions for other nodes',
      classifier({ nodes_missing_value_tracks_true: [1] }),
      'nodes_missing_value_tracks_true',
    ],
    ['weights for other leaves', classifier({ class_nodeids: [1, 9] }), 'node 9'],
    ['weights of other length', classifier({ class_ids: [0] }), 'class_ids'],
    ['a weight on a split', classifier({ class_nodeids: [1, 0] }), 'node 0'],
    ['a node twice', classifier({ nodes_nodeids: [0, 1, 1] }), 'node 1 twice'],
    ['children in a circle', classifier({ nodes_truenodeids: [0, 0, 0] }), 'does not lead to'],
    [
      'children in a circle without a root',
      classifier(
        { class_nodeids: [2, 2], nodes_truenodeids: [0, 2, 0], nodes_falsenodeids: [1, 0, 0] },
        { nodes_modes: ['BRANCH_LEQ', 'BRANCH_LEQ', 'LEAF'] },
      ),
      'no root',
    ],
    ['a child with two parents', classifier({ nodes_falsenodeids: [1, 0, 0] }), 'more than one parent'],
    ['a child that is not there', classifier({ nodes_falsenodeids: [5, 0, 0] }), 'node 5'],
    ['a feature out of range', classifier({ nodes_featureids: [2, 0, 0] }), 'feature 2'],
    ['a threshold that is not a number', classifier({ nodes_values: [Number.NaN, 0, 0] }), 'threshold'],
    ['a weight that is not finite', classifier({ class_weights: [Infinity, 1] }), 'not a finite number'],
    ['a class out of range', classifier({ class_ids: [0, 2] }), 'output 2'],
    ['no classes', classifier({ classlabels_int64s: undefined }), 'no classes'],
    ['base values for other classes', classifier({ base_values: [1, 2, 3] }), 'base_values'],
    ['a base value that is not finite', classic({ base_values: [Number.NaN] }), 'base_values'],
    ['no trees', modern({ tree_roots: undefined }), 'no trees'],
    ['a root that is not there', modern({ tree_roots: [9] }), 'node 9'],
    ['a root below zero', modern({ tree_roots: [-1] }), 'does not have'],
    ['a child below zero', modern({ nodes_trueleafs: [0, 1], nodes_truenodeids: [-3, 0] }), 'does not have'],
    [
      'children in a circle in version 5',
      modern({ nodes_trueleafs: [0, 1], nodes_truenodeids: [0, 0] }),
      'more than one parent',
    ],
    ['a leaf that is not there', modern({ nodes_truenodeids: [99, 99] }), 'does not have'],
    ['a target out of range', modern({ leaf_targetids: [0, 7, 0] }), 'output 7'],
    ['no targets', classic({ n_targets: [0] }), 'n_targets'],
    ['as many targets as memory', modern({ n_targets: [2 ** 40] }), 'n_targets'],
  ])('refuses %s', (_, attributes, place) => {
    const error = refusal(attributes);
    expect(error.code).toBe('model.invalid');
    expect(error.message).toContain(place);
  });
});
