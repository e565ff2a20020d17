import type { PlanMode } from '../artifact/outcomes.ts';
import type { TreeEnsemble } from '../model/ir.ts';
import { treeScores } from '../model/trees/evaluate.ts';
import { measureAgreement, rSquared } from '../table/accuracy.ts';
import type { BodyRequest, PlannedBody, PlannedMode } from './body-planner.ts';
import { blendedRows } from './ranges.ts';
import { AppError } from '../error.ts';
import type { ParameterSet } from './parameters.ts';
import { openThermometer, type Thermometer, type ThermometerSpec } from './thermometer.ts';
import { listedEdges, moveThresholds, sortColumns, strictThresholds } from './thresholds.ts';
import { bitTrees, writeTrees, type BitTree } from './tree-bits.ts';
import { countWork, integerLeaves, recordsParameters, tooDeep } from './tree-records.ts';

const canariesPerBlock = 3;
/** Finer grids make queries that no line carries. */
const finestGrid = 8;
/** A query is held in memory several times over. */
const largestQueryBytes = 768 << 20;

/** An ensemble as a thermometer sees it: the clear twin of what the server computes. */
interface SeenEnsemble {
  readonly thermometer: Thermometer;
  readonly ensemble: TreeEnsemble;
}

/**
 * Trees with one slot a record. `auto` has only a plan for throughput; `latency` alone gets the same circuit.
 * @throws {AppError} plan.impossible: too deep, too large, or no grid that agrees
 */
export function planTrees(request: BodyRequest<TreeEnsemble>): PlannedBody {
  const seen = request.reveal === 'thresholds' ? seeExactly(request) : seeByGrid(request);
  const modes = request.modes.length > 1 ? request.modes.filter((mode) => mode === 'throughput') : request.modes;
  const planned = modes.map((mode) => planRecords(request, seen, mode));
  return {
    plans: planned,
    candidates: planned.map(({ client }) => ({
      mode: client.mode,
      circuit: client.circuit,
      parameters: client.parameters.id,
      predicted: {
        ...client.estimate,
        recordSeconds: client.estimate.blockSeconds / client.blockRecords,
        scoreDeviation: client.errorBound / 3,
      },
    })),
  };
}

function seeExactly(request: BodyRequest<TreeEnsemble>): SeenEnsemble {
  const ensemble = strictThresholds(request.body);
  const spec = specOf(request, { kind: 'listed', values: listedEdges(ensemble) });
  return { thermometer: openThermometer(spec, request.ranges), ensemble };
}

/** The coarsest grid that keeps the agreement on the rows of the proof. */
function seeByGrid(request: BodyRequest<TreeEnsemble>): SeenEnsemble {
  const { body, calibration, rows, ranges } = request;
  const exact = strictThresholds(body);
  const columns = sortColumns(calibration, rows, body);
  const blended = blendedRows(calibration, body.inputs);
  const features = new Float64Array(calibration.length + blended.length);
  features.set(calibration);
  features.set(blended, calibration.length);
  const clear = treeScores(body, features, 2 * rows);
  let agreement = 0;
  for (let bits = 1; bits <= finestGrid; bits += 1) {
    const thermometer = openThermometer(specOf(request, { kind: 'grid', bits }), ranges);
    const ensemble = moveThresholds(exact, thermometer, columns);
    agreement = agreementOf(request, clear, treeScores(ensemble, features, 2 * rows));
    if (agreement >= request.minAgreement) return { thermometer, ensemble };
  }
  throw new AppError(
    'plan.impossible',
    `With ${String(2 ** finestGrid - 1)} hidden edges a feature only ${(100 * agreement).toFixed(1)} % agree with the model.`,
    { hint: 'Use --reveal thresholds, which is exact, or a smaller --min-agreement.' },
  );
}

function agreementOf(request: BodyRequest, clear: Float64Array, other: Float64Array): number {
  if (request.task.kind === 'regression') return rSquared(other, clear);
  const rows = clear.length / request.body.outputs;
  return measureAgreement(
    request.task,
    { clear, other, rows },
    { maxError: request.maxError, typicalScore: request.scoreScale },
  ).agreement;
}

