import { describe, expect, it } from 'vitest';
import { type TestGraph, type TestNode, floats, integers, onnxFile } from '../../../../test/onnx-writer.ts';
import { importOnnx } from './import.ts';

const weights = floats('fc.weight', [3, 2], [1, 2, 3, 4, 5, 6]);

/** x [N, 3] times fc.weight, then the given nodes, which end in y. */
function network(nodes: readonly TestNode[], rest: Partial<TestGraph> = {}): Uint8Array {
  return onnxFile({
    nodes: [{ operator: 'MatMul', inputs: ['x', 'fc.weight'], outputs: ['h'], name: 'fc' }, ...nodes],
    initializers: [weights, ...(rest.initializers ?? [])],
    inputs: rest.inputs ?? [{ name: 'x', dims: ['N', 3] }],
    outputs: rest.outputs ?? ['y'],
    ...(rest.opsets === undefined ? {} : { opsets: rest.opsets }),
  });
}

const node = (operator: string, inputs: readonly string[], rest: Partial<TestNode> = {}): TestNode => ({
  operator,
  inputs,
  outputs: ['y'],
  name: 'bad/node',
  ...rest,
});

function refusal(bytes: Uint8Array): { readonly code: string; readonly message: string; readonly hint: string } {
  try {
    importOnnx(bytes);
  } catch (error) {
    return error as never;
  }
  throw new Error('was not refused');
}

