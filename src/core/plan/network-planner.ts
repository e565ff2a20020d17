import type { PlanMode } from '../artifact/outcomes.ts';
import { AppError } from '../error.ts';
import type { AffineChain } from '../model/ir.ts';
import type { Steps } from '../progress.ts';
import { measureAgreement } from '../table/accuracy.ts';
import { planEachMode, type ModePlan } from './each-mode.ts';
import { planFeatures } from './features-planner.ts';
import { fitActivations, type FittedNetwork } from './activations.ts';
import type { BodyRequest, PlannedBody, PlannedMode } from './body-planner.ts';
import { flatLevels, networkMagnitudes, noiseDeviation, rescaledLevels, type Levels } from './levels.ts';
import { estimateRecords, recordsMemory } from './network-cost.ts';
import { polynomialScores, scaleFirstLayer } from './network.ts';
import { publicKeyAlone } from './plan.ts';
import { poolUnits } from './pooled-layers.ts';
import { pooledUnits } from './pooling.ts';
import { someRows, writeLayer, type PreparedNetwork } from './prepared-network.ts';
import { joined, scaleFeatures } from './ranges.ts';
import { roundNetwork, roundedScores, type RoundedLayer, type RoundedNetwork } from './rounding.ts';

/** A bound on every score error together: a normal deviate beyond it has probability 1e-23. */
const boundDeviations = 10;
/** Largest deviation seen among thousands of scores, in standard deviations. */
const seenDeviations = 6;
const canariesPerBlock = 6;
/** Share of the tolerance that weights rounded to few bits, noise and flooding may each use up. */
const share = 0.25;

/** @throws {AppError} plan.impossible, plan.not-proven */
export function* planNetwork(request: BodyRequest<AffineChain>): Steps<PlannedBody> {
  const prepared = yield* prepare(request);
  const planned = yield* planEachMode(request.modes, function* (mode) {
    yield;
    const { plan, candidates } = planOf(request, prepared, mode);
    const { approximate, heldOut } = prepared.fitted;
    return { plan: approximate ? { ...plan, heldOut } : plan, candidates };
  });
  return { ...planned, activations: prepared.fitted.fits };
}

function planOf(request: BodyRequest<AffineChain>, prepared: PreparedNetwork, mode: PlanMode): ModePlan {
  if (mode === 'latency') return planFeatures(request, prepared, mode);
  const plan = planRecords(request, prepared, mode);
  return { plan, candidates: [candidateOf(plan)] };
}

function* prepare(request: BodyRequest<AffineChain>): Steps<PreparedNetwork> {
  const calibration = scaleFeatures(request.calibration, request.ranges);
  const canaries = scaleFeatures(request.canaries, request.ranges);
  const chain = scaleFirstLayer(request.body, request.ranges);
  const { task, rows, scores, maxError, scoreScale, minAgreement } = request;
  const wanted = { maxError, minAgreement, typicalScore: scoreScale };
  const fitted = yield* fitActivations({ chain, task, calibration, rows, scores, ...wanted });
  if (!(fitted.heldOut.agreement >= minAgreement)) throw disagreement(fitted, request);
  const rounded = chooseRounding(request, fitted, { calibration, canaries });
  return {
    fitted,
    rounded,
    calibration,
    canaries,
    tolerance: (fitted.approximate ? Math.max(maxError, 0.01) : maxError) * scoreScale * share,
  };
}

function disagreement({ fits, heldOut }: FittedNetwork, { task, minAgreement }: BodyRequest<AffineChain>): AppError {
  const { agreement, agreementLowerBound } = heldOut;
  const before = (index: number): number => fits[index - 1]?.agreement.agreement ?? 1;
  const [costliest] = fits
    .map(({ layer, agreement: { agreement: after } }, index) => ({ layer, lost: before(index) - after }))
    .sort((a, b) => b.lost - a.lost);
  const kept =
    task.kind === 'classification'
      ? `the network agrees with the model on ${percent(agreement)} of the calibration rows that they were not fitted to (at least ${percent(agreementLowerBound)} at 95 % confidence)`
      : `the network keeps ${percent(agreement)} of the variation of the model's predictions (R²) on calibration rows that they were not fitted to`;
  return new AppError(
    'plan.not-proven',
    `With polynomials for its activations, of which ${costliest?.layer ?? ''} costs the most, ${kept}, not ${percent(minAgreement)}.`,
    {
      hint: `Allow --min-agreement ${String(Math.max(0, Math.floor(agreement * 100) / 100))}, give more calibration rows, or train with polynomial activations (x * x).`,
    },
  );
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}

/** The fewest bits that keep scores (exact activations) or labels (approximated ones): of all layers alike, then of each further down. */
function chooseRounding(
  request: BodyRequest<AffineChain>,
  fitted: FittedNetwork,
  { calibration, canaries }: Pick<PreparedNetwork, 'calibration' | 'canaries'>,
): RoundedNetwork {
  const { task, maxError, scoreScale } = request;
  const { network } = fitted;
  // Exact ones promise their scores of rows unlike any calibration row, too.
  const tried = fitted.approximate ? calibration : joined(calibration, canaries);
  const rows = tried.length / network.inputs;
  const clear = polynomialScores(network, tried, rows);
  const allowed = fitted.approximate ? 0.02 : maxError * 1.6 * share;
  const pooled = pooledUnits(network);
  const attempt = (hidden: readonly number[], last: number): RoundedNetwork | undefined => {
    const rounded = roundNetwork(network, calibration, { hidden, last, pooled });
    const other = roundedScores(rounded, tried);
    const agreement = measureAgreement(task, { clear, other, rows }, { maxError, typicalScore: scoreScale });
    return agreement.maxError <= allowed ? rounded : undefined;
  };
  const alike = (bits: number): number[] => network.layers.slice(1).map(() => bits);
  for (let bits = fewestBits; bits <= mostBits; bits += 1) {
    const rounded = attempt(alike(bits), bits + 5);
    if (rounded === undefined) continue;
    return network.layers.length > 2 ? fewerBits(alike(bits), { attempt, last: bits + 5, rounded }) : rounded;
  }
  return roundNetwork(network, calibration, { hidden: alike(mostBits), last: mostBits + 5, pooled });
}

