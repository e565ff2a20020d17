import { beforeAll, describe, expect, it } from 'vitest';
import { weylWords } from '../../src/core/plan/ranges.ts';
import { loadSeal, type Seal } from '../../src/seal/library.ts';
import { openLoneAttacker, planLone, type Answer, type AnswerKind } from '../lone-attacker.ts';
import { correlationStatistic } from '../raw-phase.ts';
import { ensembleOf } from '../tree-ensembles.ts';
import type { DrawnTree } from '../tree-writers.ts';

/**
 * The key's owner takes a hundred results of a tree with one record a query, of records of its choice, and regresses what no score tells on
 * which leaf was reached. Beside it an attacker that is given each result with no noise added: more than that nobody can compute, so that
 * where its regression finds nothing, none does.
 */
const [results, features] = [100, 2];
/** x0 < 0.1 ? (x1 < -0.3 ? leaf 0 : leaf 1) : (x1 < 0.4 ? leaf 2 : leaf 3) */
const tree: DrawnTree = {
  feature: 0,
  threshold: Math.fround(0.1),
  missingLeft: false,
  left: { feature: 1, threshold: Math.fround(-0.3), missingLeft: false, left: { leaf: 1.3 }, right: { leaf: -0.4 } },
  right: { feature: 1, threshold: Math.fround(0.4), missingLeft: false, left: { leaf: 0.9 }, right: { leaf: -1.7 } },
};
const leaves = 4;

function leafOf([x0 = 0, x1 = 0]: Float64Array): number {
  if (x0 < 0.1) return x1 < -0.3 ? 0 : 1;
  return x1 < 0.4 ? 2 : 3;
}

interface Asked {
  /** What only the server knows: which leaf was reached, and the scores without noise. */
  readonly leaf: number;
  readonly scores: Float64Array;
  readonly covered: Answer;
  readonly bare: Answer;
  /** Without noise once more, where masks alone differ; of the first few. */
  readonly again: Answer | undefined;
}
const repeated = 3;
const kinds = ['covered', 'bare'] as const;
/** Of what is left beside scores: real parts, imaginary parts. */
const parts = [0, 1] as const;

function askAll(seal: Seal, outputs: number): Asked[] {
  const random = weylWords(3);
  const records = Float64Array.from({ length: results * features }, () => random() / 2 ** 31 - 1);
  const drawn = { features, outputs, trees: [tree], base: new Array<number>(outputs).fill(0) };
  const planned = planLone(ensembleOf(drawn, outputs === 1 ? 'one output' : 'all outputs'), records);
  using attacker = openLoneAttacker(seal, planned);
  return Array.from({ length: results }, (_, result) => {
    const record = records.slice(result * features, (result + 1) * features);
    const query = attacker.encrypt(record);
    const scores = planned.twins['latency']?.(record, 1) ?? new Float64Array(0);
    const [covered, bare, again] = attacker.ask(query, result < repeated ? [...kinds, 'bare'] : kinds);
    if (covered === undefined || bare === undefined) throw new Error('no answer');
    return { leaf: leafOf(record), scores, covered, bare, again };
  });
}

const across = (asked: readonly Asked[], value: (one: Asked) => number | undefined): number[] =>
  asked.map((one) => value(one) ?? Number.NaN);

/** How well the unread part of results tells a leaf: the largest over leaves and what there is to read. */
function leafStatistic(asked: readonly Asked[], kind: AnswerKind): number {
  const told = asked[0]?.[kind].unread ?? [];
  const statistics = told.flatMap((_value, place) =>
    Array.from({ length: leaves }, (_leaf, leaf) =>
      correlationStatistic(
        across(asked, (one) => Number(one.leaf === leaf)),
        across(asked, (one) => one[kind].unread[place]),
      ),
    ),
  );
  return Math.max(...statistics.map(Math.abs));
}

describe.each([1, 3])('regressing on raw phases of a tree with one record a query and outputs: %i', (outputs) => {
  let asked: Asked[] = [];
  beforeAll(async () => {
    asked = askAll(await loadSeal(), outputs);
  });
  const noise = (kind: AnswerKind, output: number) =>
    across(asked, (one) => (one[kind].scores[output] ?? 0) - (one.scores[output] ?? 0));

  // With one output all that total folds leave beside it is noise.
  if (outputs > 1) {
    it('finds leaves where nothing is added to results', () => {
      expect(leafStatistic(asked, 'bare')).toBeGreaterThan(5);
    });
  }

  it('finds no leaf in a hundred results', () => {
    expect(leafStatistic(asked, 'covered')).toBeLessThan(5);
  });

  it('finds the computation’s noise beside scores where nothing is added', () => {
    const few = asked.slice(0, repeated);
    for (const part of parts)
      expect(
        correlationStatistic(
          few.flatMap(({ bare }) => [...(bare.rest[part] ?? [])]),
          few.flatMap(({ again }) => [...(again?.rest[part] ?? [])]),
        ),
      ).toBeGreaterThan(50);
  });

  it('finds nothing of it in a hundred results', () => {
    for (const part of parts) {
      const rest = (kind: AnswerKind) => asked.flatMap((one) => [...(one[kind].rest[part] ?? [])]);
      expect(Math.abs(correlationStatistic(rest('bare'), rest('covered')))).toBeLessThan(5);
    }
  });

  it('finds it in scores where a thirtieth as much is added', () => {
    for (let output = 0; output < outputs; output += 1) {
      const bare = noise('bare', output);
      const little = noise('covered', output).map((value, result) => (29 * (bare[result] ?? 0) + value) / 30);
      expect(correlationStatistic(bare, little)).toBeGreaterThan(6);
    }
  });

  // Scores bear only so much noise, six times the computation's own: a hundred results are too few, thousands were not.
  it('finds nothing of it in scores', () => {
    for (let output = 0; output < outputs; output += 1)
      expect(Math.abs(correlationStatistic(noise('bare', output), noise('covered', output)))).toBeLessThan(6);
  });
});
