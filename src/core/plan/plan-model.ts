import type { ClientDocument, ServerDocument } from '../artifact/deployment.ts';
import type { PlanMode } from '../artifact/outcomes.ts';
import { AppError } from '../error.ts';
import { clearScores } from '../model/score.ts';
import type { AffineChain, Model } from '../model/ir.ts';
import { typicalScore } from '../table/accuracy.ts';
import { planFeatureRanges, type PlannedRanges } from '../table/range.ts';
import { below, type RandomWords } from './canaries.ts';
import { linearMagnitudes, scaleLinear } from './linear.ts';
import { chooseLinear, linearCandidates, type LinearCandidate } from './linear-planner.ts';
import { tensorWriter } from './tensors.ts';

export interface PlanRequest {
  /** Columns named. */
  readonly model: Model;
  /** Preprocessed calibration rows, rows x features. */
  readonly calibration: Float64Array;
  readonly rows: number;
  readonly modes: readonly PlanMode[];
  readonly maxError: number;
}

/** Everything that goes into client.zip and server.zip; the same request gives the same content on every machine. */
export interface PlannedDeployment {
  readonly client: ClientDocument;
  readonly server: ServerDocument;
  readonly tensors: Float64Array;
  /** canaryPool x inputs, scaled features. */
  readonly canaries: Float64Array;
  readonly canaryScores: Readonly<Record<string, Float64Array>>;
  readonly ranges: PlannedRanges;
  /** What was weighed, for `--explain` and the report. */
  readonly candidates: readonly LinearCandidate[];
}

const canaryPool = 64;

/** @throws {AppError} plan.impossible, plan.calibration, model.unsupported */
export function planModel(request: PlanRequest): PlannedDeployment {
  const { model, calibration, rows } = request;
  const ranges = planFeatureRanges(calibration, rows, model.preprocessing);
  const scoreScale = typicalScore(clearScores(model.body, calibration, rows), rows) || 1;
  const linear = scaleLinear(denseLinear(model), ranges);
  const magnitudes = linearMagnitudes(linear, scaleFeatures(calibration, ranges));
  const considered = request.modes.map((mode) => ({
    mode,
    candidates: linearCandidates({ linear, magnitudes, scoreScale, maxError: request.maxError }, mode),
  }));
  const chosen = considered.map(({ mode, candidates }) => chooseLinear(candidates, mode));
  const tensors = tensorWriter();
  const canaries = syntheticRows(canaryPool, linear.inputs);
  const scores = clearScores(model.body, unscaleFeatures(canaries, ranges), canaryPool);
  return {
    client: clientDocument(model, { ranges, scoreScale, plans: chosen.map((plan) => plan.client) }),
    server: {
      format: 'sealpoint.server',
      version: 1,
      backend: 'seal',
      plans: chosen.map((plan) => ({ ...plan.server, weights: tensors.add(plan.weights), bias: tensors.add(plan.bias) })),
    },
    tensors: tensors.all(),
    canaries,
    canaryScores: Object.fromEntries(chosen.map((plan) => [plan.client.mode, scores])),
    ranges,
    candidates: considered.flatMap(({ candidates }) => candidates),
  };
}

function clientDocument(
  model: Model,
  planned: Pick<ClientDocument, 'scoreScale' | 'plans'> & { readonly ranges: PlannedRanges },
): ClientDocument {
  const { columns, features, refuseUnknown, normalize } = model.preprocessing;
  return {
    format: 'sealpoint.client',
    version: 1,
    backend: 'seal',
    source: model.source,
    preprocessing: {
      columns: columns.map(({ name, type }) => ({ name: name ?? '', type })),
      features: features.map((feature) => copyFeature(feature)),
      refuseUnknown: [...refuseUnknown],
      normalize,
    },
    ranges: { center: Array.from(planned.ranges.center), radius: Array.from(planned.ranges.radius) },
    task: model.task.kind === 'classification' ? { ...model.task, classes: [...model.task.classes] } : model.task,
    canaryPool,
    scoreScale: planned.scoreScale,
    plans: planned.plans,
  };
}

function copyFeature(feature: Model['preprocessing']['features'][number]): ClientDocument['preprocessing']['features'][number] {
  if (feature.kind !== 'ordinal') return { ...feature };
  return { ...feature, categories: [...feature.categories], values: [...feature.values] };
}

/** The one affine map of a linear model, dense. */
function denseLinear(model: Model): { readonly weights: Float64Array; readonly bias: Float64Array } {
  const layer = singleAffine(model);
  const { rows, columns, rowStart, columnIndex, values } = layer.matrix;
  const weights = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    for (let entry = rowStart[row] ?? 0; entry < (rowStart[row + 1] ?? 0); entry += 1) {
      weights[row * columns + (columnIndex[entry] ?? 0)] = values[entry] ?? 0;
    }
  }
  return { weights, bias: layer.bias };
}

function singleAffine(model: Model): Extract<AffineChain['layers'][number], { kind: 'affine' }> {
  const { body } = model;
  const [layer, ...others] = body.kind === 'affine-chain' ? body.layers : [];
  if (layer?.kind === 'affine' && others.length === 0) return layer;
  const what = body.kind === 'tree-ensemble' ? 'Tree ensembles' : 'Networks';
  throw new AppError('model.unsupported', `${what} cannot be planned yet; linear models can.`);
}

/** u = (x - center) / radius. */
export function scaleFeatures(features: Float64Array, ranges: PlannedRanges): Float64Array {
  const width = ranges.center.length;
  return features.map((value, index) => (value - (ranges.center[index % width] ?? 0)) / (ranges.radius[index % width] ?? 1));
}

/** x = center + radius u. */
export function unscaleFeatures(scaled: Float64Array, ranges: PlannedRanges): Float64Array {
  const width = ranges.center.length;
  return scaled.map((value, index) => (ranges.center[index % width] ?? 0) + (ranges.radius[index % width] ?? 1) * value);
}

/**
 * Rows uniform within the calibrated ranges (a quarter of the planned ones), in steps of 2^-10; the same at every call. They make up the
 * canary pool and widen the proof; whatever secrecy canaries have lies in their slots.
 */
export function syntheticRows(rows: number, width: number, seed = 1): Float64Array {
  const random = weylWords(seed);
  return Float64Array.from({ length: rows * width }, () => (below(513, random) - 256) / 1024);
}

/** A small deterministic generator (Weyl sequence with the mixer of SplitMix32); not for secrets. */
function weylWords(seed: number): RandomWords {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}

