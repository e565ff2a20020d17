import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mostHeld, schedule, shareOf, sharedLayer, type LayerEntries } from './network-schedule.ts';

/** Layers of integers, some rows and columns empty. */
const networks = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 3, maxLength: 5 }).chain((widths) =>
  fc.tuple(
    ...widths.slice(1).map((rows, index) => {
      const columns = widths[index] ?? 1;
      const dense = fc.array(fc.integer({ min: -2, max: 2 }), { minLength: rows * columns, maxLength: rows * columns });
      return dense.map((values) => compressed(values, columns));
    }),
  ),
);

function compressed(dense: readonly number[], columns: number): LayerEntries {
  const rowStart = [0];
  const entries: { column: number; value: number }[] = [];
  for (const [index, value] of dense.entries()) {
    if (value !== 0) entries.push({ column: index % columns, value });
    if (index % columns === columns - 1) rowStart.push(entries.length);
  }
  return {
    columns,
    rowStart: Float64Array.from(rowStart),
    columnIndex: Float64Array.from(entries, ({ column }) => column),
    values: Float64Array.from(entries, ({ value }) => value),
  };
}

/** A picture of side x side through a convolution of 3 x 3, another one, and a dense layer. */
function convolutions(side: number): LayerEntries[] {
  const convolution = (size: number): LayerEntries => {
    const out = size - 2;
    const dense = Array.from({ length: out * out * size * size }, (_, index) => {
      const [row, column] = [Math.floor(index / (size * size)), index % (size * size)];
      const down = Math.floor(column / size) - Math.floor(row / out);
      const right = (column % size) - (row % out);
      return Number(down >= 0 && down < 3 && right >= 0 && right < 3);
    });
    return compressed(dense, size * size);
  };
  const last = (side - 4) ** 2;
  return [convolution(side), convolution(side - 2), compressed(new Array<number>(2 * last).fill(1), last)];
}

function sums({ rowStart, columnIndex, values }: LayerEntries, x: readonly number[]): number[] {
  return Array.from({ length: rowStart.length - 1 }, (_, row) => {
    let sum = 0;
    for (let entry = rowStart[row] ?? 0; entry < (rowStart[row + 1] ?? 0); entry += 1)
      sum += (values[entry] ?? 0) * (x[columnIndex[entry] ?? 0] ?? Number.NaN);
    return sum;
  });
}

const activate = (sum: number): number => (sum * sum + 1) % 101;

/** @returns the last layer's sums */
function evaluate(layers: readonly LayerEntries[], x: readonly number[]): number[] {
  let values = [...x];
  for (const [index, layer] of layers.entries()) {
    const rows = sums(layer, values);
    values = index === layers.length - 1 ? rows : rows.map(activate);
  }
  return values;
}

describe('shares of a network', () => {
  it('add up to the sums of the shared layer', () => {
    fc.assert(
      fc.property(networks, fc.integer({ min: 1, max: 4 }), fc.nat(), (layers, of, choice) => {
        const shared = 1 + (choice % (layers.length - 1));
        const x = Array.from({ length: layers[0]?.columns ?? 0 }, (_, index) => index + 1);
        const whole = evaluate(layers.slice(0, shared + 1), x);
        const parts = Array.from({ length: of }, (_, part) =>
          evaluate(schedule(shareOf(layers, shared, { part, of })), x),
        );
        const added = whole.map((_, row) => parts.reduce((sum, part) => sum + (part[row] ?? 0), 0));
        expect(added).toEqual(whole);
      }),
    );
  });

  it('of a convolution compute neighbouring rows, and only the border twice', () => {
    const layers = convolutions(12);
    const shared = sharedLayer(layers, 2, [30, 30, 0]);
    expect(shared).toBe(2);
    const unitsOf = (layer: LayerEntries | undefined): number =>
      [...(layer?.rowStart ?? [])].filter((start, row) => start !== layer?.rowStart[row + 1]).length - 1;
    const whole = unitsOf(layers[0]);
    const computed = [0, 1].map((part) => unitsOf(shareOf(layers, shared, { part, of: 2 })[0]));
    expect(computed[0]).toBe(computed[1]);
    expect((computed[0] ?? 0) + (computed[1] ?? 0)).toBe(whole + 2 * 10);
  });
});

describe('a schedule', () => {
  it('keeps the sums, counts uses, and lets a dense row behind convolutions wait for the last band', () => {
    const layers = convolutions(8);
    const x = Array.from({ length: 64 }, (_, index) => (index * 7) % 11);
    const scheduled = schedule(layers);
    expect(evaluate(scheduled, x)).toEqual(evaluate(layers, x));
    expect(scheduled[2]?.uses).toEqual(new Uint32Array(16).fill(2));
    const row = [...(scheduled[1]?.columnIndex.subarray(0, 9) ?? [])];
    expect(row).toEqual([0, 1, 2, 6, 7, 8, 12, 13, 14]);
  });

  it('holds a band of a convolution, whatever the size of the picture', () => {
    // The dense layer behind wants all of the second convolution; of the first three rows are enough, and one value.
    const behind = (side: number): number => (side - 4) ** 2;
    const first = (side: number): number => mostHeld(schedule(convolutions(side)), [0, 1, 0]);
    expect(first(8)).toBeLessThanOrEqual(3 * 6);
    expect(first(12)).toBeLessThanOrEqual(3 * 10);
    expect(mostHeld(schedule(convolutions(12)), [0, 0, 1])).toBe(behind(12));
    expect(mostHeld(schedule(convolutions(12)), [1, 0, 0])).toBeLessThanOrEqual(3 * 12);
  });
});
