import { beforeAll, describe, expect, it } from 'vitest';
import { drawFrom, drawNetwork, square } from '../../../test/drawn-networks.ts';
import { inOneGo } from '../../../test/in-one-go.ts';
import { countHandles } from '../../../test/live-handles.ts';
import { sidesOf, through, type Sessions } from '../../../test/sides.ts';
import type { Activation, Model } from '../../core/model/ir.ts';
import { fromDense } from '../../core/model/sparse.ts';
import { planModel, type PlannedDeployment } from '../../core/plan/plan-model.ts';
import { openSecretSession } from '../client/secret-session.ts';
import { loadSeal, type Seal } from '../library.ts';
import { openServerSession, type BlockRequest, type EvaluatedBlock } from './server-session.ts';

let seal: Seal;
beforeAll(async () => {
  seal = await loadSeal();
});

const inputs = 20;
const rows = 60;
const draw = drawFrom(17);
const calibration = draw(rows * inputs);

function network(widths: readonly number[], activation: Activation): Model {
  const columns = Array.from({ length: inputs }, (_, index) => ({
    name: `c${String(index)}`,
    type: 'number' as const,
  }));
  const number = { kind: 'number', missing: 'refuse', offset: 0, scale: 1, float32: false } as const;
  return {
    source: 'test',
    preprocessing: {
      columns,
      features: columns.map((_, column) => ({ ...number, column })),
      refuseUnknown: [],
      normalize: 'none',
    },
    body: drawNetwork(draw, { widths: [inputs, ...widths], activation }),
    task: { kind: 'regression', link: { kind: 'identity' } },
  };
}

function planned(widths: readonly number[], activation: Activation): PlannedDeployment {
  return plannedFor(network(widths, activation));
}

function plannedFor(model: Model): PlannedDeployment {
  const wanted = { modes: ['latency'], reveal: 'nothing', maxError: 1e-3, minAgreement: 0 } as const;
  return inOneGo(planModel({ model, calibration, rows, ...wanted }));
}

function open(plan: PlannedDeployment): {
  readonly sides: ReturnType<typeof sidesOf>;
  readonly sessions: Sessions & Disposable;
} {
  const sides = sidesOf(seal, plan);
  const secret = openSecretSession(seal, sides.client, sides.secrets);
  const server = openServerSession(seal, sides.server);
  return {
    sides,
    sessions: {
      secret,
      server,
      [Symbol.dispose]: () => {
        secret[Symbol.dispose]();
        server[Symbol.dispose]();
      },
    },
  };
}

/** Scores of the first rows; a canary query has none. */
function scoresOf(
  plan: PlannedDeployment,
  count: number,
): { readonly scores: Float64Array; readonly twin: Float64Array }[] {
  const { sides, sessions } = open(plan);
  using closed = sessions;
  return Array.from({ length: count }, (_, row) => {
    const features = calibration.slice(row * inputs, (row + 1) * inputs);
    const twin = plan.twins['latency']?.(features, 1) ?? new Float64Array(0);
    return { scores: through(sides, closed, { features, index: row }), twin };
  });
}

