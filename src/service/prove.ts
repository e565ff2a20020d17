import type { ClientDeployment, ServerDeployment } from '../core/artifact/deployment.ts';
import type { PlanOutcome } from '../core/artifact/outcomes.ts';
import { AppError } from '../core/error.ts';
import { clearScores } from '../core/model/score.ts';
import type { Model } from '../core/model/ir.ts';
import { blockCapacity, isOneRecord, packingOf, queryCapacity, type ClientPlan } from '../core/plan/plan.ts';
import type { PlannedDeployment } from '../core/plan/plan-model.ts';
import { blendedRows, joined, syntheticRows } from '../core/plan/ranges.ts';
import { measureAgreement, measureApproximation, type Agreement } from '../core/table/accuracy.ts';
import type { PlannedRanges } from '../core/table/range.ts';
import { openCipher } from '../seal/cipher.ts';
import { openEvaluator } from '../seal/evaluator.ts';
import type { Environment, Running } from './environment.ts';
import { makeKeyMaterial } from './key-material.ts';
import type { ParameterSet } from '../core/plan/parameters.ts';
import { watchMemory } from './watch-memory.ts';
import {
  scoreEncrypted,
  scoreSome,
  timeQuery,
  type Bench,
  type EncryptedScores,
  type TimedQuery,
} from './prove-queries.ts';

export interface ProofRequest {
  readonly model: Model;
  readonly client: ClientDeployment;
  readonly server: ServerDeployment;
  readonly ranges: PlannedRanges;
  /** By mode: the clear twin of the plan. */
  readonly twins: PlannedDeployment['twins'];
  readonly heldOut: PlannedDeployment['heldOut'];
  /** Preprocessed calibration rows. */
  readonly calibration: Float64Array;
  readonly rows: number;
  readonly maxError: number;
  readonly minAgreement: number;
}

export interface Proof {
  readonly plan: PlanOutcome;
  readonly parameters: ParameterSet;
  /** Records and blocks in the query that was timed. */
  readonly timedRecords: number;
  readonly timedBlocks: number;
  /** Where threads share a block: of the time to evaluate it, what one of them computed after the shared steps. */
  readonly aloneSeconds?: number;
  /** Threads that evaluated whole blocks side by side. */
  readonly threadsAtWork: number;
  /** Most resident memory of this process during the proof: client and evaluator together. */
  readonly memoryBytes: number;
  readonly errorBound: number;
  readonly rmsError: number;
  readonly calibrationRows: number;
  readonly syntheticRows: number;
  /** Scores of the calibration rows as decrypted, rows x outputs. */
  readonly calibrationScores: Float64Array;
  readonly canaries: number;
}

/** Rows beside the calibration rows, uniform within the calibrated ranges: a few calibration rows bound disagreement only loosely. */
const addedRows = 400;
/** Encrypts calibration and synthetic rows, evaluates, decrypts and compares, for every plan. */
export async function provePlans(request: ProofRequest, environment: Environment, running: Running): Promise<Proof[]> {
  const started = performance.now();
  using keys = await makeKeyMaterial(request.client, environment, running.signal);
  const keySeconds = (performance.now() - started) / 1000;
  await using cipher = openCipher(request.client, keys.secrets, { worker: environment.programs.clientWorker });
  await using evaluator = openEvaluator(request.server, {
    worker: environment.programs.serverWorker,
    keyCacheBytes: keys.evaluationKeys.length,
  });
  const proofs: Proof[] = [];
  for (const plan of request.client.document.plans) {
    running.onProgress({ stage: `Proving the ${plan.mode} plan` });
    proofs.push(
      await provePlan(request, plan, {
        deployment: request.client.id,
        cipher,
        evaluator,
        keys,
        keySeconds,
        signal: running.signal,
      }),
    );
  }
  return proofs;
}

/** Scores are near the model's only in what they decide: an approximated activation, thresholds moved to a grid. */
function isApproximate(plan: ClientPlan): boolean {
  if ('thermometer' in plan) return plan.thermometer.edges.kind === 'grid';
  return 'approximate' in plan && plan.approximate;
}

