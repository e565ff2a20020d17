import { describe, expect, it } from 'vitest';
import {
  type TestAttribute,
  type TestGraph,
  type TestInput,
  type TestNode,
  floats,
  onnxFile,
} from '../../../../test/onnx-writer.ts';
import { bindColumns } from '../../table/bind.ts';
import { preprocessRows } from '../../table/preprocess.ts';
import { applyLink } from '../../table/link.ts';
import type { Model } from '../ir.ts';
import { clearScores } from '../score.ts';
import { importOnnx } from './import.ts';

const ml = 'ai.onnx.ml';
type Wires = readonly [inputs: readonly string[], outputs: readonly string[]];
const node = (
  operator: string,
  [inputs, outputs]: Wires,
  attributes: Readonly<Record<string, TestAttribute>> = {},
): TestNode => ({ operator, inputs, outputs, attributes, domain: ml });
const regressor = (input: string, coefficients: readonly number[]): TestNode =>
  node('LinearRegressor', [[input], ['y']], { coefficients: { floats: coefficients }, intercepts: { floats: [0] } });

function pipeline(
  inputs: readonly TestInput[],
  nodes: readonly TestNode[],
  { outputs = ['y'], initializers = [] }: Partial<Pick<TestGraph, 'outputs' | 'initializers'>> = {},
): Model {
  return importOnnx(onnxFile({ nodes, inputs, outputs, initializers, producer: 'skl2onnx' }));
}

function scoresOf(model: Model, header: readonly string[], rows: readonly (readonly string[])[]): number[] {
  const features = preprocessRows(
    bindColumns(model.preprocessing, header, 'data.csv'),
    { firstRow: 0, rows },
    'data.csv',
  );
  return Array.from(clearScores(model.body, features.values, features.rows));
}

const column = (name: string, type = 1): TestInput => ({ name, type, dims: ['N', 1] });

