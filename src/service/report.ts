import { availableParallelism, cpus, totalmem } from 'node:os';
import { basename } from 'node:path';
import type { ActivationOutcome, CandidateOutcome, ModelOutcome, PlaintextOutcome } from '../core/artifact/outcomes.ts';
import type { ReportDocument } from '../core/artifact/report.ts';
import type { Model } from '../core/model/ir.ts';
import { clearScores } from '../core/model/score.ts';
import type { LayerFit } from '../core/plan/activations.ts';
import type { CandidateReport } from '../core/plan/body-planner.ts';
import { securityOf } from '../core/plan/parameters.ts';
import type { PlannedDeployment } from '../core/plan/plan-model.ts';
import { measureAccuracy } from '../core/table/accuracy.ts';
import type { Calibrated } from './calibrated.ts';
import { tableSeconds } from './instances.ts';
import type { Proof } from './prove.ts';

export interface ReportParts {
  readonly options: { readonly model: string; readonly maxError: number; readonly minAgreement: number };
  readonly calibrated: Calibrated;
  readonly planned: PlannedDeployment;
  /** Its id. */
  readonly deployment: string;
  readonly proofs: readonly Proof[];
  /** True answers of the calibration rows. */
  readonly truth: Float64Array | undefined;
  readonly reveals: readonly string[];
}

/** report.json: what was measured on this machine; outside the deployment's id. @returns all but the archives' sizes */
export function makeReport(parts: ReportParts): Omit<ReportDocument, 'bytes'> {
  const { calibrated, planned, proofs, options } = parts;
  const { model, rows } = calibrated;
  const { scores, secondsPerRecord } = timePlaintext(calibrated);
  const accuracyOf = accuracyAgainst(model, parts.truth);
  const { maxError, minAgreement } = options;
  return {
    format: 'sealpoint.report',
    version: 1,
    deployment: parts.deployment,
    backend: 'seal',
    model: modelOf(options.model, calibrated, planned),
    calibration: { rows, syntheticRows: proofs[0]?.syntheticRows ?? 0 },
    tolerance: { maxError, minAgreement, scoreScale: planned.client.scoreScale },
    plaintext: { secondsPerRecord, ...accuracyOf(scores) },
    plans: proofs.map((proof) => ({
      ...proof.plan,
      errorBound: proof.errorBound,
      rmsError: proof.rmsError,
      canariesVerified: proof.canaries,
      ...accuracyOf(proof.calibrationScores),
      slowdown: proof.plan.seconds.evaluate / proof.timedRecords / secondsPerRecord,
      security: securityOf(proof.parameters),
    })),
    ...(planned.activations.length === 0 ? {} : { activations: planned.activations.map(activationOf) }),
    candidates: planned.candidates.map((candidate) => candidateOf(candidate, parts)),
    refused: [...planned.refused],
    reveals: [...parts.reveals],
    machine: {
      processor: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      node: process.version,
    },
  };
}

function modelOf(file: string, { model }: Calibrated, { client }: PlannedDeployment): ModelOutcome {
  const { task } = model;
  return {
    file: basename(file),
    source: model.source,
    inputs: client.ranges.center.length,
    task: task.kind,
    ...(task.kind === 'classification' ? { classes: task.classes.length } : {}),
  };
}

function activationOf({ layer, degree, exact, agreement: found }: LayerFit): ActivationOutcome {
  const { agreement, agreementLowerBound } = found;
  return { layer, degree, exact, agreement, agreementLowerBound };
}

const timedMs = 50;

/** All calibration rows, again and again until the code is compiled and the clock has seen enough; the fastest counts. */
function timePlaintext({ model, calibration, rows }: Calibrated): {
  readonly scores: Float64Array;
  readonly secondsPerRecord: number;
} {
  const until = performance.now() + timedMs;
  let fastest = Infinity;
  for (;;) {
    const started = performance.now();
    const scores = clearScores(model.body, calibration, rows);
    const ended = performance.now();
    fastest = Math.min(fastest, ended - started);
    if (ended >= until) return { scores, secondsPerRecord: fastest / 1000 / rows };
  }
}

/** Nothing where there are no true answers, or where they do not vary. */
function accuracyAgainst(
  model: Model,
  truth: Float64Array | undefined,
): (scores: Float64Array) => Pick<PlaintextOutcome, 'accuracy'> {
  return (scores) => {
    if (truth === undefined) return {};
    const accuracy = measureAccuracy(model.task, scores, truth);
    return Number.isFinite(accuracy.value) ? { accuracy } : {};
  };
}

function candidateOf(candidate: CandidateReport, { planned, proofs }: ReportParts): CandidateOutcome {
  const { mode, circuit, parameters, predicted } = candidate;
  const chosen = planned.client.plans.some(
    (plan) =>
      plan.mode === mode &&
      plan.circuit === circuit &&
      plan.parameters.id === parameters &&
      plan.estimate.blockSeconds === predicted.blockSeconds &&
      plan.estimate.queryBytes === predicted.queryBytes,
  );
  const proof = proofs.find(({ plan }) => plan.mode === mode);
  const { scoreDeviation, ...predictions } = predicted;
  const rmsError = scoreDeviation / planned.client.scoreScale;
  const report = { mode, circuit, parameters, chosen, predicted: { ...predictions, rmsError } };
  return chosen && proof !== undefined ? { ...report, measured: measuredOf(proof) } : report;
}

function measuredOf(proof: Proof): NonNullable<CandidateOutcome['measured']> {
  const { plan, timedBlocks: blocks, rmsError, memoryBytes } = proof;
  const { encrypt, decrypt } = plan.seconds;
  return {
    blockSeconds: (encrypt + decrypt) / blocks + tableSeconds(proof),
    queryBytes: Math.round(plan.bytes.query / blocks),
    resultBytes: Math.round(plan.bytes.result / blocks),
    rmsError,
    memoryBytes,
  };
}
