import { readFile, writeFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runJob } from '../../src/service/run.ts';
import { normals } from '../normals.ts';
import { floats, onnxFile, type TestNode } from '../onnx-writer.ts';
import { openWorkbench, refusal, running, type Workbench } from './workbench.ts';

/** Networks for regression, made here, so that what they ought to say is known without any library. */

const [inputs, hidden, rows] = [6, 12, 60];
const [first, second] = [normals(inputs * hidden, 1), normals(hidden, 2)];

let workbench: Workbench;
beforeAll(async () => {
  workbench = await openWorkbench();
});
afterAll(async () => {
  await workbench[Symbol.asyncDispose]();
});

/** y = second . bend(first x / 3), the bend in nodes from h to g. */
function network(bend: readonly TestNode[]): Uint8Array {
  return onnxFile({
    nodes: [
      { operator: 'MatMul', inputs: ['x', 'first'], outputs: ['h'], name: 'map' },
      ...bend,
      { operator: 'MatMul', inputs: ['g', 'second'], outputs: ['y'], name: 'out' },
    ],
    initializers: [
      floats(
        'first',
        [inputs, hidden],
        Array.from(first, (weight) => weight / 3),
      ),
      floats('second', [hidden, 1], Array.from(second)),
    ],
    inputs: [{ name: 'x', dims: ['N', inputs] }],
    outputs: ['y'],
  });
}

const cube: TestNode[] = [
  { operator: 'Mul', inputs: ['h', 'h'], outputs: ['square'], name: 'square' },
  { operator: 'Mul', inputs: ['square', 'h'], outputs: ['g'], name: 'cube' },
];
const relu: TestNode[] = [{ operator: 'Relu', inputs: ['h'], outputs: ['g'], name: 'bend' }];

function answers(x: Float64Array, bend: (value: number) => number): Float64Array {
  return Float64Array.from({ length: x.length / inputs }, (_, row) => {
    let y = 0;
    for (let unit = 0; unit < hidden; unit += 1) {
      let sum = 0;
      for (let input = 0; input < inputs; input += 1)
        sum += ((x[row * inputs + input] ?? 0) * (first[input * hidden + unit] ?? 0)) / 3;
      y += bend(sum) * (second[unit] ?? 0);
    }
    return y;
  });
}

async function write(name: string, x: Float64Array): Promise<string> {
  const lines = Array.from({ length: x.length / inputs }, (_, row) =>
    Array.from(x.subarray(row * inputs, (row + 1) * inputs)).join(),
  );
  const file = workbench.path(name);
  await writeFile(file, [Array.from({ length: inputs }, (_, i) => `x${String(i)}`).join(), ...lines, ''].join('\n'));
  return file;
}

async function compile(name: string, model: Uint8Array, minAgreement = 0.99) {
  const file = workbench.path(`${name}.onnx`);
  await writeFile(file, model);
  const calibration = await write('calibration.csv', normals(rows * inputs, 3));
  return await workbench.compile('', { model: file, calibration, output: workbench.path(name), minAgreement });
}

async function predict(deployment: string, x: Float64Array): Promise<Float64Array> {
  const output = workbench.path('predictions.csv');
  await runJob({ data: await write('data.csv', x), deployment, output }, workbench.environment, running);
  const [header = [], ...table] = parse(await readFile(output));
  return Float64Array.from(table, (row) => Number(row[header.indexOf('value')]));
}

function errorOf(found: Float64Array, wanted: Float64Array): number {
  return Math.hypot(...found.map((value, row) => value - (wanted[row] ?? NaN))) / Math.hypot(...wanted);
}

describe('a network for regression', () => {
  // Within what calibration rows spanned.
  const few = normals(3 * inputs, 4).map((value) => value / 2);
  const many = normals(40 * inputs, 5).map((value) => value / 2);

  it('with cubes is evaluated exactly, by quartics', { timeout: 300_000 }, async () => {
    const compiled = await compile('cubes', network(cube));
    expect(compiled.activations).toMatchObject([{ degree: 4, exact: true }]);
    expect(compiled.plans.map(({ mode }) => mode)).toEqual(['latency', 'throughput']);
    for (const { maxError } of compiled.plans) expect(maxError).toBeLessThan(1e-3);
    for (const x of [few, many])
      expect(
        errorOf(
          await predict(compiled.path, x),
          answers(x, (value) => value ** 3),
        ),
      ).toBeLessThan(2e-3);
  });

  it('with ReLU is held to the variation that it keeps', { timeout: 300_000 }, async () => {
    const compiled = await compile('bends', network(relu), 0.95);
    for (const { agreement } of compiled.plans) expect(agreement).toBeGreaterThanOrEqual(0.95);
    const found = await predict(compiled.path, many);
    expect(
      errorOf(
        found,
        answers(many, (value) => Math.max(0, value)),
      ),
    ).toBeLessThan(0.3);
  });

  it('that keeps too little is refused, and the error says how much', async () => {
    const error = await refusal(compile('refused', network(relu), 0.99999));
    expect(error).toMatchObject({
      code: 'plan.not-proven',
      message: expect.stringMatching(/bend costs the most, the network keeps \d\d\.\d % of the variation/u),
      hint: expect.stringMatching(/--min-agreement 0\.9\d/u),
    });
  });
});