describe('preparation of columns', () => {
  it('reads one column an input by name, in any order', () => {
    const model = pipeline(
      [column('a'), column('b')],
      [
        { operator: 'Concat', inputs: ['b', 'a'], outputs: ['c'], attributes: { axis: { int: 1 } } },
        regressor('c', [10, 1]),
      ],
    );
    expect(model.preprocessing.columns).toEqual([
      { name: 'a', type: 'number' },
      { name: 'b', type: 'number' },
    ]);
    expect(scoresOf(model, ['b', 'other', 'a'], [['2', '99', '1']])).toEqual([21]);
  });

  it('takes the columns of a tensor in order', () => {
    const model = pipeline([{ name: 'X', dims: ['N', 2] }], [regressor('X', [10, 1])]);
    expect(model.preprocessing.columns).toEqual([{ type: 'number' }, { type: 'number' }]);
  });

  it('finds the width of an open tensor in the operators that read it', () => {
    const scaler = node('Scaler', [['X'], ['s']], { offset: { floats: [1, 2, 3] }, scale: { floats: [1, 1, 1] } });
    const model = pipeline([{ name: 'X', dims: ['N', 'F'] }], [scaler, regressor('s', [1, 1, 1])]);
    expect(model.preprocessing.columns.length).toBe(3);
  });

  it('scales in the first matrix, so that the client learns none of it', () => {
    const model = pipeline(
      [{ name: 'X', dims: ['N', 2] }],
      [
        node('Scaler', [['X'], ['s']], { offset: { floats: [5, 7] }, scale: { floats: [2, 4] } }),
        regressor('s', [1, 10]),
      ],
    );
    expect(model.preprocessing.features).toMatchObject([
      { offset: 0, scale: 1 },
      { offset: 0, scale: 1 },
    ]);
    expect(model.body).toMatchObject({
      layers: [{ matrix: { values: Float64Array.of(2, 40) }, bias: Float64Array.of(-290) }],
    });
    expect(scoresOf(model, ['p', 'q'], [['6', '8']])).toEqual([42]);
  });

  it('fills in missing numbers, and refuses them where nothing is filled in', () => {
    const imputer = node('Imputer', [['X'], ['i']], {
      imputed_value_floats: { floats: [3, 4] },
      replaced_value_float: { float: NaN },
    });
    expect(
      scoresOf(
        pipeline([{ name: 'X', dims: ['N', 2] }], [imputer, regressor('i', [1, 10])]),
        ['p', 'q'],
        [
          ['', '1'],
          ['2', ''],
        ],
      ),
    ).toEqual([13, 42]);
    const bare = pipeline([{ name: 'X', dims: ['N', 2] }], [regressor('X', [1, 10])]);
    expect(() => scoresOf(bare, ['p', 'q'], [['', '1']])).toThrow(
      expect.objectContaining({ code: 'data.missing-value' }),
    );
  });

  it('replaces a number that stands for a missing one', () => {
    const imputer = node('Imputer', [['X'], ['i']], {
      imputed_value_floats: { floats: [3] },
      replaced_value_float: { float: -1 },
    });
    expect(
      scoresOf(
        pipeline([{ name: 'X', dims: ['N', 2] }], [imputer, regressor('i', [1, 10])]),
        ['p', 'q'],
        [
          ['-1', '1'],
          ['2', '-1'],
        ],
      ),
    ).toEqual([13, 32]);
  });

  it('encodes text, unknown categories as zeros or as an error', () => {
    const build = (zeros: number): Model =>
      pipeline(
        [column('s', 8)],
        [
          node('OneHotEncoder', [['s'], ['o']], { cats_strings: { texts: ['x', 'y, z'] }, zeros: { int: zeros } }),
          { operator: 'Flatten', inputs: ['o'], outputs: ['f'] },
          regressor('f', [1, 10]),
        ],
      );
    expect(scoresOf(build(1), ['s'], [['x'], ['y, z'], ['w']])).toEqual([1, 10, 0]);
    expect(() => scoresOf(build(0), ['s'], [['x'], ['w']])).toThrow(
      expect.objectContaining({ code: 'data.unknown-category' }),
    );
  });

  it('knows a category that the model ignores', () => {
    const drop = node('ArrayFeatureExtractor', [['f'], ['e']]);
    const model = pipeline(
      [column('s', 8)],
      [
        node('OneHotEncoder', [['s'], ['o']], { cats_strings: { texts: ['x', 'y'] }, zeros: { int: 0 } }),
        { operator: 'Flatten', inputs: ['o'], outputs: ['f'] },
        { ...drop, inputs: ['f', 'second'] },
        regressor('e', [7]),
      ],
      { initializers: [{ name: 'second', dims: [1], type: 7, ints: [1] }] },
    );
    expect(scoresOf(model, ['s'], [['x'], ['y']])).toEqual([0, 7]);
  });

  it('maps categories to numbers, others to the default', () => {
    const encoder = node('LabelEncoder', [['s'], ['o']], {
      keys_strings: { texts: ['x', 'y'] },
      values_floats: { floats: [2, 3] },
      default_float: { float: -5 },
    });
    expect(scoresOf(pipeline([column('s', 8)], [encoder, regressor('o', [10])]), ['s'], [['x'], ['y'], ['w']])).toEqual(
      [20, 30, -50],
    );
  });

  it('encodes whole numbers after a cast', () => {
    const nodes = [
      { operator: 'Cast', inputs: ['X'], outputs: ['k'], attributes: { to: { int: 7 } } },
      node('OneHotEncoder', [['k'], ['o']], { cats_int64s: { ints: [3, 5] } }),
      { operator: 'Flatten', inputs: ['o'], outputs: ['f'] },
      regressor('f', [1, 2, 10, 20]),
    ];
    expect(
      scoresOf(
        pipeline([{ name: 'X', dims: ['N', 2] }], nodes),
        ['p', 'q'],
        [
          ['3', '5'],
          ['5', '3'],
          ['4', '4'],
        ],
      ),
    ).toEqual([21, 12, 0]);
  });

  it('refuses to calculate with numbers whose fractions were cut off', () => {
    const nodes = [
      { operator: 'Cast', inputs: ['X'], outputs: ['k'], attributes: { to: { int: 7 } } },
      regressor('k', [1, 2]),
    ];
    expect(() => pipeline([{ name: 'X', dims: ['N', 2] }], nodes)).toThrow(
      expect.objectContaining({ code: 'model.unsupported' }),
    );
    const whole = [{ name: 'X', type: 7, dims: ['N', 2] }];
    expect(pipeline(whole, nodes).body.inputs).toBe(2);
  });

  it.each([
    ['L1', [0.6, 0.8].map((x) => x / 1.4)],
    ['L2', [0.6, 0.8]],
    ['MAX', [0.75, 1]],
  ])('normalizes rows by %s on the client, after scaling', (norm, [first = 0, second = 0]) => {
    const scaler = node('Scaler', [['X'], ['s']], { offset: { floats: [1, 0] }, scale: { floats: [1, 2] } });
    const model = pipeline(
      [{ name: 'X', dims: ['N', 2] }],
      [scaler, node('Normalizer', [['s'], ['n']], { norm: { text: norm } }), regressor('n', [1, 10])],
    );
    expect(scoresOf(model, ['p', 'q'], [['4', '2']])).toEqual([expect.closeTo(first + 10 * second, 12)]);
  });
});

