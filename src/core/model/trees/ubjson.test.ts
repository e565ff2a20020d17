import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeUbjson } from '../../../../test/tree-writers.ts';
import { AppError } from '../../error.ts';
import { decodeUbjson } from './ubjson.ts';

function bytes(...parts: readonly (string | number)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => (typeof part === 'string' ? [...new TextEncoder().encode(part)] : [part])),
  );
}

function refusal(input: Uint8Array): AppError {
  try {
    decodeUbjson(input);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const huge = [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

describe('decodeUbjson', () => {
  it('reads every kind of value', () => {
    const list = bytes(
      '[ZTFNi',
      0xff,
      'U',
      0xff,
      'I',
      0xff,
      0xfe,
      'l',
      0,
      0,
      1,
      0,
      'L',
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      9,
      'd',
      0x3f,
      0x80,
      0,
      0,
    );
    const rest = bytes('D', 0x40, 0, 0, 0, 0, 0, 0, 0, 'Cx', 'SU', 2, 'hi', ']');
    expect(decodeUbjson(Uint8Array.from([...list, ...rest]))).toEqual([
      null,
      true,
      false,
      -1,
      255,
      -2,
      256,
      9,
      1,
      2,
      'x',
      'hi',
    ]);
  });

  it('reads counted lists of one type as typed arrays', () => {
    expect(decodeUbjson(bytes('[$d#U', 2, 0x3f, 0x80, 0, 0, 0xbf, 0x80, 0, 0))).toEqual(Float32Array.of(1, -1));
    expect(decodeUbjson(bytes('[$U#U', 3, 1, 2, 3))).toEqual(Uint8Array.of(1, 2, 3));
    expect(decodeUbjson(bytes('[#U', 2, 'U', 1, 'T'))).toEqual([1, true]);
  });

  it('takes __proto__ for a key like any other', () => {
    const object = decodeUbjson(bytes('{U', 9, '__proto__', '{U', 1, 'a', 'T', '}', '}')) as Record<string, unknown>;
    expect(Object.keys(object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });

  it('reads what the writer of the tests writes', () => {
    const key = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 5 });
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.string({ unit: 'grapheme-ascii' }),
        fc.array(tie('tree')),
        fc.dictionary(key, tie('tree'), { noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        expect(JSON.parse(JSON.stringify(decodeUbjson(Uint8Array.from(encodeUbjson(value)))))).toEqual(value);
      }),
    );
  });

  it.each([
    ['nothing', bytes()],
    ['a count larger than the file', bytes('[$d#L', ...huge)],
    ['a list of many empty values', bytes('[$Z#L', ...huge)],
    ['a count that lies about untyped elements', bytes('[#l', 0x7f, 0xff, 0xff, 0xff, 'U', 1)],
    ['a count of floats that only bytes would fit', bytes('[$D#U', 4, 1, 2, 3, 4, 5)],
    ['a negative count', bytes('[#i', 0xff)],
    ['a count that is no integer', bytes('[#d', 0, 0, 0, 0)],
    ['a text longer than the file', bytes('SL', ...huge)],
    ['a type without a count', bytes('[$U', 1, 2)],
    ['an unknown type', bytes('[Q]')],
    ['an object without an end', bytes('{U', 1, 'a', 'T')],
    ['bytes after the end', bytes('{}', 0)],
    ['padding without an end', bytes('NNNN')],
  ])('refuses %s', (_, input) => {
    const error = refusal(input);
    expect(error.code).toBe('model.unreadable');
    expect(error.message).toMatch(/at byte \d+ of \d+/u);
  });

  it('refuses nesting that would exhaust the stack', () => {
    expect(refusal(new Uint8Array(1_000_000).fill(0x5b)).message).toContain('nesting');
    expect(refusal(bytes('{i\u0001a'.repeat(100_000))).message).toContain('nesting');
  });

  it('refuses or reads any bytes whatever, in no other way', () => {
    const anything = fc.array(
      fc.oneof(
        fc.nat({ max: 255 }),
        fc.constantFrom(...'[{$#]}SLUldDZTN'.split('').map((letter) => letter.charCodeAt(0))),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(anything, (input) => {
        try {
          decodeUbjson(Uint8Array.from(input));
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
