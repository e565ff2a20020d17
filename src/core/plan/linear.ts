import type { AffineChain } from '../model/ir.ts';
import { toDense } from '../model/sparse.ts';
import { dataModulusBits, makeParameterSet, type ParameterSet } from './parameters.ts';

/** y = W u + b over features scaled to [-1, 1]: W is outputs x inputs, row by row. */
export interface ScaledLinear {
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: Float64Array;
  readonly bias: Float64Array;
}

/** The one affine map of a linear model, dense. */
export function denseAffine(body: AffineChain): { readonly weights: Float64Array; readonly bias: Float64Array } {
  const [layer] = body.layers;
  if (layer?.kind !== 'affine') throw new TypeError('a linear model is one affine layer');
  return { weights: toDense(layer.matrix), bias: layer.bias };
}

/**
 * Folds the scaling u = (x - center) / radius into an affine map of raw features: W' = W diag(radius), b' = b + W center.
 * @param dense W, outputs x inputs
 */
export function scaleLinear(
  map: { readonly weights: Float64Array; readonly bias: Float64Array },
  ranges: { readonly center: Float64Array; readonly radius: Float64Array },
): ScaledLinear {
  const inputs = ranges.center.length;
  const outputs = map.bias.length;
  const weights = new Float64Array(map.weights.length);
  const bias = Float64Array.from(map.bias);
  for (let k = 0; k < outputs; k += 1) {
    for (let j = 0; j < inputs; j += 1) {
      const weight = map.weights[k * inputs + j] ?? 0;
      weights[k * inputs + j] = weight * (ranges.radius[j] ?? 1);
      bias[k] = (bias[k] ?? 0) + weight * (ranges.center[j] ?? 0);
    }
  }
  return { inputs, outputs, weights, bias };
}

/** The map whose scores are those of `linear` over 2^unitBits. */
export function inUnits(linear: ScaledLinear, unitBits: number): ScaledLinear {
  const scale = (value: number): number => value * 2 ** -unitBits;
  return { ...linear, weights: linear.weights.map(scale), bias: linear.bias.map(scale) };
}

/** What precision has to fit: the largest score any allowed row can reach, and norms of weights and of typical rows. */
export interface LinearMagnitudes {
  /** max over outputs of sum |W'| + |b'|: no allowed row scores beyond it. */
  readonly scoreBound: number;
  /** max over outputs of the Euclidean norm of its weights. */
  readonly weightNorm: number;
  readonly largestWeight: number;
  /** Root mean square over calibration rows of the Euclidean norm of u. */
  readonly inputNorm: number;
}

/** @param scaledRows calibration rows, scaled, rows x inputs */
export function linearMagnitudes(linear: ScaledLinear, scaledRows: Float64Array): LinearMagnitudes {
  const { inputs, outputs } = linear;
  let scoreBound = 0;
  let weightNorm = 0;
  let largestWeight = 0;
  for (let k = 0; k < outputs; k += 1) {
    const row = linear.weights.subarray(k * inputs, (k + 1) * inputs);
    let sum = Math.abs(linear.bias[k] ?? 0);
    for (const weight of row) {
      sum += Math.abs(weight);
      largestWeight = Math.max(largestWeight, Math.abs(weight));
    }
    scoreBound = Math.max(scoreBound, sum);
    weightNorm = Math.max(weightNorm, Math.hypot(...chunkedNorms(row)));
  }
  const rows = Math.max(1, scaledRows.length / inputs);
  let squares = 0;
  for (const value of scaledRows) squares += value * value;
  return {
    // Of a model that is all zeros any bound holds.
    scoreBound: scoreBound || 1,
    weightNorm,
    largestWeight,
    inputNorm: Math.sqrt(squares / rows),
  };
}

/** Norms of slices: Math.hypot takes its numbers as arguments, of which there is a limit. */
function chunkedNorms(row: Float64Array): number[] {
  const norms: number[] = [];
  for (let start = 0; start < row.length; start += 1024) norms.push(Math.hypot(...row.subarray(start, start + 1024)));
  return norms;
}

/** Standard deviation of a fresh error coefficient in SEAL (seal/util/globals.h), and of a public-key encryption of zero per sqrt(N). */
export const errorDeviation = 3.2;
/** A bound holds for all coefficients together when it is this many deviations wide (2^-60 a coefficient). */
const safeDeviations = 9;

/** Deviation of a coefficient of a public-key encryption of zero: e0 + e1 s + e u with ternary s, u. */
export function zeroEncryptionDeviation(degree: number): number {
  return errorDeviation * Math.sqrt(1 + (4 / 3) * degree);
}

/** The moduli tried for linear models, smallest first. No key switching takes place, so the special prime may be tiny. */
export const linearChains: readonly Pick<ParameterSet, 'polyModulusDegree' | 'coeffModulusBits'>[] = [
  { polyModulusDegree: 2048, coeffModulusBits: [53] },
  { polyModulusDegree: 4096, coeffModulusBits: [60, 30, 16] },
  { polyModulusDegree: 8192, coeffModulusBits: [60, 60, 60, 20] },
];

