import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { predictTable } from '../../../../test/predict.ts';
import { ensembleArbitrary, lightgbmText, type DrawnEnsemble } from '../../../../test/tree-writers.ts';
import { AppError } from '../../error.ts';
import { clearScores } from '../score.ts';
import { importLightgbm } from './lightgbm.ts';

const stump: DrawnEnsemble = {
  features: 2,
  outputs: 1,
  trees: [{ feature: 1, threshold: 0.5, missingLeft: true, left: { leaf: 1 }, right: { leaf: 2 } }],
  base: [0],
};

/** The stump's file with some lines changed and the announced sizes kept right. */
function written(changes: Readonly<Record<string, string>>, drawn = stump): string {
  let text = lightgbmText(drawn);
  for (const [key, value] of Object.entries(changes))
    text = text.replace(new RegExp(`^${key}=.*$`, 'mu'), () => (value === '' ? '' : `${key}=${value}`));
  return withSizes(text);
}

function withSizes(text: string): string {
  const body = text.slice(text.indexOf('Tree='), text.indexOf('end of trees'));
  const sizes = body.split(/^(?=Tree=)/mu).map((block) => block.length);
  return text.replace(/^tree_sizes=.*$/mu, `tree_sizes=${sizes.join(' ')}`);
}

function scoreOf(text: string, ...row: readonly number[]): number | undefined {
  return clearScores(importLightgbm(text).body, Float64Array.from(row), 1)[0];
}

