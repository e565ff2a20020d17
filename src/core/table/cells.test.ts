import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMissing, readNumber } from './cells.ts';

describe('numbers in cells', () => {
  it('reads decimal text as Number does', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.constantFrom('', ' ', '\t '),
        (value, space) => {
          for (const text of [String(value), value.toExponential(), value.toPrecision(12)]) {
            expect(readNumber(`${space}${text}${space}`)).toBe(Number(text));
          }
        },
      ),
    );
  });

  it('reads every spelling of a decimal number', () => {
    const spellings = [
      '1',
      '01',
      '0',
      '-0.5',
      '+2',
      '.5',
      '5.',
      '1e3',
      '0e5',
      '0E5',
      '-1.5E-3',
      '+.5e+2',
      ' 7 ',
      '0.1',
    ];
    for (const text of spellings) expect(readNumber(text)).toBe(Number(text));
  });

  it('refuses everything else', () => {
    const refused = [
      '0x10',
      ' 0x10',
      '0b1',
      '0o7',
      '0X1F',
      '-0x10',
      '1,5',
      '1,000',
      '1 000',
      '1_000',
      '1e',
      'e5',
      '.',
      '+',
      '-',
      '--1',
      '1.2.3',
      '12px',
      '$5',
      'inf',
      'Infinity',
      '-Infinity',
      '+inf',
      '1e999',
      '-1e999',
      'true',
      'yes',
      '１',
      '1n',
      '5%',
      'none',
      '?',
      'N/A',
    ];
    for (const text of refused) expect([text, Math.abs(readNumber(text))]).toEqual([text, Infinity]);
  });

  it('agrees with the grammar of decimal numbers on arbitrary text', () => {
    const grammar = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/u;
    const text = fc.string({ unit: fc.constantFrom(...Array.from('0123456789+-.eExXbona ,_')), maxLength: 8 });
    fc.assert(
      fc.property(text, (cell) => {
        const value = readNumber(cell);
        if (isMissing(cell)) expect(value).toBeNaN();
        else if (grammar.test(cell.trim())) expect(value).toBe(Number(cell));
        else expect(Math.abs(value)).toBe(Infinity);
      }),
      { numRuns: 5000 },
    );
  });

  it('takes empty cells, NA, NaN and null for missing, in any letter case', () => {
    for (const cell of [null, '', '  ', 'NA', 'na', 'NaN', 'nan', 'NULL', ' null ', Number.NaN]) {
      expect([cell, isMissing(cell), readNumber(cell)]).toEqual([cell, true, Number.NaN]);
    }
    for (const cell of ['0', 0, 0n, false, 'N', 'nul', 'NAN1']) expect(isMissing(cell)).toBe(false);
  });

  it('reads typed cells', () => {
    expect([1.5, 12n, 2n ** 60n, true, false].map(readNumber)).toEqual([1.5, 12, 2 ** 60, 1, 0]);
    expect(readNumber(Number.NEGATIVE_INFINITY)).toBe(-Infinity);
  });
});