describe('ends of classifiers', () => {
  const X = [{ name: 'X', dims: ['N', 2] }];
  const classifier = (attributes: Readonly<Record<string, TestAttribute>>): TestNode =>
    node('LinearClassifier', [['X'], ['label', 'p']], attributes);
  const taskOf = (nodes: readonly TestNode[], outputs = ['label', 'p']): Model['task'] =>
    pipeline(X, nodes, { outputs }).task;
  const two = {
    coefficients: { floats: [-1, -2, 1, 2] },
    intercepts: { floats: [-3, 3] },
    classlabels_ints: { ints: [4, 9] },
  };

  it.each<[string, string, Model['task']]>([
    [
      'LOGISTIC',
      'of two opposite rows: one margin, its sigmoid',
      {
        kind: 'classification',
        link: { kind: 'sigmoid', slope: 1, normalize: false },
        classes: [4, 9],
        threshold: 0,
        probabilities: true,
      },
    ],
    [
      'SOFTMAX',
      'of two opposite rows: the sigmoid of twice the margin',
      {
        kind: 'classification',
        link: { kind: 'sigmoid', slope: 2, normalize: false },
        classes: [4, 9],
        threshold: 0,
        probabilities: true,
      },
    ],
    [
      'NONE',
      'a decision value',
      { kind: 'classification', link: { kind: 'identity' }, classes: [4, 9], threshold: 0, probabilities: false },
    ],
  ])('%s %s', (transform, _, task) => {
    const model = pipeline(X, [classifier({ ...two, post_transform: { text: transform } })], {
      outputs: ['label', 'p'],
    });
    expect(model.task).toEqual(task);
    expect(scoresOf(model, ['p', 'q'], [['1', '1']])).toEqual([6]);
  });

  it.each(['PROBIT', 'SOFTMAX_ZERO'])('refuse %s', (transform) => {
    expect(() => taskOf([classifier({ ...two, post_transform: { text: transform } })])).toThrow(
      expect.objectContaining({ code: 'model.unsupported', message: expect.stringContaining(transform) }),
    );
  });

  it('refuse another number of class names', () => {
    expect(() => taskOf([classifier({ ...two, classlabels_ints: { ints: [1, 2, 3] } })])).toThrow(
      expect.objectContaining({ code: 'model.invalid' }),
    );
  });

  it('take text labels, and those of ZipMap', () => {
    const three = {
      coefficients: { floats: [1, 0, 0, 1, 1, 1] },
      intercepts: { floats: [0, 0, 0] },
      classlabels_strings: { texts: ['a', 'b', 'c'] },
      post_transform: { text: 'SOFTMAX' },
    };
    const zip = node('ZipMap', [['p'], ['z']], { classlabels_strings: { texts: ['a', 'b', 'c'] } });
    expect(taskOf([classifier(three), zip], ['label', 'z'])).toMatchObject({
      link: { kind: 'softmax' },
      classes: ['a', 'b', 'c'],
    });
  });

  it('look labels up by the largest score', () => {
    const nodes: TestNode[] = [
      { operator: 'MatMul', inputs: ['X', 'w'], outputs: ['h'] },
      { operator: 'Softmax', inputs: ['h'], outputs: ['p'] },
      { operator: 'ArgMax', inputs: ['p'], outputs: ['i'], attributes: { axis: { int: 1 } } },
      node('ArrayFeatureExtractor', [['names', 'i'], ['l']]),
      { operator: 'Reshape', inputs: ['l', 'flat'], outputs: ['label'] },
    ];
    const initializers = [
      floats('w', [2, 3], [1, 2, 3, 4, 5, 6]),
      { name: 'names', dims: [3], type: 8, texts: ['u', 'v', 'w'] },
      { name: 'flat', dims: [1], type: 7, ints: [-1] },
    ];
    expect(pipeline(X, nodes, { outputs: ['label', 'p'], initializers }).task).toMatchObject({
      link: { kind: 'softmax' },
      classes: ['u', 'v', 'w'],
      probabilities: true,
    });
  });

  it('read [1 - p, p] as two classes', () => {
    const nodes: TestNode[] = [
      { operator: 'MatMul', inputs: ['X', 'w'], outputs: ['h'] },
      { operator: 'Sigmoid', inputs: ['h'], outputs: ['s'] },
      { operator: 'Sub', inputs: ['one', 's'], outputs: ['q'] },
      { operator: 'Concat', inputs: ['q', 's'], outputs: ['p'], attributes: { axis: { int: 1 } } },
    ];
    const model = pipeline(X, nodes, {
      outputs: ['p'],
      initializers: [floats('w', [2, 1], [1, 2]), floats('one', [1], [1])],
    });
    expect(model.task).toMatchObject({ kind: 'classification', link: { kind: 'sigmoid' }, classes: [0, 1] });
    expect(applyLink(model.task, Float64Array.of(-1, 1), 2)).toMatchObject({ labels: Int32Array.of(0, 1) });
  });

  it('normalize one against the rest', () => {
    const three = {
      coefficients: { floats: [1, 0, 0, 1, 1, 1] },
      intercepts: { floats: [0, 0, 0] },
      classlabels_ints: { ints: [0, 1, 2] },
      post_transform: { text: 'LOGISTIC' },
    };
    const task = taskOf(
      [classifier(three), node('Normalizer', [['p'], ['n']], { norm: { text: 'L1' } })],
      ['label', 'n'],
    );
    expect(task).toMatchObject({ link: { kind: 'sigmoid', slope: 1, normalize: true } });
  });
});

