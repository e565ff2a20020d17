import { AppError } from '../error.ts';
import type { PlanMode } from '../artifact/outcomes.ts';
import type { AffineChain } from '../model/ir.ts';
import { clearScores } from '../model/score.ts';
import type { BodyRequest, CandidateReport, PlannedBody } from './body-planner.ts';
import {
  coefficientsPrecision,
  denseAffine,
  inUnits,
  linearChains,
  linearMagnitudes,
  recordsPrecision,
  scaleLinear,
  type CoefficientsPrecision,
  type LinearMagnitudes,
  type RecordsPrecision,
  type ScaledLinear,
} from './linear.ts';
import { evaluatorMemory } from './memory.ts';
import { dataModulusBits, type ParameterSet } from './parameters.ts';
import { publicKeyAlone, type ClientPlanOf, type ServerPlanOf } from './plan.ts';
import { secondsPerByte } from './line.ts';
import { scaleFeatures } from './ranges.ts';

type Circuit = 'affine-coefficients' | 'affine-records';

/** A plan before its tensors are laid out: what goes to each side. */
interface LinearCandidate {
  readonly client: ClientPlanOf<Circuit>;
  readonly server: DistributiveOmit<ServerPlanOf<Circuit>, 'weights' | 'bias'>;
  /** Integers, outputs x inputs. */
  readonly weights: Float64Array;
  readonly bias: Float64Array;
  /** Predicted standard deviation of a score's error. */
  readonly deviation: number;
  /** Seconds that a record costs on both sides and on the line, from the cost table. */
  readonly recordSeconds: number;
  readonly memoryBytes: number;
}

type CoefficientsCandidate = LinearCandidate & { readonly client: ClientPlanOf<'affine-coefficients'> };

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** In units of which a typical score is about one, so that a model of nanometres is planned like one of kilometres. */
interface LinearRequest {
  readonly linear: ScaledLinear;
  readonly magnitudes: LinearMagnitudes;
  /** What errors are measured against: root mean square over calibration rows of the row's largest |score|. */
  readonly scoreScale: number;
  readonly maxError: number;
  /** log2 of the unit. */
  readonly unitBits: number;
}

/** Largest deviation seen among thousands of scores, in standard deviations. */
const seenDeviations = 5;
/** Canaries in each block: with two, a result of other slots passes with a chance that the pool's spread makes negligible. */
const canariesPerBlock = 3;
const largestQueryBytes = 4 << 20;

/** The cheapest plan of each mode. @throws {AppError} plan.impossible */
export function planLinear(request: BodyRequest<AffineChain>): PlannedBody {
  const { maxError, tensors } = request;
  const unitBits = Math.round(Math.log2(request.scoreScale));
  const linear = inUnits(scaleLinear(denseAffine(request.body), request.ranges), unitBits);
  const magnitudes = linearMagnitudes(linear, scaleFeatures(request.calibration, request.ranges));
  const scoreScale = request.scoreScale * 2 ** -unitBits;
  const considered = request.modes.map((mode) => ({
    mode,
    candidates: linearCandidates({ linear, magnitudes, scoreScale, maxError, unitBits }, mode),
  }));
  const twin = (features: Float64Array, rows: number) => clearScores(request.body, features, rows);
  return {
    plans: considered.map(({ mode, candidates }) => {
      const { client, server, weights, bias, memoryBytes } = chooseLinear(candidates, mode);
      const tensorRefs = { weights: tensors.add(weights), bias: tensors.add(bias) };
      return { client, server: { ...server, ...tensorRefs }, memoryBytes, twin };
    }),
    candidates: considered.flatMap(({ candidates }) => candidates.map(candidateReport)),
  };
}

function candidateReport({ client, deviation, recordSeconds: seconds, memoryBytes }: LinearCandidate): CandidateReport {
  const { mode, circuit, parameters, estimate } = client;
  return {
    mode,
    circuit,
    parameters: parameters.id,
    predicted: { ...estimate, recordSeconds: seconds, scoreDeviation: deviation, memoryBytes },
  };
}

/** Every candidate that reaches the tolerance, each with the smallest modulus chain that does. */
function linearCandidates(request: LinearRequest, mode: PlanMode): LinearCandidate[] {
  const candidates = [...coefficientsCandidates(request, mode)];
  if (mode === 'throughput') candidates.push(...recordsCandidates(request, mode));
  return candidates;
}

