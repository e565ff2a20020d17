import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { programsOf } from '../../src/app/programs.ts';
import { compileModel } from '../../src/service/compile.ts';
import type { Environment } from '../../src/service/environment.ts';
import { onnxFile, type TestTensor } from '../onnx-writer.ts';

/** Models whose weights lie beside them, compiled as a person would. */

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealpoint-odd-'));
  const rows = Array.from({ length: 20 }, (_, row) => `${String(row)},${String((row * 7) % 11)},${String(row % 3)}`);
  await writeFile(join(folder, 'calibration.csv'), ['a,b,c', ...rows, ''].join('\n'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** x [N, 3] times weights that lie in another file. */
function externalModel(external: Readonly<Record<string, string>>): Uint8Array {
  const weights: TestTensor = { name: 'fc.weight', dims: [3, 1], type: 1, external };
  return onnxFile({
    nodes: [{ operator: 'MatMul', inputs: ['x', 'fc.weight'], outputs: ['y'], name: 'fc' }],
    initializers: [weights],
    inputs: [{ name: 'x', dims: ['N', 3] }],
    outputs: ['y'],
  });
}

async function compile(model: Uint8Array) {
  await mkdir(join(folder, 'models'), { recursive: true });
  await writeFile(join(folder, 'models', 'model.onnx'), model);
  const environment: Environment = { home: join(folder, 'home'), programs: programsOf(), log: () => undefined };
  return await compileModel(
    {
      model: join(folder, 'models', 'model.onnx'),
      calibration: join(folder, 'calibration.csv'),
      output: join(folder, 'out'),
      mode: 'throughput',
      reveal: 'nothing',
      maxError: 1e-3,
      minAgreement: 0.99,
    },
    environment,
    { signal: new AbortController().signal, onProgress: () => undefined },
  );
}

describe('an ONNX model with external data', () => {
  it('is compiled with the weights beside it', async () => {
    await mkdir(join(folder, 'models', 'data'), { recursive: true });
    const weights = new Uint8Array(Float32Array.of(99, 1, -2, 0.5).buffer);
    await writeFile(join(folder, 'models', 'data', 'weights.bin'), weights);
    const external = { location: 'data/weights.bin', offset: '4', length: '12' };
    expect((await compile(externalModel(external))).plans).toHaveLength(1);
  });

  it('is refused, naming tensor and file and how to convert, when the file is missing', async () => {
    await expect(compile(externalModel({ location: 'weights.bin' }))).rejects.toMatchObject({
      code: 'model.invalid',
      message: expect.stringMatching(/weights\.bin: it does not exist.*"fc\.weight"/u),
      hint: expect.stringContaining('save_as_external_data=False'),
      place: { file: expect.stringContaining('model.onnx') },
    });
  });

  it('is refused when the file has too few weights', async () => {
    await mkdir(join(folder, 'models'), { recursive: true });
    await writeFile(join(folder, 'models', 'weights.bin'), Uint8Array.of(0, 0, 128, 63));
    await expect(compile(externalModel({ location: 'weights.bin' }))).rejects.toMatchObject({
      code: 'model.invalid',
      message: expect.stringMatching(/"fc\.weight".*cut off in weights\.bin/u),
    });
  });

  it('never reads a file outside its folder', async () => {
    await writeFile(join(folder, 'secret.bin'), new Uint8Array(12));
    await expect(compile(externalModel({ location: '../secret.bin' }))).rejects.toMatchObject({
      code: 'model.invalid',
      message: expect.stringContaining("outside the model's folder"),
    });
  });
});