export interface CoefficientsPrecision {
  readonly parameters: ParameterSet;
  readonly inputBits: number;
  readonly weightBits: number;
  /** Predicted standard deviation of a score's error. */
  readonly deviation: number;
  /** Largest absolute score error. */
  readonly errorBound: number;
}

/**
 * The finest integer grid that fits a chain. The score's integer, at most scoreBound 2^(inputBits + weightBits), must stay below t / 2, and
 * the noise t (e * w + zero encryption) below q / 2: finer weights leave less room for t.
 * @returns undefined when not even one bit each fits
 */
export function coefficientsPrecision(
  chain: (typeof linearChains)[number],
  linear: LinearMagnitudes & { readonly inputs: number; readonly outputsPerCiphertext: number },
): CoefficientsPrecision | undefined {
  let best: CoefficientsPrecision | undefined;
  for (let weightBits = 1; weightBits <= 30; weightBits += 1) {
    const candidate = withWeightBits(chain, linear, weightBits);
    if (candidate !== undefined && (best === undefined || candidate.deviation < best.deviation)) best = candidate;
  }
  return best;
}

function withWeightBits(
  chain: (typeof linearChains)[number],
  linear: LinearMagnitudes & { readonly inputs: number; readonly outputsPerCiphertext: number },
  weightBits: number,
): CoefficientsPrecision | undefined {
  const degree = chain.polyModulusDegree;
  const productNorm =
    linear.weightNorm * 2 ** weightBits * Math.sqrt(linear.outputsPerCiphertext) + Math.sqrt(linear.inputs);
  const noise = safeDeviations * Math.hypot(errorDeviation * productNorm, zeroEncryptionDeviation(degree));
  const dataBits = dataModulusBits({ ...chain, id: '', scheme: 'bgv' });
  // One bit for the sign and one for message and mask beside the noise.
  const plainModulusBits = Math.min(Math.floor(dataBits - 2 - Math.log2(noise + 1)), 50);
  const inputBits = Math.floor(plainModulusBits - 1.1 - Math.log2(linear.scoreBound) - weightBits);
  if (inputBits < 1 || inputBits > 30 || plainModulusBits < Math.log2(2 * degree) + 2) return undefined;
  const deviation =
    Math.hypot(linear.weightNorm * 2 ** -inputBits, linear.inputNorm * 2 ** -weightBits) / Math.sqrt(12);
  // Each factor is off by at most half a step: |W| du + |u| dW with |u| <= 1, plus the bias.
  const errorBound =
    (linear.scoreBound * 2 ** -inputBits + linear.inputs * 2 ** -weightBits) / 2 + 2 ** -(inputBits + weightBits);
  const parameters = makeParameterSet({ scheme: 'bgv', ...chain, plainModulusBits });
  return { parameters, inputBits, weightBits, deviation, errorBound };
}

export interface RecordsPrecision {
  readonly parameters: ParameterSet;
  readonly logScale: number;
  readonly logWeightScale: number;
  readonly deviation: number;
  readonly errorBound: number;
}

/**
 * Scales for the records packing: a score's coefficients, at most scoreBound 2^(logScale + logWeightScale), must stay below q / 2.
 * Fresh noise reaches a slot with deviation 3.2 sqrt(N / 2) (real part of the canonical embedding).
 */
export function recordsPrecision(
  chain: (typeof linearChains)[number],
  linear: LinearMagnitudes & { readonly inputs: number },
): RecordsPrecision | undefined {
  const degree = chain.polyModulusDegree;
  const dataBits = dataModulusBits({ ...chain, id: '', scheme: 'ckks' });
  // However small the scores, SEAL takes no scale beyond the modulus.
  const room = Math.floor(Math.min(dataBits - 2 - Math.max(0, Math.log2(linear.scoreBound)), 100));
  const slotNoise = errorDeviation * Math.sqrt(degree / 2) + 1;
  let best: RecordsPrecision | undefined;
  for (let logWeightScale = 4; logWeightScale <= Math.min(24, room - 10); logWeightScale += 1) {
    const logScale = Math.min(room - logWeightScale, 50);
    const zero = zeroEncryptionDeviation(degree) * Math.sqrt(degree / 2) * 2 ** -(logScale + logWeightScale);
    const inputError = slotNoise * 2 ** -logScale;
    const deviation = Math.hypot(
      linear.weightNorm * inputError,
      (linear.inputNorm * 2 ** -logWeightScale) / Math.sqrt(12),
      zero,
    );
    if (best !== undefined && deviation >= best.deviation) continue;
    const errorBound =
      safeDeviations * Math.hypot(linear.weightNorm * inputError, zero) +
      (linear.inputs * 2 ** -logWeightScale) / 2 +
      2 ** -30 * linear.scoreBound;
    best = {
      parameters: makeParameterSet({ scheme: 'ckks', ...chain }),
      logScale,
      logWeightScale,
      deviation,
      errorBound,
    };
  }
  return best;
}
