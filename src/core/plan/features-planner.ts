import type { PlanMode } from '../artifact/outcomes.ts';
import { AppError } from '../error.ts';
import type { AffineChain } from '../model/ir.ts';
import type { BodyRequest, CandidateReport, PlannedMode } from './body-planner.ts';
import type { ModePlan } from './each-mode.ts';
import { galoisSteps, layOut, scheduleOf, type FeaturesLayer, type FeaturesLayout } from './features-layers.ts';
import {
  errorGains,
  featuresLevels,
  scaleTrack,
  type FeaturesLevels,
  type LayerNoise,
  type NoiseRequest,
} from './features-levels.ts';
import { scaleUnits } from './features-network.ts';
import type { FeaturesLayerRef } from './features-plan.ts';
import { secondsPerByte } from './line.ts';
import { evaluatorMemory } from './memory.ts';
import { keySwitchMs, operationMs, ringSize, savedPolynomialBytes } from './operation-costs.ts';
import { someRows, writeLayer, type PreparedNetwork } from './prepared-network.ts';
import { polynomialScores } from './network.ts';
import { type PolyModulusDegree } from './parameters.ts';
import { joined, scaleFeatures } from './ranges.ts';
import type { RoundedNetwork } from './rounding.ts';

/** A bound on every score error together: a normal deviate beyond it has probability 1e-23. */
const boundDeviations = 10;
/** Largest deviation seen among thousands of scores, in standard deviations. */
const seenDeviations = 6;

/** Of the largest deviation allowed, which is a quarter of the largest error, that of the noise which covers the computation's own. */
const floodShare = 1 / 2;

/** A way to evaluate one record, before its tensors are laid out. */
interface FeaturesCandidate {
  readonly layout: FeaturesLayout;
  readonly levels: FeaturesLevels;
  readonly rotations: readonly number[];
  readonly galoisSteps: readonly number[];
  readonly estimate: { readonly blockSeconds: number; readonly queryBytes: number; readonly resultBytes: number };
  readonly memoryBytes: number;
}

/**
 * One record of a network in one ciphertext: matrices by generalized diagonals in CKKS.
 * @throws {AppError} plan.impossible naming the layer and the budget
 */
export function planFeatures(request: BodyRequest<AffineChain>, prepared: PreparedNetwork, mode: PlanMode): ModePlan {
  const { fitted, calibration, canaries, tolerance } = prepared;
  const rows = joined(calibration, canaries);
  const network = scaleUnits(fitted.network, rows);
  const considered = [...candidates(network, prepared)];
  const candidate = cheapest(considered, network);
  const { layout, levels, rotations, estimate } = candidate;
  const flood = tolerance * floodShare;
  const base = {
    circuit: 'network-features' as const,
    mode,
    parameters: levels.parameters,
    inputs: network.inputs,
    outputs: network.outputs,
    blockRecords: 1,
    blocksPerQuery: 1,
    logScale: levels.logScale,
    input: layout.input,
    rotations: [...rotations],
  };
  const plan: PlannedMode = {
    client: {
      ...base,
      evaluationKeys: { relinearization: true, galoisSteps: [...candidate.galoisSteps] },
      canariesPerBlock: 0,
      errorBound: boundDeviations * Math.hypot(levels.deviation * network.step, flood),
      estimate,
      resultScale: levels.resultScale / network.step,
      approximate: fitted.approximate,
    },
    server: {
      ...base,
      layers: network.layers.map((layer, index) =>
        writeFeaturesLayer(request, { layer, laid: layout.layers[index], levels, index }),
      ),
      floodDeviation: (flood / network.step) * levels.resultScale,
    },
    memoryBytes: candidate.memoryBytes,
    twin: (features, count) => polynomialScores(fitted.network, scaleFeatures(features, request.ranges), count),
  };
  return { plan, candidates: considered.map((other) => reportOf(other, { mode, network })) };
}

function reportOf(
  { levels, estimate, memoryBytes, rotations }: FeaturesCandidate,
  context: { readonly mode: PlanMode; readonly network: RoundedNetwork },
): CandidateReport {
  const copies = rotations.length > 1 ? ` (record sent ${String(rotations.length)} times)` : '';
  return {
    mode: context.mode,
    circuit: 'network-features',
    parameters: `${levels.parameters.id}${copies}`,
    predicted: {
      ...estimate,
      recordSeconds: estimate.blockSeconds,
      scoreDeviation: levels.deviation * context.network.step,
      memoryBytes,
    },
  };
}

function* candidates(network: RoundedNetwork, prepared: PreparedNetwork): Generator<FeaturesCandidate> {
  const matrices = network.layers.map((layer) => layer.matrix);
  const rows = someRows(prepared);
  const gains = errorGains(network, rows);
  for (const degree of [8192, 16384] as const) {
    const layout = layOut(matrices, degree / 2);
    if (layout === undefined) continue;
    const layers = layout.layers.map((layer, index) => noiseOf(layout, layer, index));
    for (const early of earlyChoices(matrices.length - 1)) {
      const levels = roomiest(degree, early, {
        gains,
        layers,
        most: (4 * prepared.tolerance) / seenDeviations / network.step,
      });
      if (levels !== undefined) yield* withRotations(layout, levels);
    }
  }
}

/** Which activations' sums are rescaled: none, only the first ones, or all. */
function earlyChoices(activations: number): boolean[][] {
  return Array.from({ length: activations + 1 }, (_, first) =>
    Array.from({ length: activations }, (_unused, index) => index < first),
  );
}

