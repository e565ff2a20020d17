import { expect, it } from 'vitest';
import type { AffineChain, TreeEnsemble } from './ir.ts';
import { clearScores } from './score.ts';

it('scores affine chains and tree ensembles alike', () => {
  const matrix = {
    rows: 1,
    columns: 1,
    rowStart: Uint32Array.of(0, 1),
    columnIndex: Uint32Array.of(0),
    values: Float64Array.of(2),
  };
  const layers = [{ kind: 'affine', name: 'a', matrix, bias: Float64Array.of(1) }] as const;
  const chain: AffineChain = { kind: 'affine-chain', inputs: 1, outputs: 1, layers };
  const tree = {
    feature: Int32Array.of(0),
    threshold: Float64Array.of(0),
    orEqual: Uint8Array.of(0),
    missingLeft: Uint8Array.of(1),
    left: Int32Array.of(-1),
    right: Int32Array.of(-2),
    leafValues: Float64Array.of(-5, 5),
  };
  const ensemble: TreeEnsemble = {
    kind: 'tree-ensemble',
    inputs: 1,
    outputs: 1,
    trees: [tree],
    base: Float64Array.of(0.5),
    comparison: 'float64',
  };
  expect([...clearScores(chain, Float64Array.of(-1, 3), 2)]).toEqual([-1, 7]);
  expect([...clearScores(ensemble, Float64Array.of(-1, 3, Number.NaN), 3)]).toEqual([-4.5, 5.5, -4.5]);
});
