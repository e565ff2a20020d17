import { beforeAll, describe, expect, it } from 'vitest';
import type { AffineChain } from '../../src/core/model/ir.ts';
import { preActivations } from '../../src/core/plan/network.ts';
import { outputMeans } from '../../src/core/plan/lone-result.ts';
import { loadSeal } from '../../src/seal/library.ts';
import { drawFrom, drawNetwork, square } from '../drawn-networks.ts';
import { openLoneAttacker, planLone, type Answer, type AnswerKind } from '../lone-attacker.ts';
import { centred, correlationStatistic, tStatistics } from '../raw-phase.ts';

/**
 * The key's owner takes a hundred results of a small network with one record a query, twice: of records of its choice, to find hidden units
 * in what no score tells; and of the same record again and again, to find by the noise of its encryptions, which it knows, the gradient there.
 * Beside it an attacker that is given each result with no noise added: more than that nobody can compute, so that where its regression finds
 * nothing, none does.
 */
const [results, inputs, units, outputs] = [100, 2, 4, 3];

function network(): { readonly body: AffineChain; readonly records: Float64Array } {
  const draw = drawFrom(5);
  return {
    body: drawNetwork(draw, { widths: [inputs, units, outputs], activation: square }),
    records: draw(results * inputs),
  };
}

interface Asked {
  /** What only the server knows: the hidden units' values. */
  readonly hidden: Float64Array;
  /** Each feature as its encryption has it: with the mean noise of the slots where it is sent. */
  readonly sent: readonly number[];
  readonly covered: Answer;
  readonly bare: Answer;
  /** Without noise once more, where masks alone differ; of the first few. */
  readonly again: Answer | undefined;
}
const repeated = 3;
const kinds = ['covered', 'bare'] as const;
/** Of what is left beside scores: real parts, imaginary parts. */
const parts = [0, 1] as const;

const series = { many: [] as Asked[], same: [] as Asked[] };

beforeAll(async () => {
  const { body, records } = network();
  const [first] = body.layers;
  if (first?.kind !== 'affine') throw new TypeError('a network begins with an affine map');
  const planned = planLone(body, records);
  using attacker = openLoneAttacker(await loadSeal(), planned);
  const ask = (record: Float64Array, result: number): Asked => {
    const query = attacker.encrypt(record);
    const hidden = preActivations(first, record).map((sum) => sum ** 2);
    const [covered, bare, again] = attacker.ask(query, result < repeated ? [...kinds, 'bare'] : kinds);
    if (covered === undefined || bare === undefined) throw new Error('no answer');
    return { hidden, sent: [...outputMeans(attacker.sent(query), inputs)], covered, bare, again };
  };
  // Where squares are steepest.
  const edge = planned.ranges.center.map((center, feature) => center + (planned.ranges.radius[feature] ?? 0));
  for (let result = 0; result < results; result += 1) {
    series.many.push(ask(records.slice(result * inputs, (result + 1) * inputs), result));
    series.same.push(ask(edge, result));
  }
});

const across = (asked: readonly Asked[], value: (one: Asked) => number | undefined): number[] =>
  asked.map((one) => value(one) ?? Number.NaN);
const largest = (statistics: readonly number[]): number => Math.max(...statistics.map(Math.abs));

/** For each hidden unit how well the unread part of results tells it. */
function hiddenUnits(kind: AnswerKind): number[] {
  const { many } = series;
  const told = many[0]?.[kind].unread ?? [];
  return Array.from({ length: units }, (_, unit) =>
    largest(
      told.map((_value, place) =>
        correlationStatistic(
          across(many, ({ hidden }) => hidden[unit]),
          across(many, (one) => one[kind].unread[place]),
        ),
      ),
    ),
  );
}

/** For each feature how well noise tells the derivative of one of the scores by it. */
function gradient(kind: AnswerKind): number[] {
  const { same } = series;
  const byOutput = Array.from({ length: outputs }, (_, output) => {
    const known = Array.from({ length: inputs }, (_input, feature) => across(same, ({ sent }) => sent[feature]));
    const noises = [...known, across(same, (one) => one[kind].scores[output])].map(centred);
    return tStatistics(
      same.map((_one, result) => noises.map((noise) => noise[result] ?? 0)),
      inputs,
    );
  });
  return Array.from({ length: inputs }, (_, feature) => largest(byOutput.map((found) => found[feature] ?? 0)));
}

describe('regressing on raw phases of a network with one record a query', () => {
  it('finds hidden units and gradient where nothing is added to results', () => {
    expect(Math.max(...hiddenUnits('bare'))).toBeGreaterThan(10);
    for (const statistic of gradient('bare')) expect(statistic).toBeGreaterThan(5);
  });

  it('finds no hidden unit and no gradient in a hundred results', () => {
    for (const statistic of [...hiddenUnits('covered'), ...gradient('covered')]) expect(statistic).toBeLessThan(5);
  });

  it('finds the computation’s noise beside scores where nothing is added', () => {
    const few = series.same.slice(0, repeated);
    for (const part of parts)
      expect(
        correlationStatistic(
          few.flatMap(({ bare }) => [...(bare.rest[part] ?? [])]),
          few.flatMap(({ again }) => [...(again?.rest[part] ?? [])]),
        ),
      ).toBeGreaterThan(50);
  });

  it('finds nothing of it in a hundred results', () => {
    const { many, same } = series;
    for (const part of parts) {
      const rest = (kind: AnswerKind) => [...many, ...same].flatMap((one) => [...(one[kind].rest[part] ?? [])]);
      expect(Math.abs(correlationStatistic(rest('bare'), rest('covered')))).toBeLessThan(5);
    }
  });

  it('finds nothing of it in scores', () => {
    for (let output = 0; output < outputs; output += 1) {
      const of = (kind: AnswerKind) => across(series.same, (one) => one[kind].scores[output]);
      expect(Math.abs(correlationStatistic(of('bare'), of('covered')))).toBeLessThan(5);
    }
  });
});
