import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SparseMatrix } from '../model/ir.ts';
import { fromDense, rowBuilder } from '../model/sparse.ts';
import { galoisSteps, layOut, shareOfGiants, type FeaturesLayout } from './features-layers.ts';
import { preActivations } from './network.ts';
import { presumSlots } from './presums.ts';
import { weylWords } from './ranges.ts';
import { rotationTree, splitStep } from './rotations.ts';
import { diagonalsOf, inputSlots } from './slot-layers.ts';

/** What the circuit does, on slots in the clear. */
function evaluateSlots(layout: FeaturesLayout, matrices: readonly SparseMatrix[], x: Float64Array): Float64Array {
  const { slots, input, layers } = layout;
  let map = inputSlots(input, x.length, slots);
  let values = Float64Array.from(map, (entry) => (entry < 0 ? 0 : (x[entry] ?? 0)));
  for (const [index, layer] of layers.entries()) {
    const before = presumSlots(values, layer.presum);
    const periodic = Int32Array.from({ length: layer.period }, (_, slot) => map[slot % map.length] ?? -1);
    let sums = new Float64Array(slots);
    for (const [step, diagonal] of diagonalsOf(layer, layer.matrix, periodic)) {
      for (let place = 0; place < diagonal.length; place += 2) {
        for (let slot = diagonal[place] ?? 0; slot < slots; slot += layer.period)
          sums[slot] = (sums[slot] ?? 0) + (diagonal[place + 1] ?? 0) * (before[(slot + step) % slots] ?? 0);
      }
    }
    for (let fold = layer.rowAt.length; fold < layer.period; fold *= 2) sums = presumSlots(sums, [fold]) as typeof sums;
    values = sums;
    map = layer.rowAt;
    expect(layer.matrix.rows).toBe(matrices[index]?.rows);
  }
  return values;
}

function expectProduct(matrices: readonly SparseMatrix[], slots: number): FeaturesLayout {
  const layout = layOut(matrices, slots);
  if (layout === undefined) throw new Error('no layout');
  const random = weylWords(3);
  const x = Float64Array.from({ length: matrices[0]?.columns ?? 0 }, () => random() / 2 ** 31 - 1);
  let expected = x;
  for (const matrix of matrices)
    expected = Float64Array.from(preActivations({ matrix, bias: new Float64Array(matrix.rows) }, expected));
  const values = evaluateSlots(layout, matrices, x);
  const fold = layout.layers.at(-1)?.rowAt.length ?? 1;
  for (const [slot, value] of values.entries()) expect(value).toBeCloseTo(expected[slot % fold] ?? 0, 8);
  return layout;
}

function dense(rows: number, columns: number, seed: number): SparseMatrix {
  const random = weylWords(seed);
  return fromDense(
    Float64Array.from({ length: rows * columns }, () => random() / 2 ** 31 - 1),
    rows,
    columns,
  );
}

interface Convolution {
  readonly side: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
  /** Average pooling of 2 x 2 ahead of it. */
  readonly pooled: boolean;
}

function convolution({ side, inChannels, outChannels, kernel, stride, pad, pooled }: Convolution): SparseMatrix {
  const grid = pooled ? side / 2 : side;
  const places = Math.floor((grid + 2 * pad - kernel) / stride) + 1;
  const random = weylWords(side * 31 + kernel);
  const taps = Float64Array.from({ length: outChannels * inChannels * kernel * kernel }, () => random() / 2 ** 31 - 1);
  const builder = rowBuilder(inChannels * side * side);
  for (let row = 0; row < outChannels * places * places; row += 1) {
    const [channel, y, x] = [Math.floor(row / places ** 2), Math.floor(row / places) % places, row % places];
    for (let tap = 0; tap < inChannels * kernel * kernel; tap += 1) {
      const [from, ky, kx] = [Math.floor(tap / kernel ** 2), Math.floor(tap / kernel) % kernel, tap % kernel];
      const [sy, sx] = [y * stride + ky - pad, x * stride + kx - pad];
      if (sy < 0 || sx < 0 || sy >= grid || sx >= grid) continue;
      const value = taps[channel * inChannels * kernel * kernel + tap] ?? 0;
      const window = pooled ? [0, 1, side, side + 1] : [0];
      const base = from * side * side + (pooled ? 2 : 1) * (sy * side + sx);
      for (const offset of window) builder.add(base + offset, value / window.length);
    }
    builder.endRow();
  }
  return builder.finish();
}

