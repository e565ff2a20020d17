import { describe, expect, it } from 'vitest';
import { type TestTensor, floats, onnxFile } from '../../../../test/onnx-writer.ts';
import { AppError } from '../../error.ts';
import { readOnnxFile } from './proto.ts';
import { type Constant, type ReadExternal, finiteNumbers, readConstant } from './tensor.ts';

function constantOf(tensor: TestTensor, readExternal?: ReadExternal): Constant {
  const file = readOnnxFile(onnxFile({ nodes: [], initializers: [tensor], inputs: [], outputs: [] }));
  const [read] = file.graph?.initializers ?? [];
  if (read === undefined) throw new Error('no tensor');
  return readConstant(read, readExternal);
}

const bytes = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer);

describe('a tensor of an ONNX file', () => {
  it.each<[string, TestTensor]>([
    ['raw float32', { name: 'w', dims: [3], type: 1, raw: bytes(Float32Array.of(1, -2.5, 3)) }],
    ['raw float64', { name: 'w', dims: [3], type: 11, raw: bytes(Float64Array.of(1, -2.5, 3)) }],
    ['packed floats', { name: 'w', dims: [3], type: 1, floats: [1, -2.5, 3] }],
    ['packed doubles', { name: 'w', dims: [3], type: 11, doubles: [1, -2.5, 3] }],
    ['raw float16', { name: 'w', dims: [3], type: 10, raw: bytes(Uint16Array.of(0x3c00, 0xc100, 0x4200)) }],
    ['float16 as ints', { name: 'w', dims: [3], type: 10, ints: [0x3c00, 0xc100, 0x4200] }],
    ['raw bfloat16', { name: 'w', dims: [3], type: 16, raw: bytes(Uint16Array.of(0x3f80, 0xc020, 0x4040)) }],
  ])('is read from %s', (_, tensor) => {
    expect(Array.from(constantOf(tensor).numbers())).toEqual([1, -2.5, 3]);
  });

  it.each<[string, TestTensor]>([
    ['raw int64', { name: 'w', dims: [2], type: 7, raw: bytes(BigInt64Array.of(-1n, 300n)) }],
    ['packed int64', { name: 'w', dims: [2], type: 7, ints: [-1, 300] }],
    ['raw int32', { name: 'w', dims: [2], type: 6, raw: bytes(Int32Array.of(-1, 300)) }],
    ['packed int32', { name: 'w', dims: [2], type: 6, ints: [-1, 300] }],
  ])('holds the integers of %s', (_, tensor) => {
    expect(Array.from(constantOf(tensor).numbers())).toEqual([-1, 300]);
  });

  it('reads subnormal, infinite and undefined half-precision numbers', () => {
    const { numbers } = constantOf({
      name: 'w',
      dims: [4],
      type: 10,
      raw: bytes(Uint16Array.of(1, 0x7c00, 0xfc00, 0x7e00)),
    });
    expect(Array.from(numbers())).toEqual([2 ** -24, Infinity, -Infinity, NaN]);
  });

  it('reads texts', () => {
    expect(constantOf({ name: 'w', dims: [2], type: 8, texts: ['ja', 'nö'] }).texts()).toEqual(['ja', 'nö']);
  });

  it('is a view of the file where the address allows, never a second copy', () => {
    for (let padding = 0; padding < 4; padding += 1) {
      const file = onnxFile({
        nodes: [],
        initializers: [floats(`w${'_'.repeat(padding)}`, [3], [1, -2.5, 3])],
        inputs: [],
        outputs: [],
      });
      const [tensor] = readOnnxFile(file).graph?.initializers ?? [];
      expect(tensor?.raw?.buffer).toBe(file.buffer);
      if (tensor === undefined) continue;
      const numbers = readConstant(tensor).numbers();
      if ((tensor.raw?.byteOffset ?? 1) % 4 === 0) expect(numbers.buffer).toBe(file.buffer);
      expect(Array.from(numbers)).toEqual([1, -2.5, 3]);
    }
  });

  it.each<[string, TestTensor]>([
    ['fewer', { name: 'fc.weight', dims: [4], type: 1, raw: bytes(Float32Array.of(1, 2, 3)) }],
    ['more', { name: 'fc.weight', dims: [2], type: 1, floats: [1, 2, 3] }],
    ['no', { name: 'fc.weight', dims: [2], type: 7 }],
    ['impossibly many', { name: 'fc.weight', dims: [2 ** 40, 2 ** 40], type: 1, floats: [1] }],
    ['less than no', { name: 'fc.weight', dims: [-1], type: 1, floats: [1] }],
  ])('is refused by name when it has %s elements', (_, tensor) => {
    expect(() => constantOf(tensor)).toThrow(
      expect.objectContaining({ code: 'model.invalid', message: expect.stringContaining('fc.weight') }),
    );
  });

  it('is refused by name when it holds NaN or an infinity', () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      expect(() => finiteNumbers(constantOf(floats('fc.weight', [2], [1, bad])))).toThrow(
        expect.objectContaining({ code: 'model.invalid', message: expect.stringContaining('fc.weight') }),
      );
    }
  });

  it('is refused when its element type is one that nothing calculates with', () => {
    expect(() => constantOf({ name: 'w', dims: [1], type: 14, floats: [1] })).toThrow(
      expect.objectContaining({ code: 'model.unsupported' }),
    );
  });
});

describe('a tensor in a file beside the model', () => {
  const stored = bytes(Float32Array.of(9, 1, -2.5, 3));
  const tensor = (external: Record<string, string>): TestTensor => ({
    name: 'fc.weight',
    dims: [3],
    type: 1,
    external,
  });
  const reader: ReadExternal = (location, offset, length) => {
    if (location !== 'weights/model.data') throw new Error('no such file');
    return stored.subarray(offset, offset + length);
  };

  it('is read at its offset', () => {
    const constant = constantOf(tensor({ location: 'weights/model.data', offset: '4', length: '12' }), reader);
    expect(Array.from(constant.numbers())).toEqual([1, -2.5, 3]);
  });

  it('is refused, naming tensor and file, when nobody can read it', () => {
    expect(() => constantOf(tensor({ location: 'model.data' }))).toThrow(/"fc.weight".*model\.data/);
  });

  it.each(['../secret', 'a/../../secret', '/etc/passwd', '\\\\host\\x', 'C:\\x', 'a\\..\\..\\x', '', 'a\0b'])(
    'is never read from %j',
    (location) => {
      const never: ReadExternal = () => {
        throw new Error('must not be called');
      };
      expect(() => constantOf(tensor({ location }), never)).toThrow(/outside the model's folder/);
    },
  );

  it.each<[string, Record<string, string>]>([
    ['a missing file', { location: 'other.data' }],
    ['a file that is cut off', { location: 'weights/model.data', offset: '8' }],
    ['a wrong length', { location: 'weights/model.data', length: '16' }],
    ['a negative offset', { location: 'weights/model.data', offset: '-4' }],
  ])('is refused for %s', (_, external) => {
    let error: unknown;
    try {
      constantOf(tensor(external), reader);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'model.invalid' });
  });
});
