import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Link } from '../model/ir.ts';
import { applyLink, type ClassificationTask } from './link.ts';

const sigmoidLink: Link = { kind: 'sigmoid', slope: 1, normalize: false };

function task(link: Link, classes = 2, threshold = 0): ClassificationTask {
  return {
    kind: 'classification',
    link,
    classes: Array.from({ length: classes }, (_, index) => index),
    threshold,
    probabilities: true,
  };
}

function classify(of: ClassificationTask, scores: readonly number[], rows = 1) {
  const linked = applyLink(of, Float64Array.from(scores), rows);
  if (linked.kind === 'regression') throw new Error('not a classification');
  return { labels: [...linked.labels], probabilities: [...(linked.probabilities ?? [])] };
}

function regress(link: Link, scores: readonly number[]): number[] {
  const linked = applyLink({ kind: 'regression', link }, Float64Array.from(scores), scores.length);
  return linked.kind === 'regression' ? [...linked.values] : [];
}

describe('binary links', () => {
  it('turn a margin into two probabilities and a label above the threshold', () => {
    const { labels, probabilities } = classify(task({ ...sigmoidLink, slope: 2 }), [0.5, 0, -0.5], 3);
    expect(labels).toEqual([1, 0, 0]);
    expect(probabilities[1]).toBeCloseTo(0.7310585786300049, 15);
    expect(probabilities[2]).toBe(0.5);
  });

  it('keep small probabilities on either side', () => {
    expect(classify(task(sigmoidLink), [100]).probabilities[0]).toBeCloseTo(3.72e-44, 46);
    expect(classify(task(sigmoidLink), [-1000]).probabilities).toEqual([1, 0]);
  });

  it('take the one score of a forest for the probability of the second class', () => {
    expect(classify(task({ kind: 'probability' }, 2, 0.5), [0.25, 0.5, 0.75], 3)).toEqual({
      labels: [0, 0, 1],
      probabilities: [0.75, 0.25, 0.5, 0.5, 0.25, 0.75],
    });
  });

  it('grow with the score', () => {
    const score = fc.double({ min: -50, max: 50, noNaN: true });
    fc.assert(
      fc.property(score, score, (a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map((value) => classify(task(sigmoidLink), [value]));
        expect(high?.probabilities[1]).toBeGreaterThanOrEqual(low?.probabilities[1] ?? 1);
        expect(high?.labels[0]).toBeGreaterThanOrEqual(low?.labels[0] ?? 1);
      }),
    );
  });
});

describe('links of several scores', () => {
  it('sum to one, in any size of scores, and put the label on the most probable class', () => {
    const scores = fc.array(fc.double({ min: -1e5, max: 1e5, noNaN: true }), { minLength: 3, maxLength: 3 });
    const links: readonly Link[] = [{ kind: 'softmax' }, { kind: 'sigmoid', slope: 1, normalize: true }];
    fc.assert(
      fc.property(scores, fc.constantFrom(...links), (row, link) => {
        const { labels, probabilities } = classify(task(link, 3), row);
        expect(probabilities.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12);
        expect(probabilities[labels[0] ?? 0]).toBe(Math.max(...probabilities));
      }),
    );
  });

  it('compute softmax and one against the rest', () => {
    const soft = classify(task({ kind: 'softmax' }, 3), [1, 2, 3]).probabilities;
    expect(soft[2]).toBeCloseTo(0.6652409557748219, 14);
    const [a = 0, b = 0, c = 0] = [-1, 0, 2].map((score) => 1 / (1 + Math.exp(-score)));
    const rest = classify(task({ kind: 'sigmoid', slope: 1, normalize: true }, 3), [-1, 0, 2]).probabilities;
    for (const [index, value] of [a, b, c].entries()) expect(rest[index]).toBeCloseTo(value / (a + b + c), 14);
    expect(classify(task(sigmoidLink, 3), [0, 0, 0]).probabilities).toEqual([0.5, 0.5, 0.5]);
  });

  it('give the first of equal classes', () => {
    expect(classify(task({ kind: 'softmax' }, 3), [1, 5, 5]).labels).toEqual([1]);
    expect(classify(task({ kind: 'probability' }), [0.5, 0.5]).labels).toEqual([0]);
  });

  it('give no probabilities for a decision function', () => {
    const decision = { ...task({ kind: 'identity' }), probabilities: false };
    expect(classify(decision, [2.5, -1], 2)).toEqual({ labels: [1, 0], probabilities: [] });
  });
});

describe('links of a regression', () => {
  it('compute the value', () => {
    expect(regress({ kind: 'identity' }, [-2, 3])).toEqual([-2, 3]);
    expect(regress({ kind: 'exp' }, [0, 1])).toEqual([1, Math.E]);
    expect(regress({ kind: 'signed-square' }, [-2, 3])).toEqual([-4, 9]);
    expect(regress(sigmoidLink, [0])).toEqual([0.5]);
  });
});

describe('links that do not fit', () => {
  it('are refused', () => {
    const invalid = expect.objectContaining({ code: 'model.invalid' }) as Error;
    expect(() => regress({ kind: 'softmax' }, [1])).toThrow(invalid);
    expect(() => classify(task({ kind: 'softmax' }), [1])).toThrow(invalid);
    expect(() => classify(task({ kind: 'exp' }, 3), [1, 2, 3])).toThrow(invalid);
    expect(() => classify(task({ kind: 'softmax' }, 3), [1, 2])).toThrow(invalid);
  });
});
