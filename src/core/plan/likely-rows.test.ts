import { describe, expect, it } from 'vitest';
import { inOneGo } from '../../../test/in-one-go.ts';
import { likelyRows } from './likely-rows.ts';
import { weylWords } from './ranges.ts';

const [inputs, rows, wanted] = [40, 30, 200];
const random = weylWords(11);
const uniform = (): number => random() / 2 ** 31 - 1;

/** Independent numbers, each there once: they tell where they come from. */
const table = Float64Array.from({ length: rows * inputs }, uniform);

describe('likelyRows', () => {
  it('has rows of stretches of at most three calibration rows', () => {
    const made = inOneGo(likelyRows({ values: table, inputs }, wanted));
    expect(made).toHaveLength(wanted * inputs);
    const known = new Set(table);
    const changes: number[] = [];
    for (let row = 0; row < wanted; row += 1) {
      const origins = Array.from(made.subarray(row * inputs, (row + 1) * inputs), (value, column) => {
        expect(known.has(value)).toBe(true);
        const at = table.indexOf(value);
        expect(at % inputs).toBe(column);
        return Math.floor(at / inputs);
      });
      changes.push(new Set(origins).size);
    }
    expect(Math.max(...changes)).toBe(3);
  });

  it('moves rows along by the lag at which columns are neighbours, and else by none', () => {
    // Runs of three equal columns in independent rows: neighbours at a lag of 1.
    const steps = Float64Array.from({ length: rows * inputs });
    for (let row = 0; row < rows; row += 1) {
      const start = random() % 6;
      let value = 0;
      for (let column = 0; column < inputs; column += 1) {
        if ((column + start) % 6 === 0) value = uniform();
        steps[row * inputs + column] = value;
      }
    }
    const made = inOneGo(likelyRows({ values: steps, inputs }, wanted));
    let moved = 0;
    for (let row = 0; row < wanted; row += 1) {
      for (let column = 0; column < inputs; column += 1) {
        const value = made[row * inputs + column] ?? 0;
        const isAtHome = Array.from({ length: rows }, (_, known) => steps[known * inputs + column]).includes(value);
        if (!isAtHome) moved += 1;
      }
    }
    expect(moved).toBeGreaterThan(wanted);
  });

  it('gives the same rows at every call', () => {
    const once = inOneGo(likelyRows({ values: table, inputs }, 50));
    expect(inOneGo(likelyRows({ values: table, inputs }, 50))).toEqual(once);
  });

  it('takes a single column', () => {
    const made = inOneGo(likelyRows({ values: Float64Array.of(1, 2, 3), inputs: 1 }, 10));
    expect([...made].every((value) => [1, 2, 3].includes(value))).toBe(true);
  });
});
