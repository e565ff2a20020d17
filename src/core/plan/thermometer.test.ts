import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TreeEnsemble } from '../model/ir.ts';
import { treeScores } from '../model/trees/evaluate.ts';
import { nextAbove, openThermometer, thermometerBits, type ThermometerSpec } from './thermometer.ts';
import { listedEdges, moveThresholds, sortColumns, strictThresholds } from './thresholds.ts';
import { bitTrees, readTrees, writeTrees, type BitTree } from './tree-bits.ts';

const ranges = { center: Float64Array.of(0, 5), radius: Float64Array.of(4, 20) };

/** One tree: feature 0 at -0.1 (<=, missing left), then feature 1 at 5 (<). */
const ensemble: TreeEnsemble = {
  kind: 'tree-ensemble',
  inputs: 2,
  outputs: 1,
  base: Float64Array.of(0.5),
  comparison: 'float32',
  trees: [
    {
      feature: Int32Array.of(0, 1),
      threshold: Float64Array.of(-0.1, 5),
      orEqual: Uint8Array.of(1, 0),
      missingLeft: Uint8Array.of(1, 0),
      left: Int32Array.of(1, -1),
      right: Int32Array.of(-3, -2),
      leafValues: Float64Array.of(1, 2, 3),
    },
  ],
};

function scoreByBits(trees: readonly BitTree[], bits: Uint8Array): number {
  return trees.reduce((sum, tree) => {
    let node = 0;
    while (node >= 0) {
      const left = (bits[tree.bit[node] ?? 0] ?? 0) + (bits[tree.missing[node] ?? -1] ?? 0) === 1;
      node = (left ? tree.left[node] : tree.right[node]) ?? -1;
    }
    return sum + (tree.leafValues[~node] ?? 0);
  }, 0);
}

describe('thermometer bits', () => {
  it('decide as the trees do, at the thresholds themselves and for missing values', () => {
    const strict = strictThresholds(ensemble);
    const spec: ThermometerSpec = {
      comparison: 'float32',
      missing: [true, true],
      edges: { kind: 'listed', values: listedEdges(strict) },
    };
    const thermometer = openThermometer(spec, ranges);
    const trees = readTrees(writeTrees(bitTrees(strict, thermometer)));
    const values = [
      Number.NaN,
      -0.1,
      Math.fround(-0.1),
      nextAbove(Math.fround(-0.1), 'float32'),
      0,
      1,
      5,
      4.999_999_99,
      -4,
    ];
    for (const a of values) {
      for (const b of values) {
        const row = Float64Array.of(a, b);
        const expected = treeScores(ensemble, row, 1)[0] ?? Number.NaN;
        expect(scoreByBits(trees, thermometerBits(thermometer, row, 1)) + 0.5).toBe(expected);
      }
    }
  });

  it('of a grid depend on ranges and fineness alone, not on the splits', () => {
    const spec: ThermometerSpec = { comparison: 'float64', missing: [false, false], edges: { kind: 'grid', bits: 2 } };
    expect(openThermometer(spec, ranges).edges.map((edges) => [...edges])).toEqual([
      [-0.5, 0, 0.5],
      [2.5, 5, 7.5],
    ]);
  });

  it('agree with moved thresholds', () => {
    const spec: ThermometerSpec = { comparison: 'float32', missing: [true, true], edges: { kind: 'grid', bits: 3 } };
    const thermometer = openThermometer(spec, ranges);
    const moved = moveThresholds(
      strictThresholds(ensemble),
      thermometer,
      sortColumns(Float64Array.of(-1, 3, 1, 7), 2, ensemble),
    );
    const trees = bitTrees(moved, thermometer);
    const value = fc.oneof(fc.constant(Number.NaN), fc.double({ min: -4, max: 25, noNaN: true }));
    fc.assert(
      fc.property(value, value, (a, b) => {
        const row = Float64Array.of(a, b);
        const expected = treeScores(moved, row, 1)[0] ?? Number.NaN;
        expect(scoreByBits(trees, thermometerBits(thermometer, row, 1)) + 0.5).toBe(expected);
      }),
    );
  });
});

describe('moved thresholds', () => {
  it('go where no calibration row changes sides, if there is such an edge', () => {
    const spec: ThermometerSpec = { comparison: 'float32', missing: [false, false], edges: { kind: 'grid', bits: 1 } };
    const calibration = Float64Array.of(-1, 4, -0.05, 4.9, 0.5, 6);
    const moved = moveThresholds(
      strictThresholds(ensemble),
      openThermometer(spec, ranges),
      sortColumns(calibration, 3, ensemble),
    );
    expect(moved.trees.map((tree) => [...tree.threshold])).toEqual([[0, 5]]);
  });
});

describe('the next number above', () => {
  it.each([
    [0, 2 ** -149],
    [-0, 2 ** -149],
    [1, 1 + 2 ** -23],
    [-1, -1 + 2 ** -24],
    [Infinity, Infinity],
  ])('of %d is the adjacent float32', (value, above) => {
    expect(nextAbove(value, 'float32')).toBe(above);
  });

  it('is adjacent in double precision', () => {
    expect([0, 1, -1].map((value) => nextAbove(value, 'float64'))).toEqual([2 ** -1074, 1 + 2 ** -52, -1 + 2 ** -53]);
  });
});