/**
 * The cheapest candidate: for `latency` a record alone, for `throughput` a record among many.
 * @throws {AppError} plan.impossible where no chain reaches the tolerance
 */
function chooseLinear(candidates: readonly LinearCandidate[], mode: PlanMode): LinearCandidate {
  const cost = (candidate: LinearCandidate): number => {
    const { blockSeconds, queryBytes, resultBytes } = candidate.client.estimate;
    return mode === 'throughput'
      ? candidate.recordSeconds
      : blockSeconds + (queryBytes + resultBytes) * secondsPerByte.sent;
  };
  const best = [...candidates].sort((a, b) => cost(a) - cost(b))[0];
  if (best !== undefined) return best;
  throw new AppError('plan.impossible', 'No parameters up to N = 8192 reach the tolerance for this linear model.', {
    hint: 'Allow a larger --max-error, or standardize the features: weights times ranges are too far above the scores.',
  });
}

function* coefficientsCandidates(request: LinearRequest, mode: PlanMode): Generator<LinearCandidate> {
  const { inputs, outputs } = request.linear;
  const seen = new Set<string>();
  for (const outputsPerCiphertext of new Set([1, Math.ceil(outputs / 2), outputs])) {
    // Wide rows are cut into chunks, so that canaries fit beside a record.
    for (const positions of [1, canariesPerBlock + 1, 4 * canariesPerBlock]) {
      const candidate = smallestCoefficients(request, { mode, inputs, outputsPerCiphertext, positions });
      if (candidate === undefined) continue;
      const { parameters, stride, blockRecords } = candidate.client;
      const shape = [parameters.id, outputsPerCiphertext, stride, blockRecords].join('/');
      if (!seen.has(shape)) yield candidate;
      seen.add(shape);
    }
  }
}

/** In the smallest ring that reaches the tolerance with at least so many record positions and room for canaries. */
function smallestCoefficients(
  request: LinearRequest,
  shape: {
    readonly mode: PlanMode;
    readonly inputs: number;
    readonly outputsPerCiphertext: number;
    readonly positions: number;
  },
): CoefficientsCandidate | undefined {
  const { mode, inputs, outputsPerCiphertext, positions } = shape;
  for (const chain of linearChains) {
    const degree = chain.polyModulusDegree;
    const chunk = Math.min(inputs, Math.floor(degree / (outputsPerCiphertext * positions)));
    const stride = chunk * outputsPerCiphertext;
    const blockRecords = Math.floor(degree / stride);
    if (chunk < 1 || blockRecords <= canariesPerBlock) continue;
    const precision = coefficientsPrecision(chain, { ...request.magnitudes, inputs, outputsPerCiphertext });
    if (precision === undefined || precision.deviation * seenDeviations > request.maxError * request.scoreScale)
      continue;
    return coefficientsCandidate(request, precision, {
      mode,
      chunk,
      outputsPerCiphertext,
      stride,
      blockRecords,
    });
  }
  return undefined;
}

function coefficientsCandidate(
  { linear, unitBits }: LinearRequest,
  precision: CoefficientsPrecision,
  shape: {
    readonly mode: PlanMode;
    readonly chunk: number;
    readonly outputsPerCiphertext: number;
    readonly stride: number;
    readonly blockRecords: number;
  },
): CoefficientsCandidate {
  const { inputs, outputs } = linear;
  const { parameters, inputBits, weightBits } = precision;
  const parts = Math.ceil(inputs / shape.chunk);
  const results = Math.ceil(outputs / shape.outputsPerCiphertext);
  const scoreBits = inputBits + weightBits;
  const estimate = estimateBlock(parameters, { parts, results, products: parts * results });
  const base = {
    ...shape,
    circuit: 'affine-coefficients' as const,
    parameters,
    inputs,
    outputs,
    blocksPerQuery: blocksPerQuery(shape.mode, estimate.queryBytes),
  };
  return {
    client: {
      ...base,
      evaluationKeys: publicKeyAlone,
      canariesPerBlock,
      errorBound: precision.errorBound * 2 ** unitBits,
      estimate,
      inputBits,
      scoreBits: scoreBits - unitBits,
    },
    server: base,
    weights: linear.weights.map((weight) => Math.round(weight * 2 ** weightBits)),
    bias: linear.bias.map((value) => Math.round(value * 2 ** scoreBits)),
    deviation: precision.deviation * 2 ** unitBits,
    recordSeconds: recordSeconds(estimate, shape.blockRecords - canariesPerBlock),
    memoryBytes: evaluatorMemory(parameters, {
      ...estimate,
      // The inputs, a sum and a product.
      ciphertexts: parts + 2,
      plaintexts: parts * results,
      switchingKeys: 0,
    }),
  };
}

