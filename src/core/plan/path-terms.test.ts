import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inOneGo } from '../../../test/in-one-go.ts';
import { ensembleOf, seenTrees } from '../../../test/tree-ensembles.ts';
import { ensembleArbitrary, naiveScores, rowsArbitrary, type DrawnEnsemble } from '../../../test/tree-writers.ts';
import { treeScores } from '../model/trees/evaluate.ts';
import { pathTerms, type Literal, type PathTerms } from './path-terms.ts';
import { thermometerBits } from './thermometer.ts';

function literalValue({ constant, weights }: Literal, bits: Uint8Array): number {
  return [...weights].reduce((sum, [bit, weight]) => sum + weight * bits[bit]!, constant);
}

function termScores({ terms, base }: PathTerms, bits: Uint8Array): number[] {
  const scores = [...base];
  for (const { literals, factors } of terms) {
    const product = literals.reduce((value, literal) => value * literalValue(literal, bits), 1);
    for (const { output, factor } of factors) scores[output]! += factor * product;
  }
  return scores;
}

const withRows = ensembleArbitrary.chain((drawn) => fc.tuple(fc.constant(drawn), rowsArbitrary(drawn.features)));

describe('a sum of products of literals', () => {
  it('scores as the trees do, missing values and all', () => {
    fc.assert(
      fc.property(withRows, ([drawn, rows]) => {
        const ensemble = ensembleOf(drawn);
        const { thermometer, trees } = seenTrees(ensemble);
        const terms = inOneGo(pathTerms(trees, thermometer, drawn.outputs));
        for (const row of rows) {
          const bits = thermometerBits(thermometer, Float64Array.from(row), 1);
          const expected = naiveScores(drawn, row);
          for (const [output, score] of termScores(terms, bits).entries())
            expect(score + (drawn.base[output] ?? 0)).toBeCloseTo(expected[output]!, 9);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('does so where a leaf adds to all outputs', () => {
    fc.assert(
      fc.property(withRows, ([drawn, rows]) => {
        const ensemble = ensembleOf({ ...drawn, outputs: 3, base: [0, 0, 0] }, 'all outputs');
        const { thermometer, trees } = seenTrees(ensemble);
        const terms = inOneGo(pathTerms(trees, thermometer, 3));
        for (const row of rows) {
          const features = Float64Array.from(row);
          const expected = treeScores(ensemble, features, 1);
          for (const [output, score] of termScores(terms, thermometerBits(thermometer, features, 1)).entries())
            expect(score).toBeCloseTo(expected[output]!, 9);
        }
      }),
    );
  });

  it('has one literal a feature of a path, however often the path splits on it', () => {
    const drawn: DrawnEnsemble = {
      features: 2,
      outputs: 1,
      base: [0],
      trees: [chain([-2, -1, 0, 1, 2], 0)],
    };
    const { thermometer, trees } = seenTrees(ensembleOf(drawn));
    const { terms } = inOneGo(pathTerms(trees, thermometer, 1));
    expect(terms.every(({ literals }) => literals.length === 1)).toBe(true);
  });

  it('adds trees of one split into a few sums of bits', () => {
    const stump = (threshold: number) => ({
      feature: 0,
      threshold,
      missingLeft: true,
      left: { leaf: threshold },
      right: { leaf: -1 },
    });
    const drawn = { features: 1, outputs: 1, base: [0], trees: [-1, 0, 1, -1, 0, 1].map(stump) };
    const { thermometer, trees } = seenTrees(ensembleOf(drawn));
    expect(inOneGo(pathTerms(trees, thermometer, 1)).terms).toHaveLength(1);
  });
});

/** A tree that splits on one feature again and again, each time to the right. */
function chain(thresholds: readonly number[], feature: number): DrawnEnsemble['trees'][number] {
  const [threshold, ...rest] = thresholds;
  if (threshold === undefined) return { leaf: 5 };
  return { feature, threshold, missingLeft: false, left: { leaf: threshold }, right: chain(rest, feature) };
}