describe('a layout of affine maps in slots', () => {
  it('gives the product in every slot, whatever the shapes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 4 }),
        fc.constantFrom(64, 128),
        (widths, slots) => {
          const matrices = widths.slice(1).map((rows, index) => dense(rows, widths[index] ?? 1, index + 1));
          expectProduct(matrices, slots);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('finds one step a kernel tap of a convolution, for any number of channels that fit', () => {
    const first = convolution({ side: 12, inChannels: 1, outChannels: 3, kernel: 3, stride: 1, pad: 0, pooled: false });
    const layout = expectProduct([first, dense(5, first.rows, 9)], 1024);
    expect(layout.layers[0]?.steps).toHaveLength(9);
  });

  it('handles strides and padding', () => {
    const first = convolution({ side: 12, inChannels: 1, outChannels: 2, kernel: 3, stride: 2, pad: 1, pooled: false });
    expect(expectProduct([first, dense(5, first.rows, 9)], 512).layers[0]?.steps).toHaveLength(9);
  });

  it('adds up pooling windows before the convolution behind them', () => {
    const first = convolution({ side: 14, inChannels: 1, outChannels: 2, kernel: 3, stride: 1, pad: 0, pooled: false });
    const second = convolution({ side: 12, inChannels: 2, outChannels: 4, kernel: 3, stride: 1, pad: 0, pooled: true });
    const layout = expectProduct([first, second, dense(5, second.rows, 9)], 1024);
    expect(layout.layers[1]?.presum).toEqual([1, 14]);
    expect(layout.layers[1]?.steps.length).toBeLessThan(9 * 2 * 4);
  });

  it('does not exist where a layer is wider than the slots', () => {
    expect(layOut([dense(200, 10, 1), dense(3, 200, 2)], 128)).toBeUndefined();
  });
});

describe('a rotation tree', () => {
  const steps = fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 40 });

  it('reaches every step once, from a step that was reached before', () => {
    fc.assert(
      fc.property(steps, (wanted) => {
        const reached = new Set([0]);
        for (const { step, from, label } of rotationTree(wanted, [0], 256)) {
          expect(reached.has(from)).toBe(true);
          expect((from + label) % 256).toBe(step);
          expect(reached.has(step)).toBe(false);
          reached.add(step);
        }
        for (const step of wanted) expect(reached.has(step)).toBe(true);
        expect(reached.size).toBe(new Set([0, ...wanted]).size);
      }),
    );
  });

  it('takes one key for consecutive steps', () => {
    const consecutive = Array.from({ length: 16 }, (_, index) => index * 5);
    expect(new Set(rotationTree(consecutive, [0], 256).map(({ label }) => label))).toEqual(new Set([5]));
  });
});

describe('shares of giant steps', () => {
  it('are all of them together, and their rotations are among the keys', () => {
    const layout = expectProduct([dense(100, 120, 4), dense(3, 100, 5)], 512);
    const [first] = layout.layers;
    if (first === undefined) throw new Error('no layer');
    const keys = new Set(galoisSteps(layout, [0]));
    const all = new Set(first.steps.map((step) => splitStep(step, first).giant));
    for (const of of [1, 2, 3, 4, 7]) {
      const shares = Array.from({ length: of }, (_, part) => shareOfGiants(first, { part, of }));
      expect(new Set(shares.flat())).toEqual(all);
      expect(shares.flat()).toHaveLength(all.size);
      for (const { label } of shares.flatMap((share) => rotationTree(share, [0], first.period)))
        expect(keys.has(label)).toBe(true);
    }
  });
});
