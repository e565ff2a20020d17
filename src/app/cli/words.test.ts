import fc from 'fast-check';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytesText, factsText, progressText, relativePath, secondsText, tableText } from './words.ts';

describe('words for people', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [15_604, '15.6 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [6_880_000, '6.88 MB'],
  ])('gives %d bytes as %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  it.each([
    [4.2e-6, '4.20 µs'],
    [0.000312, '0.31 ms'],
    [0.0124, '12.4 ms'],
    [0.9994, '999 ms'],
    [0.9996, '1.00 s'],
    [12.34, '12.3 s'],
    [245.4, '4 min 05 s'],
  ])('gives %d seconds as %s', (seconds, text) => {
    expect(secondsText(seconds)).toBe(text);
  });

  it('never gives more than three digits, or a size of four', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e14, noNaN: true }), (bytes) => {
        expect(bytesText(Math.floor(bytes))).toMatch(/^\d{1,3}(?:\.\d{1,2})? [kMGT]?B$/u);
      }),
    );
  });

  it('aligns numbers to the right, words to the left, without blanks at line ends', () => {
    const text = tableText(
      ['name', 'size'],
      [
        ['a', '1.00 kB'],
        ['long name', '512 B'],
      ],
    );
    expect(text).toBe('name          size\na          1.00 kB\nlong name    512 B');
    expect(tableText(['a', 'b'], [['x', '']])).toBe('a  b\nx');
    expect(tableText(['n'], [[1234]])).toBe('    n\n1,234');
  });

  it('leaves empty facts out', () => {
    expect(
      factsText([
        ['a', '1'],
        ['longer', ''],
        ['bb', '2'],
      ]),
    ).toBe('a       1\nbb      2');
  });

  it('shows a path from here where that is shorter, and whole where it lies elsewhere', () => {
    expect(relativePath(join(process.cwd(), 'a', 'b.csv'))).toBe(join('a', 'b.csv'));
    expect(relativePath('/etc/hosts')).toBe('/etc/hosts');
    expect(relativePath(process.cwd())).toBe('.');
  });

  it('tells progress with what is known of it', () => {
    expect(progressText({ stage: 'Planning' })).toBe('Planning …');
    expect(progressText({ stage: 'Encrypting', done: 450, total: 1000, unit: 'records' })).toBe(
      'Encrypting: 45 % (450 of 1,000 records)',
    );
    expect(progressText({ stage: 'Publishing', done: 15_604, unit: 'bytes' })).toBe('Publishing: 15.6 kB');
    expect(progressText({ stage: 'Sending', done: 0, total: 0, unit: 'queries' })).toBe('Sending: 0 queries');
  });
});