describe('a graph that cannot be evaluated encrypted', () => {
  it.each([
    ['MaxPool', '', /average pooling/],
    ['Elu', '', /Relu/],
    ['LSTM', '', /feed-forward/],
    ['If', '', /Branches/],
    ['LayerNormalization', '', /BatchNormalization/],
    ['DequantizeLinear', '', /quantized/],
    ['toString', '', /docs\/models\.md/],
    ['FusedMatMul', 'com.microsoft', /docs\/models\.md/],
    ['Binarizer', 'ai.onnx.ml', /docs\/models\.md/],
    ['Relu', '__proto__', /docs\/models\.md/],
  ])('names the operator %s of domain "%s" and its node, and gives advice', (operator, domain, hint) => {
    const error = refusal(network([node(operator, ['h'], { domain })]));
    expect(error.code).toBe('model.unsupported');
    expect(error.message).toContain('"bad/node"');
    expect(error.message).toContain(domain === '' ? `(${operator})` : `(${domain}.${operator})`);
    expect(error.hint).toMatch(hint);
  });

  it.each<[string, readonly TestNode[], RegExp]>([
    [
      'a residual connection',
      [{ operator: 'Sigmoid', inputs: ['h'], outputs: ['s'] }, node('Add', ['h', 's'])],
      /residual/,
    ],
    [
      'a skip connection',
      [
        { operator: 'Relu', inputs: ['h'], outputs: ['r'] },
        node('Concat', ['h', 'r'], { attributes: { axis: { int: 1 } } }),
      ],
      /depths/,
    ],
    [
      'a product of probabilities',
      [
        { operator: 'Softmax', inputs: ['h'], outputs: ['p'], attributes: { axis: { int: 1 } } },
        node('Gemm', ['p', 'other2']),
      ],
      /final scores, after which nothing can be calculated/,
    ],
    [
      'a product of two values',
      [{ operator: 'MatMul', inputs: ['x', 'other'], outputs: ['g'] }, node('Mul', ['h', 'g'])],
      /both depend on the data/,
    ],
    [
      'attention',
      [{ operator: 'Transpose', inputs: ['h'], outputs: ['t'] }, node('MatMul', ['h', 't'])],
      /both depend on the data/,
    ],
    [
      'softmax inside the network',
      [{ operator: 'Softmax', inputs: ['h'], outputs: ['s'] }, node('Relu', ['s'])],
      /final scores/,
    ],
    ['a division by data', [node('Div', ['h', 'h'])], /divides by a value that depends on the data/],
    ['a square root', [node('Sqrt', ['h'])], /neither affine nor a known activation/],
    ['a fractional power', [node('Pow', ['h', 'half'])], /0\.5/],
    ['a mix of records', [node('Reshape', ['h', 'merged'])], /cannot become/],
    ['a sum over records', [node('ReduceSum', ['h', 'zero'])], /adds records up/],
    [
      'a function without a name',
      [
        { operator: 'Erf', inputs: ['h'], outputs: ['e'] },
        { operator: 'MatMul', inputs: ['e', 'other2'], outputs: ['y'], name: 'bad/node' },
      ],
      /no activation that is known/,
    ],
  ])('is refused by name for %s', (_, nodes, message) => {
    const initializers = [
      floats('other', [3, 2], [1, 0, 0, 1, 1, 1]),
      floats('other2', [2, 2], [1, 0, 0, 1]),
      floats('half', [], [0.5]),
      integers('merged', [1], [-1]),
      integers('zero', [1], [0]),
    ];
    const error = refusal(network(nodes, { initializers }));
    expect(error.message).toMatch(message);
    expect(error.message).toContain('"bad/node"');
    expect(error.hint).toBeTruthy();
  });

  it('is refused when its outputs are two different predictions', () => {
    const error = refusal(network([{ operator: 'Relu', inputs: ['h'], outputs: ['y'] }], { outputs: ['h', 'y'] }));
    expect(error).toMatchObject({ code: 'model.unsupported', message: expect.stringContaining('several outputs') });
  });

  it('is refused when a record has no fixed number of features and nothing tells it', () => {
    const bytes = onnxFile({ nodes: [node('Relu', ['x'])], inputs: [{ name: 'x', dims: ['N', 'F'] }], outputs: ['y'] });
    expect(refusal(bytes)).toMatchObject({ code: 'model.unsupported', message: expect.stringContaining('"x"') });
  });

  it('is refused before much memory is used when a layer is enormous', () => {
    const bytes = onnxFile({
      nodes: [node('Conv', ['x', 'w'], { attributes: { pads: { ints: [20_000, 20_000, 20_000, 20_000] } } })],
      initializers: [floats('w', [1, 1, 1, 1], [1])],
      inputs: [{ name: 'x', dims: ['N', 1, 28, 28] }],
      outputs: ['y'],
    });
    expect(refusal(bytes)).toMatchObject({ code: 'model.unsupported', message: expect.stringContaining('16 million') });
  });

  it.each<[string, number, number]>([
    ['AveragePool', 2, 0],
    ['Conv', 2, 1],
  ])('names ceil_mode of %s when it changes the result', (operator, kernel, weightCount) => {
    const bytes = onnxFile({
      nodes: [
        node(operator, ['x', 'w'].slice(0, 1 + weightCount), {
          attributes: { kernel_shape: { ints: [kernel, kernel] }, strides: { ints: [2, 2] }, ceil_mode: { int: 1 } },
        }),
      ],
      initializers: [floats('w', [1, 1, 2, 2], [1, 2, 3, 4])],
      inputs: [{ name: 'x', dims: ['N', 1, 5, 5] }],
      outputs: ['y'],
    });
    expect(refusal(bytes).message).toContain('rounds the number of windows up');
  });
});

