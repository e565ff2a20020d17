import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type TestAttribute,
  type TestGraph,
  type TestNode,
  type TestTensor,
  floats,
  integers,
  onnxFile,
} from '../../../../test/onnx-writer.ts';
import { erf } from '../affine.ts';
import type { Model } from '../ir.ts';
import { clearScores } from '../score.ts';
import { importOnnx } from './import.ts';

interface Parts {
  readonly nodes: readonly TestNode[];
  readonly initializers?: readonly TestTensor[];
  readonly dims?: readonly (number | string)[];
  readonly rest?: Partial<TestGraph>;
}

function importParts({ nodes, initializers = [], dims = ['N', 3], rest = {} }: Parts): Model {
  const last = nodes.at(-1)?.outputs ?? [];
  return importOnnx(onnxFile({ nodes, initializers, inputs: [{ name: 'x', dims }], outputs: last, ...rest }));
}

/** The scores of rows whose numbers enter the body as they are. */
function scoresOf(model: Model, rows: readonly (readonly number[])[]): number[] {
  for (const feature of model.preprocessing.features) expect(feature).toMatchObject({ kind: 'number' });
  const { features } = model.preprocessing;
  const scaled = rows.flatMap((row) =>
    features.map((feature) =>
      feature.kind === 'number' ? ((row[feature.column] ?? NaN) - feature.offset) * feature.scale : NaN,
    ),
  );
  return Array.from(clearScores(model.body, Float64Array.from(scaled), rows.length));
}

const chain = (
  ...steps: readonly (readonly [
    operator: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, TestAttribute>>,
  ])[]
): TestNode[] =>
  steps.map(([operator, inputs, attributes = {}], i) => ({
    operator,
    inputs: inputs.map((name) => (name === '^' ? `v${String(i - 1)}` : name)),
    outputs: [`v${String(i)}`],
    attributes,
  }));