describe('plain outputs', () => {
  const build = (
    count: number,
    end: string | undefined,
    { producer, task }: { readonly producer: string; readonly task?: 'classification' | 'regression' },
  ): Model['task'] => {
    const nodes: TestNode[] = [{ operator: 'MatMul', inputs: ['X', 'w'], outputs: ['h'] }];
    if (end !== undefined) nodes.push({ operator: end, inputs: ['h'], outputs: ['y'] });
    const weights = floats(
      'w',
      [2, count],
      Array.from({ length: 2 * count }, (_, i) => i + 1),
    );
    const bytes = onnxFile({
      nodes,
      inputs: [{ name: 'X', dims: ['N', 2] }],
      outputs: [end === undefined ? 'h' : 'y'],
      initializers: [weights],
      producer,
    });
    return importOnnx(bytes, task === undefined ? {} : { task }).task;
  };

  it('of a network are scores of classes', () => {
    expect(build(3, undefined, { producer: 'pytorch' })).toEqual({
      kind: 'classification',
      link: { kind: 'softmax' },
      classes: [0, 1, 2],
      threshold: 0,
      probabilities: true,
    });
  });

  it('of scikit-learn, or when the caller says so, are values', () => {
    expect(build(3, undefined, { producer: 'skl2onnx' })).toEqual({ kind: 'regression', link: { kind: 'identity' } });
    expect(build(3, undefined, { producer: 'pytorch', task: 'regression' })).toEqual({
      kind: 'regression',
      link: { kind: 'identity' },
    });
  });

  it('that are single are a value, under Sigmoid a probability, under Exp a positive value', () => {
    expect(build(1, undefined, { producer: 'pytorch' })).toEqual({ kind: 'regression', link: { kind: 'identity' } });
    expect(build(1, 'Sigmoid', { producer: 'pytorch' })).toMatchObject({
      kind: 'classification',
      classes: [0, 1],
      threshold: 0,
    });
    expect(build(1, 'Exp', { producer: 'pytorch' })).toEqual({ kind: 'regression', link: { kind: 'exp' } });
  });
});
