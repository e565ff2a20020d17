import { beforeAll, describe, expect, it } from 'vitest';
import { inOneGo } from '../../test/in-one-go.ts';
import { countHandles } from '../../test/live-handles.ts';
import { sidesOf, through } from '../../test/sides.ts';
import type { Model } from '../core/model/ir.ts';
import { clearScores } from '../core/model/score.ts';
import { fromDense } from '../core/model/sparse.ts';
import { planModel, type PlannedDeployment } from '../core/plan/plan-model.ts';
import { weylWords } from '../core/plan/ranges.ts';
import { openSecretSession } from './client/secret-session.ts';
import { loadSeal, type Seal } from './library.ts';
import { openServerSession } from './server/server-session.ts';

let seal: Seal;

beforeAll(async () => {
  seal = await loadSeal();
});

function linearModel(inputs: number, outputs: number, unit = 1): Model {
  const random = weylWords(inputs * 31 + outputs);
  const number = (): number => unit * (random() / 2 ** 31 - 1);
  const weights = Float64Array.from({ length: inputs * outputs }, (_, index) => (index % 7 === 3 ? 0 : number()));
  const columns = Array.from({ length: inputs }, (_, index) => ({
    name: `c${String(index)}`,
    type: 'number' as const,
  }));
  return {
    source: 'test',
    preprocessing: {
      columns,
      features: columns.map((_, column) => ({
        kind: 'number',
        column,
        missing: 'refuse',
        offset: 0,
        scale: 1,
        float32: false,
      })),
      refuseUnknown: [],
      normalize: 'none',
    },
    body: {
      kind: 'affine-chain',
      inputs,
      outputs,
      layers: [
        {
          kind: 'affine',
          name: 'test',
          matrix: fromDense(weights, outputs, inputs),
          bias: Float64Array.from({ length: outputs }, number),
        },
      ],
    },
    task: { kind: 'regression', link: { kind: 'identity' } },
  };
}

function planned(model: Model, mode: 'latency' | 'throughput'): PlannedDeployment {
  const random = weylWords(9);
  const inputs = model.preprocessing.columns.length;
  const calibration = Float64Array.from({ length: 50 * inputs }, () => random() / 2 ** 31 - 1);
  return inOneGo(
    planModel({
      model,
      calibration,
      rows: 50,
      modes: [mode],
      reveal: 'nothing',
      maxError: 1e-3,
      minAgreement: 0.99,
    }),
  );
}

describe.each([
  [30, 1, 'latency'],
  [30, 1, 'throughput'],
  [64, 10, 'latency'],
  [64, 10, 'throughput'],
  [1, 1, 'latency'],
  [2500, 2, 'latency'],
] as const)('a linear model of %i features and %i outputs, %s', (inputs, outputs, mode) => {
  it('scores encrypted rows as in the clear, within the plan’s error bound', () => {
    const model = linearModel(inputs, outputs);
    const plan = planned(model, mode);
    const sides = sidesOf(seal, plan);
    using secret = openSecretSession(seal, sides.client, sides.secrets);
    using server = openServerSession(seal, sides.server);
    const records = Math.min(5, plan.client.plans[0]?.blockRecords ?? 1) - (inputs > 1000 ? 4 : 0);
    const random = weylWords(77);
    const features = Float64Array.from({ length: Math.max(1, records) * inputs }, () => 2 * (random() / 2 ** 31 - 1));
    const count = features.length / inputs;
    const clear = clearScores(model.body, features, count);
    const scores = through(sides, { secret, server }, { features });
    const bound = plan.client.plans[0]?.errorBound ?? 0;
    for (const [index, score] of clear.entries())
      expect(Math.abs((scores[index] ?? Number.NaN) - score)).toBeLessThanOrEqual(bound);
  });
});

describe('a linear model whose scores have another unit', () => {
  it.each([
    [64, 10, 1e-3],
    [64, 10, 1e-20],
    [64, 10, 1e12],
    [30, 1, 1e-12],
    [30, 1, 1e9],
    [64, 10, 0],
  ])(
    'has the same parameters and the same relative error: %i features, %i outputs, times %f',
    (inputs, outputs, unit) => {
      const usual = planned(linearModel(inputs, outputs), 'throughput');
      const model = linearModel(inputs, outputs, unit);
      const plan = planned(model, 'throughput');
      const [client] = plan.client.plans;
      if (unit > 0) expect(client?.parameters).toEqual(usual.client.plans[0]?.parameters);
      const sides = sidesOf(seal, plan);
      using secret = openSecretSession(seal, sides.client, sides.secrets);
      using server = openServerSession(seal, sides.server);
      const features = new Float64Array(3 * inputs).fill(0.5);
      const scores = through(sides, { secret, server }, { features });
      const clear = clearScores(model.body, features, 3);
      for (const [index, score] of clear.entries())
        expect(Math.abs((scores[index] ?? Number.NaN) - score)).toBeLessThanOrEqual(client?.errorBound ?? 0);
      if (unit > 0) expect((client?.errorBound ?? 0) / unit).toBeLessThan(4 * (usual.client.plans[0]?.errorBound ?? 0));
    },
  );
});

describe('SEAL objects', () => {
  it('are counted from their making to their end', () => {
    using handles = countHandles(seal);
    const ciphertext = new seal.Ciphertext();
    const id = ciphertext.parmsId();
    expect(handles.count).toBe(2);
    ciphertext.delete();
    id[Symbol.dispose]();
    expect(handles.count).toBe(0);
  });

  it.each(['latency', 'throughput'] as const)('do not become more with the number of evaluations, %s', (mode) => {
    const sides = sidesOf(seal, planned(linearModel(64, 10), mode));
    using handles = countHandles(seal);
    {
      using secret = openSecretSession(seal, sides.client, sides.secrets);
      using server = openServerSession(seal, sides.server);
      const features = new Float64Array(64).fill(0.5);
      through(sides, { secret, server }, { features });
      const warm = handles.count;
      for (let times = 0; times < 10; times += 1) through(sides, { secret, server }, { features });
      expect(handles.count).toBe(warm);
    }
    expect(handles.count).toBe(0);
  });
});