const scalars = [
  floats('half', [], [0.5]),
  floats('quarter', [], [0.25]),
  floats('one', [], [1]),
  floats('six', [], [6]),
  floats('nil', [], [0]),
  floats('two', [], [2]),
  floats('three', [], [3]),
  floats('root2', [], [Math.SQRT2]),
  floats('tanh1', [], [Math.sqrt(2 / Math.PI)]),
  floats('tanh3', [], [0.044715]),
  floats('slopes', [3], [0.1, 0.2, 0.3]),
];
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Each as the graphs of PyTorch and others spell it; the last value is followed by a matrix. */
const activations: readonly (readonly [string, TestNode[], (x: number) => number, string])[] = [
  ['Relu', chain(['Relu', ['x']]), (x) => Math.max(0, x), 'relu'],
  ['LeakyRelu', chain(['LeakyRelu', ['x'], { alpha: { float: 0.25 } }]), (x) => (x < 0 ? 0.25 * x : x), 'leaky-relu'],
  ['Sigmoid', chain(['Sigmoid', ['x']]), sigmoid, 'sigmoid'],
  ['Tanh', chain(['Tanh', ['x']]), Math.tanh, 'tanh'],
  ['Softplus', chain(['Softplus', ['x']]), (x) => Math.log1p(Math.exp(x)), 'softplus'],
  ['x²', chain(['Mul', ['x', 'x']]), (x) => x * x, 'polynomial'],
  ['Pow 3', chain(['Pow', ['x', 'three']]), (x) => x ** 3, 'polynomial'],
  [
    '0.25 x² + 0.5 x',
    chain(['Mul', ['x', 'quarter']], ['Mul', ['^', 'x']], ['Mul', ['x', 'half']], ['Add', ['v1', '^']]),
    (x) => 0.25 * x * x + 0.5 * x,
    'polynomial',
  ],
  [
    'GELU by Erf',
    chain(['Div', ['x', 'root2']], ['Erf', ['^']], ['Add', ['^', 'one']], ['Mul', ['x', '^']], ['Mul', ['^', 'half']]),
    (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
    'gelu',
  ],
  [
    'GELU by Tanh',
    chain(
      ['Pow', ['x', 'three']],
      ['Mul', ['^', 'tanh3']],
      ['Add', ['x', '^']],
      ['Mul', ['^', 'tanh1']],
      ['Tanh', ['^']],
      ['Add', ['^', 'one']],
      ['Mul', ['x', 'half']],
      ['Mul', ['^', 'v5']],
    ),
    (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    'gelu',
  ],
  ['SiLU', chain(['Sigmoid', ['x']], ['Mul', ['x', '^']]), (x) => x * sigmoid(x), 'silu'],
  ['Swish', chain(['Swish', ['x'], { alpha: { float: 1.5 } }]), (x) => x * sigmoid(1.5 * x), 'silu'],
  [
    'x / (1 + e^-x)',
    chain(['Neg', ['x']], ['Exp', ['^']], ['Add', ['^', 'one']], ['Div', ['x', '^']]),
    (x) => x * sigmoid(x),
    'silu',
  ],
  ['ReLU6', chain(['Clip', ['x', 'nil', 'six']]), (x) => Math.min(6, Math.max(0, x)), 'relu'],
  ['Clip above', chain(['Clip', ['x', '', 'half']]), (x) => Math.min(0.5, x), 'relu'],
  ['HardSigmoid', chain(['HardSigmoid', ['x']]), (x) => Math.max(0, Math.min(1, 0.2 * x + 0.5)), 'relu'],
  ['x + Relu', chain(['Relu', ['x']], ['Add', ['x', '^']]), (x) => x + Math.max(0, x), 'leaky-relu'],
];

describe('activations', () => {
  it.each(activations)('%s is recognised and computed', (...[, nodes, f, kind]) => {
    const end = chain(...nodes.map((): readonly [string, readonly string[]] => ['', []]), [
      'MatMul',
      ['^', 'ones'],
    ]).slice(-1);
    const model = importParts({
      nodes: [...nodes, ...end],
      initializers: [...scalars, floats('ones', [3, 1], [1, 1, 1])],
      rest: { opsets: { '': 24 } },
    });
    expect(model.body).toMatchObject({
      layers: [{ kind: 'affine' }, { kind: 'activation', activation: { kind } }, { kind: 'affine' }],
    });
    fc.assert(
      fc.property(fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 3, maxLength: 3 }), (row) => {
        const [score = NaN] = scoresOf(model, [row]);
        const exact = row.reduce((sum, x) => sum + f(x), 0);
        expect(Math.abs(score - exact)).toBeLessThan(1e-5 * Math.max(1, ...row.map((x) => Math.abs(f(x)))));
      }),
      { numRuns: 50 },
    );
  });

  it('keeps a slope a channel of PRelu', () => {
    const model = importParts({
      nodes: chain(['PRelu', ['x', 'slopes']], ['MatMul', ['^', 'ones']]),
      initializers: [...scalars, floats('ones', [3, 1], [1, 1, 1])],
    });
    expect(
      scoresOf(model, [
        [-1, -1, -1],
        [-1, 2, -3],
      ]),
    ).toEqual([expect.closeTo(-0.6, 6), expect.closeTo(1, 6)]);
  });

  it('computed twice on the same values is one layer', () => {
    const nodes = chain(
      ['Relu', ['x']],
      ['Relu', ['x']],
      ['Sub', ['v0', 'half']],
      ['Add', ['v1', '^']],
      ['MatMul', ['^', 'ones']],
    );
    const model = importParts({ nodes, initializers: [...scalars, floats('ones', [3, 1], [1, 1, 1])] });
    expect(scoresOf(model, [[1, -2, 3]])).toEqual([6.5]);
  });

  it('in branches side by side are one layer', () => {
    const nodes = chain(
      ['MatMul', ['x', 'a']],
      ['Relu', ['^']],
      ['MatMul', ['x', 'b']],
      ['Relu', ['^']],
      ['Concat', ['v1', 'v3'], { axis: { int: 1 } }],
      ['ReduceSum', ['^', 'axis'], { keepdims: { int: 1 } }],
    );
    const model = importParts({
      nodes,
      initializers: [
        floats('a', [3, 1], [1, 0, 0]),
        floats('b', [3, 2], [0, 0, 1, 0, 0, -1]),
        integers('axis', [1], [1]),
      ],
    });
    expect(model.body).toMatchObject({
      layers: [{ matrix: { rows: 3 } }, { activation: { kind: 'relu' } }, { matrix: { rows: 1 } }],
    });
    expect(
      scoresOf(model, [
        [1, 2, 3],
        [1, 2, -3],
      ]),
    ).toEqual([3, 6]);
  });
});