function specOf({ body, features }: BodyRequest<TreeEnsemble>, edges: ThermometerSpec['edges']): ThermometerSpec {
  const missing = features.map((feature) => feature.kind === 'number' && feature.missing === 'keep');
  return { comparison: body.comparison, missing, edges };
}

function planRecords(
  request: BodyRequest<TreeEnsemble>,
  { thermometer, ensemble }: SeenEnsemble,
  mode: PlanMode,
): PlannedMode {
  const { outputs, inputs, base } = ensemble;
  const trees = bitTrees(ensemble, thermometer);
  // Leaves are off by half a step each; the sum by at most as many halves as there are trees.
  const scoreBits = Math.ceil(Math.log2((trees.length + 2) / (request.maxError * request.scoreScale)));
  const integers = integerLeaves(trees, scoreBits);
  const integerBase = base.map((value) => Math.round(value * 2 ** scoreBits));
  const plainBits = Math.ceil(Math.log2(largestScore(integers, integerBase) + 1)) + 2;
  const parameters = recordsParameters(integers, outputs, plainBits);
  if (parameters === undefined) throw tooDeep(integers, outputs, plainBits);
  const shared = { mode, parameters, inputs, outputs, blockRecords: parameters.polyModulusDegree, blocksPerQuery: 1 };
  const estimate = estimateRecords(integers, { outputs, parameters, bits: thermometer.bits });
  if (estimate.queryBytes > largestQueryBytes) throw tooLarge(thermometer.bits, estimate.queryBytes);
  const circuit = 'trees-records' as const;
  return {
    client: {
      ...shared,
      circuit,
      evaluationKeys: { relinearization: true, galoisSteps: [] },
      canariesPerBlock,
      errorBound: (trees.length + 2) / 2 / 2 ** scoreBits,
      estimate,
      thermometer: thermometer.spec,
      scoreBits,
    },
    server: {
      ...shared,
      circuit,
      bits: thermometer.bits,
      trees: request.tensors.add(writeTrees(integers)),
      base: request.tensors.add(integerBase),
    },
    twin: (features, rows) => treeScores(ensemble, features, rows),
  };
}

function tooLarge(bits: number, bytes: number): AppError {
  const sizes = `${String(Math.round(bytes / 2 ** 20))} MiB; at most ${String(largestQueryBytes / 2 ** 20)} MiB fit memory`;
  return new AppError('plan.impossible', `A query would carry ${String(bits)} bits a record, ${sizes}.`, {
    hint: 'Use --reveal thresholds, a smaller --min-agreement, fewer features or shallower trees.',
  });
}

/** Largest size that an output's sum can have. */
function largestScore(trees: readonly BitTree[], base: Float64Array): number {
  const sums = base.map((value) => Math.abs(value));
  for (const { leafValues } of trees) {
    for (const output of sums.keys()) {
      let most = 0;
      for (let index = output; index < leafValues.length; index += sums.length)
        most = Math.max(most, Math.abs(leafValues[index] ?? 0));
      sums[output] = (sums[output] ?? 0) + most;
    }
  }
  return sums.reduce((most, value) => Math.max(most, value), 0);
}

/** Seconds for a prime at N = 8192 on one thread, measured. */
const cost = { product: 0.35e-3, scaling: 0.6e-3, relinearization: 0.5e-3, load: 0.5e-3 };

function estimateRecords(
  trees: readonly BitTree[],
  plan: { readonly outputs: number; readonly parameters: ParameterSet; readonly bits: number },
): { readonly blockSeconds: number; readonly queryBytes: number; readonly resultBytes: number } {
  const { coeffModulusBits, polyModulusDegree } = plan.parameters;
  const work = countWork(trees, plan.outputs);
  const primes = coeffModulusBits.length - 1;
  const size = polyModulusDegree / 8192;
  const perPrime =
    work.products * cost.product +
    work.scalings * cost.scaling +
    work.usedBits * cost.load +
    work.relinearizations * cost.relinearization * primes;
  // Of each coefficient whole bytes are stored, and some frame.
  const bytes = Math.ceil((coeffModulusBits[0] ?? 60) / 8) * polyModulusDegree * 1.04;
  return {
    blockSeconds: perPrime * primes * size,
    queryBytes: Math.ceil(plan.bits * bytes * primes),
    resultBytes: Math.ceil(plan.outputs * bytes * 2),
  };
}
