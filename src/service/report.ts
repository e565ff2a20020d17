import { cpus, totalmem } from 'node:os';
import { basename } from 'node:path';
import { clearScores } from '../core/model/score.ts';
import type { PlannedDeployment } from '../core/plan/plan-model.ts';
import { measureAccuracy } from '../core/table/accuracy.ts';
import type { Calibrated } from './calibrated.ts';
import type { Proof } from './prove.ts';

interface ReportParts {
  readonly options: { readonly model: string; readonly maxError: number; readonly minAgreement: number };
  readonly calibrated: Calibrated;
  readonly planned: PlannedDeployment;
  /** Its id. */
  readonly deployment: string;
  readonly proofs: readonly Proof[];
  readonly truth: Float64Array | undefined;
  readonly reveals: readonly string[];
}

/** report.json: what was measured on this machine; outside the deployment's id. */
export function makeReport(parts: ReportParts): object {
  const { calibrated, planned, proofs, options } = parts;
  const { model, calibration, rows } = calibrated;
  const started = performance.now();
  const clear = clearScores(model.body, calibration, rows);
  const plaintextSeconds = (performance.now() - started) / 1000 / rows;
  const accuracyOf = (scores: Float64Array): object | undefined =>
    parts.truth === undefined ? undefined : measureAccuracy(model.task, scores, parts.truth);
  return {
    format: 'sealpoint.report',
    version: 1,
    deployment: parts.deployment,
    backend: 'seal',
    model: {
      file: basename(options.model),
      source: model.source,
      inputs: planned.client.ranges.center.length,
      task: model.task.kind,
    },
    calibration: { rows, syntheticRows: proofs[0]?.syntheticRows ?? 0 },
    tolerance: {
      maxError: options.maxError,
      minAgreement: options.minAgreement,
      scoreScale: planned.client.scoreScale,
    },
    plaintext: { secondsPerRecord: plaintextSeconds, accuracy: accuracyOf(clear) },
    plans: proofs.map((proof) => ({
      ...proof.plan,
      errorBound: proof.errorBound,
      rmsError: proof.rmsError,
      canariesVerified: proof.canaries,
      accuracy: accuracyOf(proof.calibrationScores),
      slowdown:
        proof.plan.seconds.evaluate / (plaintextSeconds * (proof.plan.mode === 'latency' ? 1 : proof.plan.capacity)),
      security: { bits: 128, table: 'the stricter of HomomorphicEncryption.org 2018 and eprint 2024/463' },
    })),
    candidates: planned.candidates,
    refused: planned.refused,
    reveals: parts.reveals,
    machine: {
      processor: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryBytes: totalmem(),
      node: process.version,
    },
  };
}
