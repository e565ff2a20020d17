import { AppError } from '../error.ts';
import type { TreeEnsemble } from '../model/ir.ts';
import { treeScores } from '../model/trees/evaluate.ts';
import type { Steps } from '../progress.ts';
import { bitsCandidates, costOf, type Candidate } from './bits-candidates.ts';
import type { BitsLayout } from './bits-layout.ts';
import { productRounds } from './bits-levels.ts';
import { mostLiterals, slotTerms, type SlotTerms } from './bits-terms.ts';
import type { BodyRequest, CandidateReport } from './body-planner.ts';
import type { ModePlan } from './each-mode.ts';
import { largestHeapBytes } from './memory.ts';
import { maxCoeffModulusBits } from './parameters.ts';
import { pathTerms, type Term } from './path-terms.ts';
import type { ClientPlanOf, ServerPlanOf } from './plan.ts';
import type { SeenEnsemble } from './seen-ensemble.ts';
import type { TensorWriter } from './tensors.ts';
import { bitTrees, heightOf } from './tree-bits.ts';

/** Laying out more takes minutes, for plans that need more memory than there is unless nearly all of their bits are the same. */
const mostTerms = 1 << 15;

/**
 * Trees for one record: the layout, steps and copies with the least time on server and line together.
 * @throws {AppError} plan.impossible: too many literals in a path for any modulus, or too many trees for memory
 */
export function* planBits(request: BodyRequest<TreeEnsemble>, seen: SeenEnsemble): Steps<ModePlan> {
  const { thermometer, ensemble } = seen;
  const raw = yield* pathTerms(bitTrees(ensemble, thermometer), thermometer, ensemble.outputs);
  if (raw.terms.length > mostTerms) throw tooDeep(seen, raw.terms);
  const terms = yield* slotTerms(request, seen, raw);
  const candidates = yield* bitsCandidates({
    slotTerms: terms,
    thermometer,
    outputs: request.body.outputs,
    tolerance: (request.maxError * request.scoreScale) / terms.unit,
  });
  const [best] = candidates;
  if (best === undefined) throw tooDeep(seen, raw.terms);
  const chosen = { terms, best };
  return {
    plan: {
      client: clientPlanOf(request, seen, chosen),
      server: serverPlanOf(request, seen, chosen),
      memoryBytes: best.memoryBytes,
      twin: (features, rows) => treeScores(seen.ensemble, features, rows),
    },
    candidates: candidates.map((candidate) => reportOf(candidate, terms.unit)),
  };
}

function reportOf(candidate: Candidate, unit: number): CandidateReport {
  const { levels, seconds, queryBytes, resultBytes, memoryBytes } = candidate;
  return {
    mode: 'latency',
    circuit: 'trees-bits',
    parameters: levels.parameters.id,
    predicted: {
      blockSeconds: seconds,
      queryBytes,
      resultBytes,
      memoryBytes,
      recordSeconds: costOf(candidate),
      scoreDeviation: levels.deviation * unit,
    },
  };
}

interface Chosen {
  readonly terms: SlotTerms;
  readonly best: Candidate;
}

/** Of the largest error allowed, the deviation of the noise that covers the computation's own: thousands of scores stay within it. */
const floodShare = 1 / 8;
/** A right result stays within so many deviations of the computation's noise, and of that which covers it. */
const boundDeviations = { noise: 12, flood: 8 };

function floodOf({ maxError, scoreScale }: BodyRequest<TreeEnsemble>): number {
  return floodShare * maxError * scoreScale;
}

function sharedPlan(
  request: BodyRequest<TreeEnsemble>,
  { thermometer }: SeenEnsemble,
  { terms, best }: Chosen,
): Omit<ClientPlanOf<'trees-bits'>, 'evaluationKeys' | 'canariesPerBlock' | 'errorBound' | 'estimate' | 'thermometer'> {
  const { levels, steps, source } = best;
  const { inputs, outputs } = request.body;
  return {
    mode: 'latency',
    circuit: 'trees-bits',
    parameters: levels.parameters,
    inputs,
    outputs,
    blockRecords: 1,
    blocksPerQuery: 1,
    bits: thermometer.bits,
    stride: source.stride,
    copies: steps.copies,
    logBitScale: levels.scales.logBitScale,
    resultScale: levels.resultScale / terms.unit,
  };
}

function clientPlanOf(
  request: BodyRequest<TreeEnsemble>,
  seen: SeenEnsemble,
  chosen: Chosen,
): ClientPlanOf<'trees-bits'> {
  const { terms, best } = chosen;
  const { seconds, queryBytes, resultBytes, levels, galoisSteps } = best;
  const noise = boundDeviations.noise * levels.deviation * terms.unit;
  return {
    ...sharedPlan(request, seen, chosen),
    evaluationKeys: { relinearization: productRounds(terms.literals) > 0, galoisSteps: [...galoisSteps] },
    canariesPerBlock: 0,
    errorBound: noise + boundDeviations.flood * floodOf(request),
    estimate: { blockSeconds: seconds, queryBytes, resultBytes },
    thermometer: seen.thermometer.spec,
  };
}

function serverPlanOf(
  request: BodyRequest<TreeEnsemble>,
  seen: SeenEnsemble,
  chosen: Chosen,
): ServerPlanOf<'trees-bits'> {
  const { levels, steps, work } = chosen.best;
  const { logSelectScale, logReadScale, logFactorScale } = levels.scales;
  const shared = sharedPlan(request, seen, chosen);
  return {
    ...shared,
    babySteps: steps.babySteps,
    windowSteps: steps.windowSteps,
    groups: work.layout.groups,
    literals: work.layout.literals,
    logSelectScale,
    logReadScale,
    logFactorScale,
    floodDeviation: floodOf(request) * shared.resultScale,
    ...layoutTensors(work.layout, request.body.outputs, request.tensors),
    base: request.tensors.add(chosen.terms.base),
  };
}

/** The layout as rows of numbers (bits-plan.ts). */
function layoutTensors(
  layout: BitsLayout,
  outputs: number,
  tensors: TensorWriter,
): Pick<ServerPlanOf<'trees-bits'>, 'nodes' | 'reads' | 'constants' | 'factors'> {
  const add = (rows: readonly (readonly number[])[]) => tensors.add(Float64Array.from(rows.flat()));
  const factors = layout.terms.flatMap((term) =>
    term.factors.map(({ output, factor }) => [term.group, term.slot, output, factor]),
  );
  return {
    nodes: add(layout.nodes.map(({ group, slot, ciphertext, turn }) => [group, slot, ciphertext, turn])),
    reads: add(layout.reads.map(({ group, literal, slot, shift, weight }) => [group, literal, slot, shift, weight])),
    constants: add(layout.constants.map(({ group, literal, slot, value }) => [group, literal, slot, value])),
    factors: add(outputs === 1 ? [] : factors),
  };
}

/** @returns plan.impossible, naming depth and budget */
function tooDeep({ ensemble: { trees } }: SeenEnsemble, terms: readonly Term[]): AppError {
  const depth = trees.reduce((most, tree) => Math.max(most, heightOf(tree)), 0);
  return new AppError(
    'plan.impossible',
    `One record at a time, ${String(trees.length)} trees of depth ${String(depth)}, which make ${String(terms.length)} products of up to ${String(mostLiterals(terms))} features, fit no plan: at most ${String(mostTerms)} products, ${String(maxCoeffModulusBits[16384])} bits of modulus at N = 16384 and ${String(largestHeapBytes / 1e9)} GB of memory.`,
    { hint: 'Train fewer or shallower trees (max_depth), or allow a larger --max-error.' },
  );
}