describe('a network in the features packing', () => {
  it.each([
    ['one activation', [30, 3], { kind: 'polynomial', coefficients: [0, 0.5, 0.25] }],
    ['a square', [30, 3], square],
    ['two activations', [24, 10, 2], { kind: 'polynomial', coefficients: [0, 1, 0.2] }],
    ['three activations', [16, 12, 8, 4], { kind: 'relu' }],
  ] as const)('gives its clear twin within the plan’s bound: %s', (_name, widths, activation) => {
    const plan = planned(widths, activation);
    const bound = plan.client.plans[0]?.errorBound ?? 0;
    const answered = scoresOf(plan, 4).filter(({ scores }) => scores.length > 0);
    // At most one of the first two queries is a canary, of the others few are.
    expect(answered.length).toBeGreaterThan(0);
    for (const { scores, twin } of answered) {
      expect(scores).toHaveLength(twin.length);
      for (const [output, score] of scores.entries())
        expect(Math.abs(score - (twin[output] ?? NaN))).toBeLessThan(bound);
    }
  });

  it.each([
    ['its first map is all zeros', 0, 0],
    ['its last map is all zeros', 2, 0],
    ['none of its units ever wakes', 0, -50],
  ])('gives a network that has become constant its constant: %s', (_name, place, bias) => {
    const model = network(
      [12, 2],
      bias === 0 ? { kind: 'polynomial', coefficients: [0, 0.5, 0.25] } : { kind: 'relu' },
    );
    if (model.body.kind !== 'affine-chain') throw new TypeError('a network is an affine chain');
    const layers = model.body.layers.map((layer, index) => {
      if (layer.kind !== 'affine' || index !== place) return layer;
      const { rows: height, columns: width } = layer.matrix;
      const matrix = bias === 0 ? fromDense(new Float64Array(height * width), height, width) : layer.matrix;
      return { ...layer, matrix, bias: layer.bias.map((value) => value + bias) };
    });
    const plan = plannedFor({ ...model, body: { ...model.body, layers } });
    const answered = scoresOf(plan, 2).filter(({ scores }) => scores.length > 0);
    expect(answered.length).toBeGreaterThan(0);
    for (const { scores, twin } of answered) {
      expect(scores).toHaveLength(2);
      for (const [output, score] of scores.entries())
        expect(Math.abs(score - (twin[output] ?? NaN))).toBeLessThan(plan.client.plans[0]?.errorBound ?? 0);
    }
  });

  it('gives the same however many threads share it', () => {
    const plan = planned([30, 3], square);
    const { sides, sessions } = open(plan);
    using closed = sessions;
    const features = calibration.slice(0, inputs);
    for (const of of [1, 2, 3, 8]) {
      const evaluate = (request: BlockRequest): EvaluatedBlock => {
        const partials = Array.from({ length: of }, (_, part) =>
          closed.server.evaluateShare({ ...request, share: { part, of } }),
        );
        return closed.server.finishBlock({ ...request, partials });
      };
      // Of the first two queries one is a canary, which verifies itself.
      const answers = [0, 1].map((index) => through(sides, closed, { features, index, evaluate }));
      const scores = answers.find(({ length }) => length > 0) ?? new Float64Array(0);
      const twin = plan.twins['latency']?.(features, 1) ?? new Float64Array(0);
      expect(scores).toHaveLength(3);
      for (const [output, score] of scores.entries())
        expect(Math.abs(score - (twin[output] ?? NaN))).toBeLessThan(plan.client.plans[0]?.errorBound ?? 0);
    }
  });

  it('has a canary that another model’s answer does not pass', () => {
    const plan = planned([30, 3], square);
    const [served] = plan.server.plans;
    const weights = served?.circuit === 'network-features' ? served.layers[0]?.values : undefined;
    if (weights === undefined) throw new Error('no weights');
    const tensors = plan.tensors.map((value, index) =>
      index >= weights.offset && index < weights.offset + weights.length ? value * 1.05 : value,
    );
    const { sides, sessions } = open({ ...plan, tensors });
    using closed = sessions;
    const features = calibration.slice(0, inputs);
    const refused = [0, 1].filter((index) => {
      try {
        through(sides, closed, { features, index });
        return false;
      } catch (error) {
        expect(error).toMatchObject({ code: 'result.not-verified' });
        return true;
      }
    });
    expect(refused).toHaveLength(1);
  });

  it('frees what it makes', () => {
    const plan = planned([12, 3], { kind: 'polynomial', coefficients: [0, 0.3, 1] });
    const { sides, sessions } = open(plan);
    using closed = sessions;
    const features = calibration.slice(0, inputs);
    through(sides, closed, { features });
    using handles = countHandles(seal);
    through(sides, closed, { features });
    expect(handles.count).toBe(0);
  });
});