/** With the most room for larger values whose noise is still small enough. */
function roomiest(
  degree: PolyModulusDegree,
  early: readonly boolean[],
  request: Omit<NoiseRequest, 'headroom'> & { readonly most: number },
): FeaturesLevels | undefined {
  for (const headroom of [2, 1, 0.5]) {
    const levels = featuresLevels(degree, early, { ...request, headroom });
    if (levels !== undefined && levels.deviation <= request.most) return levels;
  }
  return undefined;
}

function noiseOf({ slots, input, layers }: FeaturesLayout, layer: FeaturesLayer, index: number): LayerNoise {
  const { babies } = scheduleOf(layer, [0]);
  // Every product of a fold counts, whether its weight is zero or not; inputs stand in it as often as they repeat within a period.
  const products = layer.steps.length * (layer.period / layer.rowAt.length);
  const before = index === 0 ? input.period : (layers[index - 1]?.rowAt.length ?? 1);
  const meanSquare = 1 / Math.min(before, layer.period);
  return {
    encoding: products * meanSquare * (layer.period / slots),
    chain: 1 + layer.presum.length + Math.ceil(babies.length / 2),
  };
}

/** The record sent once, or rotated by baby steps so that the server is spared them: bytes against time. */
function* withRotations(layout: FeaturesLayout, levels: FeaturesLevels): Generator<FeaturesCandidate> {
  const [first] = layout.layers;
  if (first === undefined) return;
  const babies = [...new Set(scheduleOf(first, [0]).babies.map(({ step }) => step))];
  for (const count of new Set([0, Math.ceil(babies.length / 2), babies.length])) {
    const rotations = [0, ...babies.slice(0, count)];
    const keys = galoisSteps(layout, rotations);
    const estimate = estimateFeatures(layout, levels, rotations);
    const memoryBytes = evaluatorMemory(levels.parameters, {
      // Baby steps and giant sums wait side by side.
      ciphertexts: 2 * babies.length + 4,
      plaintexts: layout.layers.reduce((sum, layer) => sum + layer.steps.length, 0),
      // Threads hold keys of their own.
      switchingKeys: 2 * (keys.length + 1),
      ...estimate,
    });
    yield { layout, levels, rotations, galoisSteps: keys, estimate, memoryBytes };
  }
}

/** Of a result beside its operations, in milliseconds at N = 8192: drowned, masked, saved; for each prime, and once. */
const resultMs = { prime: 2, once: 5 };

/** On two threads, which share the first layer's giant steps. */
function estimateFeatures(
  layout: FeaturesLayout,
  levels: FeaturesLevels,
  rotations: readonly number[],
): FeaturesCandidate['estimate'] {
  const { parameters } = levels;
  const primes = parameters.coeffModulusBits.length - 1;
  const track = scaleTrack(parameters, levels).layers;
  let ms =
    rotations.length * primes * (operationMs.encrypt + operationMs.load) + resultMs.prime * primes + resultMs.once;
  for (const [index, layer] of layout.layers.entries()) {
    const [level, after] = [primes - (track[index]?.level ?? 0), primes - (track[index]?.sums.level ?? 0)];
    const { babies, giants } = scheduleOf(layer, index === 0 ? rotations : [0]);
    const shared = index === 0 ? 2 : 1;
    const switches = babies.length + giants.length / shared + layer.presum.length;
    const folds = Math.log2(layer.period / layer.rowAt.length);
    ms += (layer.steps.length * level * operationMs.product) / shared + switches * keySwitchMs(level);
    ms += (folds + 1) * keySwitchMs(after);
  }
  const left = primes - (track.at(-1)?.sums.level ?? 0);
  return {
    blockSeconds: (ms * ringSize(parameters)) / 1000,
    queryBytes: Math.ceil(rotations.length * savedPolynomialBytes(parameters)),
    resultBytes: Math.ceil(2 * savedPolynomialBytes(parameters, left)),
  };
}

function cheapest(found: Iterable<FeaturesCandidate>, network: RoundedNetwork): FeaturesCandidate {
  const cost = ({ estimate }: FeaturesCandidate): number =>
    estimate.blockSeconds + estimate.queryBytes * secondsPerByte.sent + estimate.resultBytes * secondsPerByte.received;
  const [best] = [...found].sort((a, b) => cost(a) - cost(b));
  if (best !== undefined) return best;
  const widest = [...network.layers].sort((a, b) => b.matrix.rows - a.matrix.rows)[0];
  const activations = network.layers.length - 1;
  throw new AppError(
    'plan.impossible',
    `One record of this network fits no parameters up to N = 16384: it has ${String(activations)} activations for 430 bits of modulus, and its widest layer, ${widest?.name ?? ''}, ${String(widest?.matrix.rows ?? 0)} units for 8192 slots.`,
    { hint: 'Use fewer activation layers, narrower layers, or a larger --max-error.' },
  );
}

function writeFeaturesLayer(
  { tensors }: BodyRequest<AffineChain>,
  at: {
    readonly layer: RoundedNetwork['layers'][number];
    readonly laid: FeaturesLayer | undefined;
    readonly levels: FeaturesLevels;
    readonly index: number;
  },
): FeaturesLayerRef {
  const { layer, laid, levels, index } = at;
  if (laid === undefined) throw new RangeError('a layer without a layout');
  return {
    ...writeLayer({ ...layer, matrix: laid.matrix }, tensors),
    rowAt: tensors.add(Float64Array.from(laid.rowAt)),
    steps: tensors.add(Float64Array.from(laid.steps)),
    width: laid.width,
    period: laid.period,
    presum: [...laid.presum],
    logWeightScale: levels.layers[index]?.logWeightScale ?? 0,
    early: levels.layers[index]?.early ?? false,
  };
}