async function provePlan(request: ProofRequest, plan: ClientPlan, bench: Bench): Promise<Proof> {
  using memory = watchMemory();
  const { model, ranges, calibration, rows } = request;
  const approximate = isApproximate(plan);
  // Uniform rows look like no record: an approximated activation promises nothing there.
  const synthetic = approximate ? blendedRows(calibration, plan.inputs) : syntheticRows(addedRows, ranges, 2);
  const features = joined(calibration, synthetic);
  const total = features.length / plan.inputs;
  const clear = clearScores(model.body, features, total);
  const encrypted: EncryptedScores = isOneRecord(plan)
    ? await scoreSome({ plan, features, twin: request.twins[plan.mode]?.(features, total) }, bench)
    : await scoreEncrypted(plan, features, bench);
  const agreement = agreementOf(request, { plan, approximate, clear, decrypted: encrypted.scores });
  demand(request, { plan, agreement, approximate });
  const timed = await timeQuery(plan, { allFeatures: features, slow: encrypted.slow }, bench);
  const timedBlocks = Math.ceil(timed.records / Math.max(1, blockCapacity(plan)));
  return {
    plan: planOutcomeOf(plan, { agreement, bench, timed }),
    parameters: plan.parameters,
    timedRecords: timed.records,
    timedBlocks,
    ...(timed.alone === undefined ? {} : { aloneSeconds: timed.alone }),
    threadsAtWork: Math.min(bench.evaluator.threads, timedBlocks),
    memoryBytes: memory.mostBytes(),
    errorBound: plan.errorBound,
    rmsError: agreement.rmsError,
    calibrationRows: rows,
    syntheticRows: total - rows,
    calibrationScores: encrypted.scores.slice(0, rows * plan.outputs),
    canaries: encrypted.canaries,
  };
}

/**
 * Errors over all rows of the proof. Labels too, but where the plan was fitted to calibration rows, of which those count that it was not fitted
 * to: rows between calibration rows lie nearer to decisions than records do.
 */
function agreementOf(
  request: ProofRequest,
  proved: {
    readonly plan: ClientPlan;
    readonly approximate: boolean;
    readonly clear: Float64Array;
    readonly decrypted: Float64Array;
  },
): Agreement {
  const { plan, approximate, clear, decrypted } = proved;
  const { model, rows, maxError, client } = request;
  const options = { maxError, typicalScore: client.document.scoreScale };
  const measure = approximate ? measureApproximation : measureAgreement;
  const all = measure(model.task, { clear, other: decrypted, rows: clear.length / plan.outputs }, options);
  const heldOut = request.heldOut[plan.mode];
  if (heldOut === undefined) return all;
  const known = rows * plan.outputs;
  const own = measure(
    model.task,
    { clear: clear.subarray(0, known), other: decrypted.subarray(0, known), rows },
    options,
  );
  return {
    rows,
    agreement: Math.min(own.agreement, heldOut.agreement),
    agreementLowerBound: Math.min(own.agreementLowerBound, heldOut.agreementLowerBound),
    maxError: Math.max(all.maxError, heldOut.maxError),
    rmsError: Math.max(all.rmsError, heldOut.rmsError),
  };
}

/** @throws {AppError} plan.not-proven */
function demand(
  request: ProofRequest,
  proved: { readonly plan: ClientPlan; readonly agreement: Agreement; readonly approximate: boolean },
): void {
  const { plan, agreement, approximate } = proved;
  const exact = approximate || agreement.maxError <= request.maxError;
  if (exact && agreement.agreement >= request.minAgreement) return;
  const seen = `largest error ${agreement.maxError.toExponential(1)}, agreement ${(agreement.agreement * 100).toFixed(2)} %`;
  throw new AppError('plan.not-proven', `The ${plan.mode} plan did not prove: ${seen}.`, {
    hint: 'Allow a larger --max-error or a smaller --min-agreement.',
  });
}

function planOutcomeOf(
  plan: ClientPlan,
  proved: { readonly agreement: Agreement; readonly bench: Bench; readonly timed: TimedQuery },
): PlanOutcome {
  const { agreement, bench, timed } = proved;
  return {
    mode: plan.mode,
    scheme: plan.parameters.scheme,
    packing: packingOf(plan),
    polyModulusDegree: plan.parameters.polyModulusDegree,
    coeffModulusBits: [...plan.parameters.coeffModulusBits],
    securityBits: 128,
    capacity: queryCapacity(plan),
    agreement: agreement.agreement,
    agreementLowerBound: agreement.agreementLowerBound,
    maxError: agreement.maxError,
    bytes: { evaluationKeys: bench.keys.evaluationKeys.length, query: timed.queryBytes, result: timed.resultBytes },
    seconds: { keys: bench.keySeconds, encrypt: timed.encrypt, evaluate: timed.evaluate, decrypt: timed.decrypt },
  };
}