const [fewestBits, mostBits] = [6, 16];

/** Layers with more terms first: each to the fewest bits that the others leave it. */
function fewerBits(
  hidden: readonly number[],
  start: {
    readonly attempt: (hidden: readonly number[], last: number) => RoundedNetwork | undefined;
    readonly last: number;
    readonly rounded: RoundedNetwork;
  },
): RoundedNetwork {
  const { attempt, last } = start;
  let [best, chosen] = [start.rounded, hidden];
  const terms = (layer: number): number => start.rounded.layers[layer]?.matrix.values.length ?? 0;
  const order = [...hidden.keys()].sort((a, b) => terms(b) - terms(a));
  for (const layer of order) {
    let [low, high] = [fewestBits - 1, hidden[layer] ?? mostBits];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      const tried = chosen.with(layer, middle);
      const rounded = attempt(tried, last);
      if (rounded === undefined) low = middle;
      else [best, chosen, high] = [rounded, tried, middle];
    }
  }
  return best;
}

function planRecords(request: BodyRequest<AffineChain>, prepared: PreparedNetwork, mode: PlanMode): PlannedMode {
  const { rounded, fitted, tolerance } = prepared;
  const evaluated = poolUnits(rounded.layers);
  const levels = chooseLevels(prepared, evaluated, request);
  const { parameters, logScale, rescale } = levels;
  const noise = noiseDeviation(rounded, levels, someRows(prepared));
  const flood = Math.max(0, tolerance / 4);
  const blockRecords = parameters.polyModulusDegree / 2;
  const estimate = estimateRecords(evaluated, parameters);
  const memoryBytes = recordsMemory(evaluated, levels, estimate);
  const base = {
    circuit: 'network-records' as const,
    mode,
    parameters,
    inputs: rounded.inputs,
    outputs: rounded.outputs,
    blockRecords,
    blocksPerQuery: 1,
    logScale,
  };
  const layers = evaluated.map((layer) => writeLayer(layer, request.tensors));
  return {
    client: {
      ...base,
      evaluationKeys: rescale ? { relinearization: true, galoisSteps: [] } : publicKeyAlone,
      canariesPerBlock,
      errorBound: boundDeviations * Math.hypot(noise, flood),
      estimate,
      resultScale: levels.resultScale / rounded.step,
      approximate: fitted.approximate,
    },
    server: {
      ...base,
      layers,
      rescale,
      floodDeviation: (flood / rounded.step) * levels.resultScale,
    },
    memoryBytes,
    twin: (features) => roundedScores(rounded, scaleFeatures(features, request.ranges)),
  };
}

/** The shortest chain whose noise stays within the tolerance, with the most headroom that it allows. */
function chooseLevels(
  prepared: PreparedNetwork,
  layers: readonly RoundedLayer[],
  request: BodyRequest<AffineChain>,
): Levels {
  const { rounded, tolerance } = prepared;
  const magnitudes = networkMagnitudes(layers, joined(prepared.calibration, prepared.canaries));
  const rows = someRows(prepared);
  for (const levels of candidateLevels(magnitudes)) {
    if (noiseDeviation(rounded, levels, rows) * seenDeviations <= 4 * tolerance) return levels;
  }
  const last = request.body.layers.findLast((layer) => layer.kind === 'activation');
  throw new AppError(
    'plan.impossible',
    `${String(magnitudes.products.length)} activations do not fit: up to ${last?.name ?? 'the last one'} the network needs more than the 430 bits of modulus that N = 16384 allows at 128-bit security.`,
    { hint: 'Use fewer activation layers, narrower layers, or standardized features.' },
  );
}

function* candidateLevels(magnitudes: ReturnType<typeof networkMagnitudes>): Generator<Levels> {
  for (const headroom of [4, 3, 2, 1.5]) {
    const levels = flatLevels(magnitudes, headroom);
    if (levels !== undefined) yield levels;
  }
  for (const degree of [8192, 16384] as const) {
    for (const headroom of [3, 2, 1.5, 1]) {
      for (const kept of [32, 30, 28, 26, 24, 22]) {
        const levels = rescaledLevels(magnitudes, { degree, kept, headroom });
        if (levels !== undefined) yield levels;
      }
    }
  }
}

function candidateOf({ client, memoryBytes }: PlannedMode): PlannedBody['candidates'][number] {
  const { mode, circuit, parameters, estimate, blockRecords, canariesPerBlock: canaries, errorBound } = client;
  const recordSeconds = estimate.blockSeconds / Math.max(1, blockRecords - canaries);
  return {
    mode,
    circuit,
    parameters: parameters.id,
    predicted: { ...estimate, recordSeconds, scoreDeviation: errorBound / boundDeviations, memoryBytes },
  };
}
