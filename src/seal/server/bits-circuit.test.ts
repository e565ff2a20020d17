import { beforeAll, describe, expect, it } from 'vitest';
import { inOneGo } from '../../../test/in-one-go.ts';
import { countHandles } from '../../../test/live-handles.ts';
import { sidesOf, through, type Sessions } from '../../../test/sides.ts';
import { ensembleOf, type LeafSpread } from '../../../test/tree-ensembles.ts';
import type { DrawnTree } from '../../../test/tree-writers.ts';
import type { Model } from '../../core/model/ir.ts';
import { scaleScores } from '../../core/model/trees/scale.ts';
import { planModel, type PlannedDeployment, type PlanRequest } from '../../core/plan/plan-model.ts';
import { weylWords } from '../../core/plan/ranges.ts';
import { openSecretSession } from '../client/secret-session.ts';
import { loadSeal, type Seal } from '../library.ts';
import { openServerSession, type BlockRequest, type EvaluatedBlock } from './server-session.ts';

let seal: Seal;
beforeAll(async () => {
  seal = await loadSeal();
});

interface Shape {
  readonly features: number;
  readonly outputs: number;
  readonly trees: number;
  readonly depth: number;
  readonly spread: LeafSpread;
}

/** Uneven trees: a branch ends early one time in eight. */
function drawTree(random: () => number, features: number, depth: number): DrawnTree {
  const uniform = (): number => random() / 2 ** 32;
  if (depth === 0 || uniform() < 1 / 8) return { leaf: 4 * uniform() - 2 };
  return {
    feature: Math.floor(uniform() * features),
    threshold: Math.fround(20 * uniform() - 10),
    missingLeft: uniform() < 0.5,
    left: drawTree(random, features, depth - 1),
    right: drawTree(random, features, depth - 1),
  };
}

const rows = 40;

/** One value in sixteen is missing. */
function drawRows(random: () => number, features: number): Float64Array {
  return Float64Array.from({ length: rows * features }, () =>
    random() / 2 ** 32 < 1 / 16 ? Number.NaN : (random() / 2 ** 32) * 20 - 10,
  );
}

function modelOf({ features, outputs, trees, depth, spread }: Shape, random: () => number): Model {
  const drawn = {
    features,
    outputs,
    trees: Array.from({ length: trees }, () => drawTree(random, features, depth)),
    base: Array.from({ length: outputs }, (_, output) => output - 0.25),
  };
  const columns = Array.from({ length: features }, (_, index) => ({
    name: `c${String(index)}`,
    type: 'number' as const,
  }));
  const number = { kind: 'number', missing: 'keep', offset: 0, scale: 1, float32: true } as const;
  return {
    source: 'test',
    preprocessing: {
      columns,
      features: columns.map((_, column) => ({ ...number, column })),
      refuseUnknown: [],
      normalize: 'none',
    },
    body: ensembleOf(drawn, spread),
    task: { kind: 'regression', link: { kind: 'identity' } },
  };
}

interface Planned {
  readonly plan: PlannedDeployment;
  readonly calibration: Float64Array;
  readonly inputs: number;
}