interface Geometry {
  readonly group: number;
  readonly depth: number;
  readonly filters: number;
  readonly size: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** A convolution by its definition: the sum over channels and kernel, nothing outside the image. */
function convolved(geometry: Geometry, weights: readonly number[], x: readonly number[]): number[] {
  const { depth, filters, group, size, kernel, strides, dilations, pads } = geometry;
  const places = [0, 1].map((axis) => range(outputSize(geometry, axis)));
  const at = (channel: number, [row, column]: readonly number[]): number => {
    const outside =
      row === undefined || column === undefined || row < 0 || row >= size[0] || column < 0 || column >= size[1];
    return outside ? 0 : (x[(channel * size[0] + row) * size[1] + column] ?? 0);
  };
  const position = (axis: 0 | 1, output: number, tap: number): number =>
    output * strides[axis] + tap * dilations[axis] - pads[axis];
  const sumAt = (filter: number, [row, column]: readonly [number, number]): number =>
    range(depth * kernel[0] * kernel[1]).reduce((sum, tap) => {
      const [d, i, j] = [
        Math.floor(tap / (kernel[0] * kernel[1])),
        Math.floor(tap / kernel[1]) % kernel[0],
        tap % kernel[1],
      ];
      const channel = Math.floor((filter * group) / filters) * depth + d;
      const weight = weights[filter * depth * kernel[0] * kernel[1] + tap] ?? 0;
      return sum + weight * at(channel, [position(0, row, i), position(1, column, j)]);
    }, filter + 1);
  return range(filters).flatMap((filter) =>
    (places[0] ?? []).flatMap((row) => (places[1] ?? []).map((column) => sumAt(filter, [row, column]))),
  );
}

function outputSize({ size, kernel, strides, dilations, pads }: Geometry, axis: number): number {
  const of = (numbers: readonly number[], index = axis): number => numbers[index] ?? 0;
  return (
    Math.floor((of(size) + of(pads) + of(pads, axis + 2) - of(dilations) * (of(kernel) - 1) - 1) / of(strides)) + 1
  );
}

describe('convolutions and pooling', () => {
  const pair = (least: number, most: number) =>
    fc.tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }));
  const geometries = fc.record({
    group: fc.constantFrom(1, 2),
    depth: fc.integer({ min: 1, max: 2 }),
    filters: fc.constantFrom(2, 4),
    size: pair(4, 6),
    kernel: pair(1, 2),
    strides: pair(1, 3),
    dilations: pair(1, 2),
    pads: fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)),
  });

  const oneWeight: Geometry = {
    group: 1,
    depth: 1,
    filters: 2,
    size: [4, 4],
    kernel: [1, 1],
    strides: [1, 1],
    dilations: [1, 1],
    pads: [0, 0, 0, 0],
  };

  it('agree with the sum over the window, whatever groups, strides, dilations and padding', () => {
    fc.assert(
      fc.property(geometries, fc.nat(1000), (geometry, seed) => {
        const { group, depth, filters, size, kernel, strides, dilations, pads } = geometry;
        const value = (i: number): number => ((i * 7 + seed) % 11) - 5;
        const weights = range(filters * depth * kernel[0] * kernel[1]).map(value);
        const x = range(group * depth * size[0] * size[1]).map((i) => value(i * 3 + 1));
        const attributes = {
          group: { int: group },
          strides: { ints: strides },
          dilations: { ints: dilations },
          pads: { ints: pads },
        };
        const model = importParts({
          nodes: chain(['Conv', ['x', 'w', 'b'], attributes], ['Flatten', ['^']]),
          initializers: [
            floats('w', [filters, depth, ...kernel], weights),
            floats(
              'b',
              [filters],
              range(filters).map((filter) => filter + 1),
            ),
          ],
          dims: ['N', group * depth, ...size],
        });
        const [scores, known] = [scoresOf(model, [x]), convolved(geometry, weights, x)];
        expect(scores).toHaveLength(known.length);
        // A kernel of one weight is read as scaling, (x - offset) weight, which rounds.
        for (const [index, score] of scores.entries()) expect(score).toBeCloseTo(known[index] ?? NaN, 9);
      }),
      { numRuns: 60, examples: [[oneWeight, 0]] },
    );
  });

  it.each([
    [0, 12],
    [1, 12],
  ])('averages with count_include_pad = %i', (countsPadding, count) => {
    const attributes = {
      kernel_shape: { ints: [2, 2] },
      pads: { ints: [1, 1, 0, 0] },
      count_include_pad: { int: countsPadding },
    };
    const model = importParts({
      nodes: chain(['AveragePool', ['x'], attributes], ['Flatten', ['^']]),
      dims: ['N', 1, 3, 4],
    });
    const scores = scoresOf(model, [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]]);
    expect(scores.length).toBe(count);
    expect(scores.slice(0, 2)).toEqual(countsPadding === 1 ? [0.25, 0.75] : [1, 1.5]);
    expect(scores.at(-1)).toBe(9.5);
  });

  it('merge with what follows into one layer', () => {
    const nodes = chain(
      ['Conv', ['x', 'w']],
      ['AveragePool', ['^'], { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } }],
      ['BatchNormalization', ['^', 's', 's', 's', 's']],
      ['GlobalAveragePool', ['^']],
      ['Flatten', ['^']],
    );
    const model = importParts({
      nodes,
      initializers: [
        floats(
          'w',
          [2, 1, 3, 3],
          Array.from({ length: 18 }, (_, i) => i),
        ),
        floats('s', [2], [1, 2]),
      ],
      dims: ['N', 1, 6, 6],
    });
    expect(model.body).toMatchObject({
      inputs: 36,
      outputs: 2,
      layers: [{ kind: 'affine', name: 'v0, v1, v2, v2, v3' }],
    });
  });
});