describe('a graph that contradicts itself', () => {
  it.each([
    ['NaN', NaN],
    ['an infinity', Infinity],
  ])('is refused, naming the weights, when they contain %s', (_, bad) => {
    const bytes = network([node('MatMul', ['h', 'fc2.weight'])], {
      initializers: [floats('fc2.weight', [2, 2], [1, 2, bad, 4])],
    });
    expect(refusal(bytes)).toMatchObject({ code: 'model.invalid', message: expect.stringContaining('fc2.weight') });
  });

  it('is refused, naming node and attribute, when coefficients contain NaN', () => {
    const attributes = { coefficients: { floats: [1, NaN, 2] }, intercepts: { floats: [0] } };
    const bytes = onnxFile({
      nodes: [node('LinearRegressor', ['x'], { domain: 'ai.onnx.ml', attributes })],
      inputs: [{ name: 'x', dims: ['N', 3] }],
      outputs: ['y'],
    });
    expect(refusal(bytes)).toMatchObject({
      code: 'model.invalid',
      message: expect.stringMatching(/"bad\/node".*coefficients/),
    });
  });

  it('is refused when weights overflow once they are multiplied', () => {
    const huge = floats('huge', [2, 2], [3e38, 3e38, 3e38, 3e38]);
    const nodes = Array.from({ length: 9 }, (_, i): TestNode => ({
      operator: 'MatMul',
      inputs: [i === 0 ? 'h' : `m${String(i)}`, 'huge'],
      outputs: [i === 8 ? 'y' : `m${String(i + 1)}`],
    }));
    expect(refusal(network(nodes, { initializers: [huge] }))).toMatchObject({ code: 'model.invalid' });
  });

  it.each<[string, readonly TestNode[], RegExp]>([
    [
      'a loop',
      [
        { operator: 'Add', inputs: ['h', 'b'], outputs: ['a'] },
        { operator: 'Relu', inputs: ['a'], outputs: ['b'] },
        node('Relu', ['b']),
      ],
      /loop/,
    ],
    ['a node that needs itself', [node('Add', ['h', 'y'])], /loop/],
    ['an input that nothing computes', [node('Relu', ['nowhere'])], /"nowhere" is computed nowhere/],
    [
      'a name computed twice',
      [{ operator: 'Relu', inputs: ['h'], outputs: ['y'] }, node('Tanh', ['h'])],
      /"y" is computed twice/,
    ],
    [
      'a name computed that is a weight',
      [{ operator: 'Relu', inputs: ['h'], outputs: ['fc.weight'] }, node('Tanh', ['h'])],
      /"fc\.weight" is computed twice/,
    ],
    [
      'weights of another height',
      [node('MatMul', ['h', 'fc.weight'])],
      /\[3, 2\] do not fit a tensor of shape \[1, 2\]/,
    ],
    ['a bias of another length', [node('Add', ['h', 'three'])], /do not fit/],
    ['a missing input', [node('MatMul', ['h'])], /input 2 is missing/],
    ['an axis that is not there', [node('Gather', ['h', 'one'], { attributes: { axis: { int: 5 } } })], /no such axis/],
    [
      'an element that is not there',
      [node('Gather', ['h', 'seven'], { attributes: { axis: { int: 1 } } })],
      /does not exist/,
    ],
    ['an impossible shape', [node('Reshape', ['h', 'five'])], /cannot become/],
    ['a division by zero', [node('Div', ['h', 'nil'])], /divides by zero/],
  ])('is refused, naming the place, for %s', (_, nodes, message) => {
    const initializers = [
      floats('three', [3], [1, 2, 3]),
      floats('nil', [], [0]),
      integers('one', [1], [1]),
      integers('seven', [1], [7]),
      integers('five', [2], [0, 5]),
    ];
    const error = refusal(network(nodes, { initializers }));
    expect(error.code).toBe('model.invalid');
    expect(error.message).toMatch(message);
  });

  it('is refused when an output is computed by nothing', () => {
    expect(refusal(network([node('Relu', ['h'])], { outputs: ['z'] }))).toMatchObject({
      code: 'model.invalid',
      message: expect.stringContaining('"z"'),
    });
  });

  it('is refused when it does not depend on its inputs', () => {
    expect(refusal(network([], { outputs: ['fc.weight'] }))).toMatchObject({ code: 'model.invalid' });
  });

  it('is refused when the version of its operators is missing', () => {
    expect(refusal(network([node('Relu', ['h'])], { opsets: { 'ai.onnx.ml': 3 } }))).toMatchObject({
      code: 'model.invalid',
      message: expect.stringContaining('version'),
    });
    expect(refusal(network([node('Relu', ['h'])], { opsets: {} }))).toMatchObject({ code: 'model.unreadable' });
  });
});

describe('a graph with parts that no output needs', () => {
  it('is imported without them, whatever they are', () => {
    const model = importOnnx(
      network([{ operator: 'MaxPool', inputs: ['h'], outputs: ['unused'] }], { outputs: ['h'] }),
    );
    expect(model.body).toMatchObject({ kind: 'affine-chain', inputs: 3, outputs: 2 });
  });

  it('may have a thousand layers without running out of stack', () => {
    const nodes = Array.from({ length: 5_000 }, (_, i): TestNode => ({
      operator: 'Identity',
      inputs: [i === 0 ? 'h' : `i${String(i)}`],
      outputs: [`i${String(i + 1)}`],
    }));
    expect(importOnnx(network(nodes, { outputs: ['i5000'] })).body.outputs).toBe(2);
  });
});