function planned(shape: Shape, reveal: 'nothing' | 'thresholds', wanted: Partial<PlanRequest> = {}): Planned {
  const random = weylWords(shape.trees + shape.depth);
  const model = modelOf(shape, random);
  const calibration = drawRows(random, shape.features);
  const request = { model, calibration, rows, modes: ['latency'], reveal, maxError: 1e-3, minAgreement: 0 } as const;
  return { plan: inOneGo(planModel({ ...request, ...wanted })), calibration, inputs: shape.features };
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

const small: Shape = { features: 5, outputs: 1, trees: 6, depth: 3, spread: 'one output' };

describe('trees in the bits packing', () => {
  it.each([
    ['no split', { ...small, trees: 2, depth: 0 }, 'thresholds'],
    ['stumps', { ...small, trees: 3, depth: 1 }, 'thresholds'],
    ['one feature alone', { ...small, features: 1 }, 'thresholds'],
    ['a small forest', small, 'thresholds'],
    ['a small forest on a grid', small, 'nothing'],
    ['many deep trees', { ...small, features: 12, trees: 60, depth: 6 }, 'thresholds'],
    ['a tree an output', { ...small, outputs: 3, trees: 9, depth: 4 }, 'thresholds'],
    ['leaves of several outputs', { ...small, outputs: 3, depth: 4, spread: 'all outputs' }, 'nothing'],
  ] as const)('gives its clear twin within the plan’s bound: %s', (_name, shape, reveal) => {
    const { plan, calibration, inputs } = planned(shape, reveal);
    expect(plan.client.plans.map(({ circuit }) => circuit)).toEqual(['trees-bits']);
    const bound = plan.client.plans[0]?.errorBound ?? 0;
    const { sides, sessions } = open(plan);
    using closed = sessions;
    let answered = 0;
    for (let row = 0; row < 6; row += 1) {
      const features = calibration.slice(row * inputs, (row + 1) * inputs);
      const scores = through(sides, closed, { features, index: row });
      if (scores.length === 0) continue;
      answered += 1;
      const twin = plan.twins['latency']?.(features, 1) ?? new Float64Array(0);
      expect(scores).toHaveLength(twin.length);
      for (const [output, score] of scores.entries())
        expect(Math.abs(score - (twin[output] ?? NaN))).toBeLessThan(bound);
    }
    // At most one of the first two queries is a canary, of the others few are.
    expect(answered).toBeGreaterThan(0);
  });

  it.each([1e-9, 1e-3, 1e9])('is as good in units in which scores are %d as large', (size) => {
    const shape = { ...small, outputs: 2 };
    const model = modelOf(shape, weylWords(shape.trees + shape.depth));
    if (model.body.kind !== 'tree-ensemble') throw new TypeError('trees are an ensemble');
    const body = scaleScores(model.body, size);
    const { plan, calibration, inputs } = planned(shape, 'thresholds', { model: { ...model, body } });
    const { sides, sessions } = open(plan);
    using closed = sessions;
    const bound = plan.client.plans[0]?.errorBound ?? 0;
    expect(bound).toBeLessThan(0.1 * size);
    // At most one of the first two queries is a canary.
    const answered = [0, 1].flatMap((row) => {
      const features = calibration.slice(row * inputs, (row + 1) * inputs);
      const scores = through(sides, closed, { features, index: row });
      return scores.length === 0 ? [] : [{ scores, twin: plan.twins['latency']?.(features, 1) ?? new Float64Array(0) }];
    });
    expect(answered.length).toBeGreaterThan(0);
    for (const { scores, twin } of answered)
      for (const [output, score] of scores.entries())
        expect(Math.abs(score - (twin[output] ?? NaN))).toBeLessThan(bound);
  });

  it('gives the same however many threads share it', () => {
    const { plan, calibration, inputs } = planned({ ...small, features: 12, trees: 20 }, 'thresholds');
    const { sides, sessions } = open(plan);
    using closed = sessions;
    const features = calibration.slice(0, inputs);
    const twin = plan.twins['latency']?.(features, 1)[0] ?? Number.NaN;
    for (const of of [1, 2, 3, 8]) {
      const evaluate = (request: BlockRequest): EvaluatedBlock => {
        const partials = Array.from({ length: of }, (_, part) =>
          closed.server.evaluateShare({ ...request, share: { part, of } }),
        );
        return closed.server.finishBlock({ ...request, partials });
      };
      // Of the first two queries one is a canary, which verifies itself.
      const answers = [0, 1].map((index) => through(sides, closed, { features, index, evaluate }));
      const score = answers.find(({ length }) => length > 0)?.[0] ?? Number.NaN;
      expect(Math.abs(score - twin)).toBeLessThan(plan.client.plans[0]?.errorBound ?? 0);
    }
  });

  it('has a canary that another model’s answer does not pass', () => {
    const { plan, calibration, inputs } = planned(small, 'thresholds');
    const [served] = plan.server.plans;
    const reads = served?.circuit === 'trees-bits' ? served.reads : undefined;
    if (reads === undefined) throw new Error('no reads');
    // Every fifth number of them is a weight.
    const tensors = plan.tensors.map((value, index) => {
      const place = index - reads.offset;
      return place >= 0 && place < reads.length && place % 5 === 4 ? value * 1.05 : value;
    });
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

  it('is refused with depth and budget where no modulus is precise enough, and left out where there is another mode', () => {
    const maxError = 1e-7;
    expect(() => planned(small, 'thresholds', { maxError })).toThrow(
      /6 trees of depth 3, .* at most 32768 products, 430 bits of modulus/u,
    );
    const { plan } = planned(small, 'thresholds', { maxError, modes: ['latency', 'throughput'] });
    expect(plan.client.plans.map(({ mode }) => mode)).toEqual(['throughput']);
    expect(plan.refused.map(({ mode }) => mode)).toEqual(['latency']);
  });

  it('frees what it makes', () => {
    const { plan, calibration, inputs } = planned({ ...small, outputs: 2, trees: 8 }, 'thresholds');
    const { sides, sessions } = open(plan);
    using closed = sessions;
    const features = calibration.slice(0, inputs);
    through(sides, closed, { features });
    using handles = countHandles(seal);
    through(sides, closed, { features });
    expect(handles.count).toBe(0);
  });
});