function* recordsCandidates(request: LinearRequest, mode: PlanMode): Generator<LinearCandidate> {
  for (const chain of linearChains) {
    const precision = recordsPrecision(chain, { ...request.magnitudes, inputs: request.linear.inputs });
    if (precision === undefined || precision.deviation * seenDeviations > request.maxError * request.scoreScale)
      continue;
    yield recordsCandidate(request, precision, mode);
    return;
  }
}

function recordsCandidate(
  { linear, unitBits }: LinearRequest,
  precision: RecordsPrecision,
  mode: PlanMode,
): LinearCandidate {
  const { inputs, outputs } = linear;
  const { parameters, logScale, logWeightScale } = precision;
  const blockRecords = parameters.polyModulusDegree / 2;
  const canaries = 2 * canariesPerBlock;
  const weights = linear.weights.map((weight) => Math.round(weight * 2 ** logWeightScale));
  const estimate = estimateBlock(parameters, { parts: inputs, results: outputs, products: inputs * outputs });
  const base = {
    circuit: 'affine-records' as const,
    mode,
    parameters,
    inputs,
    outputs,
    blockRecords,
    blocksPerQuery: blocksPerQuery(mode, estimate.queryBytes),
    logScale,
  };
  return {
    client: {
      ...base,
      evaluationKeys: publicKeyAlone,
      canariesPerBlock: canaries,
      errorBound: precision.errorBound * 2 ** unitBits,
      estimate,
      logScoreScale: logScale + logWeightScale - unitBits,
    },
    server: { ...base, logWeightScale },
    weights,
    bias: Float64Array.from(linear.bias),
    deviation: precision.deviation * 2 ** unitBits,
    recordSeconds: recordSeconds(estimate, blockRecords - canaries),
    memoryBytes: evaluatorMemory(parameters, {
      ...estimate,
      ciphertexts: inputs + 3,
      // One for each distinct weight, whatever its sign, and the biases.
      plaintexts: new Set(weights.map(Math.abs)).size + outputs,
      switchingKeys: 0,
    }),
  };
}

function blocksPerQuery(mode: PlanMode, queryBytes: number): number {
  return mode === 'latency' ? 1 : Math.max(1, Math.min(64, Math.floor(largestQueryBytes / queryBytes)));
}

/** Milliseconds at N = 2048 with one data prime (node-seal 7 on a 2.x GHz server core); all grow with N times primes. */
const costMs = { encrypt: 0.6, load: 0.2, product: 0.08, rerandomize: 0.7, save: 0.2, decrypt: 0.25 };

function estimateBlock(
  parameters: ParameterSet,
  count: { readonly parts: number; readonly results: number; readonly products: number },
): { readonly blockSeconds: number; readonly queryBytes: number; readonly resultBytes: number } {
  const primes = Math.max(1, parameters.coeffModulusBits.length - 1);
  const size = (parameters.polyModulusDegree / 2048) * primes;
  const ms =
    count.parts * (costMs.encrypt + costMs.load) +
    count.products * costMs.product +
    count.results * (costMs.rerandomize + costMs.save + costMs.decrypt);
  const bytes = (parameters.polyModulusDegree * dataModulusBits(parameters)) / 8;
  return {
    blockSeconds: (ms * size) / 1000,
    queryBytes: Math.ceil(count.parts * bytes * 1.15),
    resultBytes: Math.ceil(count.results * bytes * 2 * 1.15),
  };
}

function recordSeconds(estimate: ReturnType<typeof estimateBlock>, capacity: number): number {
  const line = estimate.queryBytes * secondsPerByte.sent + estimate.resultBytes * secondsPerByte.received;
  return (estimate.blockSeconds / 2 + line) / capacity;
}
