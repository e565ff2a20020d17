import type { TreeEnsemble } from '../model/ir.ts';
import { treeScores } from '../model/trees/evaluate.ts';
import type { Steps } from '../progress.ts';
import { planBits } from './bits-planner.ts';
import type { BodyRequest, PlannedBody, PlannedMode } from './body-planner.ts';
import { planEachMode, type ModePlan } from './each-mode.ts';
import { AppError } from '../error.ts';
import { evaluatorMemory, largestQueryBytes } from './memory.ts';
import { keySwitchMs, operationMs, ringSize, savedPolynomialBytes } from './operation-costs.ts';
import type { ParameterSet } from './parameters.ts';
import { seeEnsemble, type SeenEnsemble } from './seen-ensemble.ts';
import { bitTrees, largestScore, writeTrees, type BitTree } from './tree-bits.ts';
import { countWork, integerLeaves, recordsParameters, tooDeep } from './tree-records.ts';

const canariesPerBlock = 3;
/** Plaintexts that a circuit keeps of the integers that it multiplies by. */
const scalarsMost = 300;

/**
 * Trees: the bits packing for latency, one slot a record for throughput. Where both are wanted, one that is impossible is left out.
 * @throws {AppError} plan.impossible: no wanted mode has a plan: too deep, too large, or no grid that agrees
 */
export function* planTrees(request: BodyRequest<TreeEnsemble>): Steps<PlannedBody> {
  const seen = yield* seeEnsemble(request);
  return yield* planEachMode(request.modes, function* (mode) {
    if (mode === 'latency') return yield* planBits(request, seen);
    yield;
    return planThroughput(request, seen);
  });
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
  if (estimate.queryBytes > largestQueryBytes) throw tooLarge(thermometer, estimate.queryBytes);
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

function tooLarge({ bits, spec }: SeenEnsemble['thermometer'], bytes: number): AppError {
  const sizes = `${String(Math.round(bytes / 2 ** 20))} MiB; at most ${String(largestQueryBytes / 2 ** 20)} MiB fit memory`;
  return new AppError('plan.impossible', `A query would carry ${String(bits)} bits a record, ${sizes}.`, {
    hint:
      spec.edges.kind === 'grid'
        ? 'Use --reveal thresholds, a smaller --min-agreement, fewer features or shallower trees.'
        : 'Train fewer or shallower trees (max_depth), which have fewer distinct thresholds.',
  });
}

/** Beside the operations of operation-costs.ts: an integer times a ciphertext of two or three polynomials; a result. */
const costMs = { scaling: 0.14, result: 8 };

function estimateRecords(
  trees: readonly BitTree[],
  plan: { readonly outputs: number; readonly parameters: ParameterSet; readonly bits: number },
): { readonly blockSeconds: number; readonly queryBytes: number; readonly resultBytes: number } {
  const { parameters, outputs, bits } = plan;
  const work = countWork(trees, outputs);
  const primes = parameters.coeffModulusBits.length - 1;
  const perPrime =
    bits * operationMs.encrypt +
    work.usedBits * operationMs.load +
    work.products * operationMs.multiply +
    work.scalings * costMs.scaling +
    outputs * costMs.result;
  const ms = perPrime * primes + work.relinearizations * keySwitchMs(primes);
  return {
    blockSeconds: (ms * ringSize(parameters)) / 1000,
    // A seed stands for the second polynomial.
    queryBytes: Math.ceil(bits * savedPolynomialBytes(parameters)),
    resultBytes: Math.ceil(outputs * 2 * savedPolynomialBytes(parameters, 1)),
  };
}
