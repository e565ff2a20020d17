import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../error.ts';
import type { Model } from '../ir.ts';
import { importOnnx } from './import.ts';

function read(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../../../../test/fixtures/${path}`, import.meta.url)));
}

/** The model, or the refusal; anything but a refusal with a code of models fails the test. */
function importOrRefuse(bytes: Uint8Array): Model | AppError {
  try {
    return importOnnx(bytes, { file: 'x.onnx' });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.code).toMatch(/^model\./);
    expect(error.place.file).toBe('x.onnx');
    return error;
  }
}

const small = ['wdbc/logistic.onnx', 'diabetes/poisson.onnx', 'mixed/pipeline.onnx', 'wdbc/tree.onnx'];

describe('a damaged ONNX file', () => {
  it.each(small)('%s cut off anywhere is refused, or lacks nothing that matters', (path) => {
    const whole = read(path);
    const model = importOnnx(whole);
    for (let length = 0; length < whole.length; length += 1) {
      const result = importOrRefuse(whole.subarray(0, length));
      if (!(result instanceof AppError))
        expect({ body: result.body, task: result.task }).toEqual({ body: model.body, task: model.task });
    }
  });

  it.each(['digits/mlp_relu.onnx', 'mnist/cnn_relu.onnx'])('%s cut off at sampled lengths is refused', (path) => {
    const whole = read(path);
    for (let i = 0; i < 100; i += 1)
      expect(importOrRefuse(whole.subarray(0, Math.floor((whole.length * i) / 100)))).toBeInstanceOf(AppError);
  });

  it.each(small)('%s with flipped bits is imported or refused, and nothing else', (path) => {
    const whole = read(path);
    const flips = fc.array(fc.nat(whole.length * 8 - 1), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(flips, (bits) => {
        const copy = whole.slice();
        for (const bit of bits) copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        importOrRefuse(copy);
      }),
      { numRuns: 400 },
    );
  });

  it('of random bytes is refused as unreadable or invalid', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(importOrRefuse(bytes)).toBeInstanceOf(AppError);
      }),
    );
  });

  it.each<[string, string]>([
    ['nothing', ''],
    ['a web page', '<!DOCTYPE html><html><body>Not found</body></html>'],
    ['JSON', '{"learner": {"gradient_booster": {}}}'],
    ['CSV', 'mean radius,mean texture\n1,2\n'],
    ['a zip', 'PK\u0003\u0004\u0014\0\0\0\0\0'],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'],
    ['zeros', '\0'.repeat(100)],
  ])('that is %s is refused as unreadable', (_, text) => {
    expect(importOrRefuse(new TextEncoder().encode(text))).toMatchObject({ code: 'model.unreadable' });
  });

  it('is read the same from a view into a larger buffer', () => {
    const whole = read('wdbc/logistic.onnx');
    const larger = new Uint8Array(whole.length + 11);
    larger.set(whole, 7);
    expect(importOnnx(larger.subarray(7, 7 + whole.length))).toEqual(importOnnx(whole));
  });
});
