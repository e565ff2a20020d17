import type { Activation, AffineChain } from '../src/core/model/ir.ts';
import { clearScores } from '../src/core/model/score.ts';
import { fromDense } from '../src/core/model/sparse.ts';
import { planNetwork } from '../src/core/plan/network-planner.ts';
import { syntheticRows, weylWords } from '../src/core/plan/ranges.ts';
import { tensorWriter } from '../src/core/plan/tensors.ts';
import { typicalScore } from '../src/core/table/accuracy.ts';
import { plannedRanges } from '../src/core/table/range.ts';
import { inOneGo } from './in-one-go.ts';

/** Draws numbers uniform in [-size, size): other ones at every call, the same for a seed. */
export type Draw = (count: number, size?: number) => Float64Array;

/** What draws, started from a seed. */
export function drawFrom(seed: number): Draw {
  const random = weylWords(seed);
  return (count, size = 1) => Float64Array.from({ length: count }, () => (random() / 2 ** 31 - 1) * size);
}

export const square: Activation = { kind: 'polynomial', coefficients: [0, 0, 1] };

/** A dense network with the same activation everywhere. */
export function drawNetwork(
  draw: Draw,
  shape: {
    /** Of the inputs, of each layer, of the outputs. */
    readonly widths: readonly number[];
    readonly activation: Activation;
    /** Units side by side that the next layer reads alike. */
    readonly window?: number;
  },
): AffineChain {
  const { widths, activation, window = 1 } = shape;
  const layers: AffineChain['layers'][number][] = [];
  for (const [index, height] of widths.slice(1).entries()) {
    const width = widths[index] ?? 0;
    const weights = draw(height * width, 1 / Math.sqrt(width));
    const alike = index === 0 ? 1 : window;
    const matrix = fromDense(
      weights.map((_, place) => weights[place - (place % alike)] ?? 0),
      height,
      width,
    );
    layers.push({ kind: 'affine', name: `affine ${String(index)}`, matrix, bias: draw(height, 0.3) });
    if (index < widths.length - 2) layers.push({ kind: 'activation', name: `activation ${String(index)}`, activation });
  }
  return { kind: 'affine-chain', inputs: widths[0] ?? 0, outputs: widths.at(-1) ?? 0, layers };
}

/** A network planned with one slot a record. @param calibration rows x inputs */
export function planRecords(body: AffineChain, calibration: Float64Array) {
  const rows = calibration.length / body.inputs;
  const ranges = plannedRanges(calibration, rows, body.inputs);
  const scores = clearScores(body, calibration, rows);
  const tensors = tensorWriter();
  const canaries = syntheticRows(64, ranges, 1);
  const [plan] = inOneGo(
    planNetwork({
      body,
      task: { kind: 'regression', link: { kind: 'identity' } },
      features: [],
      ranges,
      calibration,
      rows,
      scores,
      scoreScale: typicalScore(scores, rows),
      modes: ['throughput'],
      reveal: 'nothing',
      maxError: 1e-3,
      minAgreement: 0,
      canaries,
      tensors,
    }),
  ).plans;
  if (plan?.client.circuit !== 'network-records' || plan.server.circuit !== 'network-records')
    throw new Error('no plan');
  const canaryScores = plan.twin(canaries, canaries.length / body.inputs);
  return { client: plan.client, server: plan.server, canaryScores, canaries, ranges, tensors: tensors.all() };
}