describe('shapes', () => {
  const row = [1, 2, 3, 4, 5, 6];
  it.each<[string, TestNode[], TestTensor[], readonly number[]]>([
    ['Transpose', chain(['Transpose', ['x'], { perm: { ints: [0, 2, 1] } }]), [], [1, 4, 2, 5, 3, 6]],
    [
      'view(size(0), -1)',
      chain(
        ['Shape', ['x']],
        ['Gather', ['^', 'nil']],
        ['Unsqueeze', ['^', 'axis0']],
        ['Concat', ['^', 'rest'], { axis: { int: 0 } }],
        ['Reshape', ['x', '^']],
      ),
      [integers('nil', [], [0]), integers('axis0', [1], [0]), integers('rest', [1], [-1])],
      row,
    ],
    [
      'a slice from the end',
      chain(['Slice', ['x', 's', 'e', 'a']]),
      [integers('s', [1], [-2]), integers('e', [1], [2 ** 40]), integers('a', [1], [2])],
      [2, 3, 5, 6],
    ],
    [
      'a slice backwards',
      chain(['Slice', ['x', 's', 'e', 'a', 'st']]),
      [integers('s', [1], [-1]), integers('e', [1], [-100]), integers('a', [1], [2]), integers('st', [1], [-2])],
      [3, 1, 6, 4],
    ],
    ['Gather of one', chain(['Gather', ['x', 'i'], { axis: { int: 1 } }]), [integers('i', [], [-1])], [4, 5, 6]],
    [
      'Pad',
      chain(['Pad', ['x', 'p', 'v']]),
      [integers('p', [6], [0, 0, 1, 0, 0, 0]), floats('v', [], [9])],
      [9, 1, 2, 3, 9, 4, 5, 6],
    ],
    [
      'Concat with itself',
      chain(['Concat', ['x', 'x'], { axis: { int: -1 } }]),
      [],
      [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6],
    ],
    [
      'broadcast of a column',
      chain(['Mul', ['x', 'c']]),
      [floats('c', [2, 1], [10, 100])],
      [10, 20, 30, 400, 500, 600],
    ],
    ['a constant less the data', chain(['Sub', ['c', 'x']]), [floats('c', [3], [10, 20, 30])], [9, 18, 27, 6, 15, 24]],
    ['ReduceMean', chain(['ReduceMean', ['x'], { axes: { ints: [2] }, keepdims: { int: 0 } }]), [], [2, 5]],
    [
      'weights before the data',
      chain(['Reshape', ['x', 's']], ['Transpose', ['^']], ['MatMul', ['w', '^']], ['Transpose', ['^']]),
      [integers('s', [2], [0, 6]), floats('w', [2, 6], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2])],
      [1, 12],
    ],
  ])('%s arranges the elements of a record', (...[, nodes, initializers, expected]) => {
    expect(scoresOf(importParts({ nodes, initializers, dims: ['N', 2, 3] }), [row])).toEqual(expected);
  });

  it('are understood where the file was exported for one record', () => {
    const nodes = chain(['Reshape', ['x', 's']], ['MatMul', ['^', 'w']]);
    const model = importParts({
      nodes,
      initializers: [
        integers('s', [2], [1, 6]),
        floats(
          'w',
          [6, 2],
          Array.from({ length: 12 }, (_, i) => i),
        ),
      ],
      dims: [1, 2, 3],
    });
    expect(model.body).toMatchObject({ inputs: 6, outputs: 2 });
  });
});
