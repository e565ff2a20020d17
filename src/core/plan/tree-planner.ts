import type { TreeEnsemble } from '../model/ir.ts';
import { treeScores } from '../model/trees/evaluate.ts';
import { planBits } from './bits-planner.ts';
import type { BodyRequest, PlannedBody, PlannedMode } from './body-planner.ts';
import { planEachMode, type ModePlan } from './each-mode.ts';
import { AppError } from '../error.ts';
import { evaluatorMemory } from './memory.ts';
import type { ParameterSet } from './parameters.ts';
import { seeEnsemble, type SeenEnsemble } from './seen-ensemble.ts';
import { bitTrees, largestScore, writeTrees, type BitTree } from './tree-bits.ts';
import { countWork, integerLeaves, recordsParameters, tooDeep } from './tree-records.ts';

const canariesPerBlock = 3;
/** A query is held in memory several times over. */
const largestQueryBytes = 768 << 20;
/** Plaintexts that a circuit keeps of the integers that it multiplies by. */
const scalarsMost = 300;

/**
 * Trees: the bits packing for latency, one slot a record for throughput. Where both are wanted, one that is impossible is left out.
 * @throws {AppError} plan.impossible: no wanted mode has a plan: too deep, too large, or no grid that agrees
 */
export function planTrees(request: BodyRequest<TreeEnsemble>): PlannedBody {
  const seen = seeEnsemble(request);
  return planEachMode(request.modes, (mode) =>
    mode === 'latency' ? planBits(request, seen) : planThroughput(request, seen),
  );
}

function planThroughput(request: BodyRequest<TreeEnsemble>, seen: SeenEnsemble): ModePlan {
  const plan = planRecords(request, seen);
  const { mode, circuit, parameters, estimate, blockRecords, errorBound } = plan.client;
  const { memoryBytes } = plan;
  const recordSeconds = estimate.blockSeconds / blockRecords;
  const predicted = { ...estimate, recordSeconds, scoreDeviation: errorBound / 3, memoryBytes };
  return { plan, candidates: [{ mode, circuit, parameters: parameters.id, predicted }] };
}

function planRecords(request: BodyRequest<TreeEnsemble>, { thermometer, ensemble }: SeenEnsemble): PlannedMode {
  const { outputs, inputs, base } = ensemble;
  const trees = bitTrees(ensemble, thermometer);
  // Leaves are off by half a step each; the sum by at most as many halves as there are trees.
  const scoreBits = Math.ceil(Math.log2((trees.length + 2) / (request.maxError * request.scoreScale)));
  const integers = integerLeaves(trees, scoreBits);
  const integerBase = base.map((value) => Math.round(value * 2 ** scoreBits));
  const plainBits = Math.ceil(Math.log2(largestScore(integers, integerBase) + 1)) + 2;
  const parameters = recordsParameters(integers, outputs, plainBits);
  if (parameters === undefined) throw tooDeep(integers, outputs, plainBits);
  const mode = 'throughput' as const;
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
    memoryBytes: evaluatorMemory(parameters, {
      // The bits, and of each output's sum a few at a time.
      ciphertexts: thermometer.bits + 4 * outputs + 8,
      plaintexts: scalarsMost,
      switchingKeys: 1,
      ...estimate,
    }),
    twin: (features, rows) => treeScores(ensemble, features, rows),
  };
}

function tooLarge(bits: number, bytes: number): AppError {
  const sizes = `${String(Math.round(bytes / 2 ** 20))} MiB; at most ${String(largestQueryBytes / 2 ** 20)} MiB fit memory`;
  return new AppError('plan.impossible', `A query would carry ${String(bits)} bits a record, ${sizes}.`, {
    hint: 'Use --reveal thresholds, a smaller --min-agreement, fewer features or shallower trees.',
  });
}

/** Seconds for a prime at N = 8192 on one thread, measured. */
const cost = { encrypt: 1e-3, product: 0.35e-3, scaling: 0.6e-3, relinearization: 0.5e-3, load: 0.5e-3 };

function estimateRecords(
  trees: readonly BitTree[],
  plan: { readonly outputs: number; readonly parameters: ParameterSet; readonly bits: number },
): { readonly blockSeconds: number; readonly queryBytes: number; readonly resultBytes: number } {
  const { coeffModulusBits, polyModulusDegree } = plan.parameters;
  const work = countWork(trees, plan.outputs);
  const primes = coeffModulusBits.length - 1;
  const size = polyModulusDegree / 8192;
  const perPrime =
    plan.bits * cost.encrypt +
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