function refusal(text: string): AppError {
  try {
    importLightgbm(text);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('importLightgbm', () => {
  it('goes left at the threshold itself, in double precision', () => {
    const text = written({ threshold: '0.10000000000000001' });
    expect(scoreOf(text, 0, 0.1)).toBe(1);
    expect(scoreOf(text, 0, 0.1 + 2e-17)).toBe(2);
  });

  it.each([
    ['0', 1, 'zero where no rule was learned, whatever the default direction'],
    ['2', 1, 'zero where no rule was learned'],
    ['8', 2, 'its default, right'],
    ['10', 1, 'its default, left'],
    ['4', 2, 'its default, right, of the type zero'],
  ])('takes a missing value with decision type %s to leaf %d: %s', (type, leaf) => {
    expect(scoreOf(written({ decision_type: type }), 0, Number.NaN)).toBe(leaf);
  });

  it('takes zeros for missing where a split sends them elsewhere than their size would', () => {
    const model = importLightgbm(written({ decision_type: '4' }));
    const predictions = predictTable(model, {
      file: 'rows.csv',
      header: ['a', 'b'],
      rows: [
        ['1', '0'],
        ['1', '-1e-36'],
        ['1', '-1e-34'],
        ['1', ''],
        ['0', '0.7'],
      ],
    });
    expect(predictions.get('value')).toEqual([2, 2, 1, 2, 2]);
  });

  it('refuses a feature whose zeros are missing in one split and numbers in another', () => {
    const two: DrawnEnsemble = { ...stump, trees: [stump.trees[0] ?? { leaf: 0 }, stump.trees[0] ?? { leaf: 0 }] };
    let nth = 0;
    const text = lightgbmText(two).replaceAll(/^decision_type=10$/gmu, () =>
      nth++ === 0 ? 'decision_type=04' : 'decision_type=08',
    );
    const error = refusal(text);
    expect(error.code).toBe('model.unsupported');
    expect(error.message).toContain('feature 1');
  });

  it('reads infinite thresholds, which tell missing values from all others', () => {
    const text = written({ threshold: 'inf', decision_type: '8' });
    expect(scoreOf(text, 0, 1e300)).toBe(1);
    expect(scoreOf(text, 0, Number.NaN)).toBe(2);
  });

  it('averages the trees of a random forest', () => {
    const text = written({ objective: 'binary sigmoid:1' }).replace(
      /^feature_names/mu,
      'average_output\nfeature_names',
    );
    // Two trees: the stump and the base.
    expect(scoreOf(text, 0, 1)).toBe(1);
  });

  it.each([
    ['binary sigmoid:2.5', { kind: 'sigmoid', slope: 2.5, normalize: false }],
    ['regression sqrt', { kind: 'signed-square' }],
    ['regression_l1', { kind: 'identity' }],
    ['poisson', { kind: 'exp' }],
    ['gamma', { kind: 'exp' }],
    ['tweedie', { kind: 'exp' }],
    ['cross_entropy', { kind: 'sigmoid', slope: 1, normalize: false }],
    ['lambdarank', { kind: 'identity' }],
    ['', { kind: 'identity' }],
  ])('links the scores of "%s"', (objective, link) => {
    expect(importLightgbm(written({ objective })).task.link).toEqual(link);
  });

  it.each([
    ['multiclass num_class:3', { kind: 'softmax' }],
    ['multiclassova num_class:3 sigmoid:1.5', { kind: 'sigmoid', slope: 1.5, normalize: false }],
  ])('links the classes of "%s"', (objective, link) => {
    const three: DrawnEnsemble = {
      features: 1,
      outputs: 3,
      trees: [{ leaf: 1 }, { leaf: 2 }, { leaf: 3 }],
      base: [0, 0, 0],
    };
    const { task, body } = importLightgbm(written({ objective }, three));
    expect(task).toMatchObject({ kind: 'classification', classes: [0, 1, 2], link });
    expect([...clearScores(body, Float64Array.of(0), 1)]).toEqual([1, 2, 3]);
  });

  it('knows columns by name unless the names are made up', () => {
    expect(importLightgbm(written({})).preprocessing.columns).toEqual([{ type: 'number' }, { type: 'number' }]);
    expect(
      importLightgbm(written({ feature_names: 'age mean_radius' })).preprocessing.columns.map(({ name }) => name),
    ).toEqual(['age', 'mean_radius']);
  });

  it('reads files with the line ends of Windows', () => {
    expect(scoreOf(lightgbmText(stump).replaceAll('\n', '\r\n'), 0, 1)).toBe(2);
  });

  it('names the feature of a categorical split', () => {
    const error = refusal(written({ decision_type: '1', feature_names: 'age town' }));
    expect(error.code).toBe('model.unsupported');
    expect(error.message).toContain('"town"');
    expect(error.hint).toContain('one-hot');
  });

  it.each([
    ['linear leaves', { is_linear: '1' }, 'linear_tree'],
    ['an unknown objective', { objective: 'mystery' }, 'mystery'],
    ['an objective whose link is not known', { objective: 'cross_entropy_lambda' }, 'cross_entropy_lambda'],
  ])('refuses %s by name', (_, changes, name) => {
    const error = refusal(written(changes));
    expect(error.code).toBe('model.unsupported');
    expect(error.hint).toBeTruthy();
    expect(error.message).toContain(name);
  });

  it.each([
    ['children in a circle', { left_child: '0' }, 'tree 0, node 0'],
    ['a leaf that is not there', { right_child: '-9' }, 'node -9'],
    ['a leaf beyond 32 bits', { right_child: '-4294967298' }, 'node -4294967298'],
    ['a node that is not there', { right_child: '4' }, 'node 4'],
    ['a leaf with two parents', { right_child: '-1' }, 'node -1'],
    ['a child that is no number', { right_child: 'x' }, 'tree 0'],
    ['a threshold that is not a number', { threshold: 'nan' }, 'tree 0, node 0'],
    ['a feature out of range', { split_feature: '2' }, 'feature 2'],
    ['a leaf that is not finite', { leaf_value: '1 inf' }, 'tree 0'],
    ['an array that is too short', { leaf_value: '1' }, 'leaf_value'],
    ['an array that is too long', { threshold: '1 2' }, 'threshold'],
    ['a tree without leaves', { num_leaves: '0' }, 'num_leaves'],
    ['an unknown missing type', { decision_type: '12' }, 'decision_type'],
    ['unknown bits', { decision_type: '4294967296' }, 'decision_type'],
    ['a slope that is not positive', { objective: 'binary sigmoid:0' }, 'binary sigmoid:0'],
    ['a binary model of several scores', { objective: 'binary sigmoid:1', num_tree_per_iteration: '2' }, 'binary'],
    ['trees for no whole round', { num_tree_per_iteration: '3', objective: 'multiclass num_class:3' }, '3 classes'],
    ['names for other features', { feature_names: 'a' }, 'feature_names'],
    ['a count that is none', { max_feature_idx: '-1' }, 'max_feature_idx'],
  ])('refuses %s, naming the place', (_, changes, place) => {
    const error = refusal(written(changes));
    expect(error.code).toBe('model.invalid');
    expect(error.message).toContain(place);
  });

  it('refuses more features than memory', () => {
    expect(refusal(written({ max_feature_idx: '999999999' })).code).toBe('model.unsupported');
  });

  it('notices a cut or an altered length', () => {
    const text = readFileSync(
      new URL('../../../../test/fixtures/diabetes/lgbm_regressor.txt', import.meta.url),
      'utf8',
    );
    expect(refusal(text.slice(0, text.indexOf('Tree=30'))).code).toBe('model.unreadable');
    expect(refusal(text.slice(0, text.indexOf('end of trees'))).message).toContain('end of trees');
    const first = text.indexOf('Tree=7\n');
    expect(refusal(text.slice(0, first) + text.slice(text.indexOf('Tree=8\n'))).code).toBe('model.unreadable');
    expect(refusal(text.replace('leaf_value=', 'leaf_value=1')).code).toBe('model.unreadable');
    expect(refusal(`${text.slice(0, text.indexOf('end of trees'))}Tree=60\n\nend of trees\n`).code).toBe(
      'model.unreadable',
    );
  });

  it('refuses or reads any tree with one value changed, in no other way', () => {
    const junk = fc.constantFrom('', '0', '-1', '-2', '9', 'nan', '1e999', 'x', '0.5', '-0', '4294967296');
    const keys = fc.constantFrom(
      'num_leaves',
      'split_feature',
      'threshold',
      'decision_type',
      'left_child',
      'right_child',
      'leaf_value',
    );
    fc.assert(
      fc.property(ensembleArbitrary, fc.tuple(keys, fc.nat(), junk), (drawn, [key, position, value]) => {
        const text = lightgbmText(drawn).replace(new RegExp(`^${key}=(.*)$`, 'mu'), (_, list: string) => {
          const items = list.split(' ');
          items[position % items.length] = value;
          return `${key}=${items.join(' ')}`;
        });
        try {
          clearScores(importLightgbm(withSizes(text)).body, new Float64Array(drawn.features), 1);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
