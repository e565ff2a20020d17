import { readFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { CompileOutcome, PlanMode } from '../core/artifact/outcomes.ts';
import { AppError } from '../core/error.ts';
import { importModel } from '../core/model/import.ts';
import type { Model } from '../core/model/ir.ts';
import { clearScores } from '../core/model/score.ts';
import { planModel, type PlannedDeployment } from '../core/plan/plan-model.ts';
import { measureAccuracy, readLabels } from '../core/table/accuracy.ts';
import { bindColumns, nameColumns } from '../core/table/bind.ts';
import { preprocessRows } from '../core/table/preprocess.ts';
import type { Cell } from '../core/table/rows.ts';
import { toIoError } from '../io/atomic.ts';
import { openDataFile } from '../io/data-file.ts';
import { packDeployment, type DeploymentArchives } from './deployment-archives.ts';
import type { Environment, Running } from './environment.ts';
import { provePlans, type Proof } from './prove.ts';
import { revealsOf } from './reveals.ts';
import { checkOutputFolder, writeDeployment } from './write-deployment.ts';

export interface CompileOptions {
  readonly model: string;
  readonly calibration: string;
  readonly labels?: string | undefined;
  /** Default: a folder beside the model, named after it, ending in ".sealpoint". */
  readonly output?: string | undefined;
  readonly mode: 'auto' | PlanMode;
  readonly reveal: 'nothing' | 'thresholds';
  readonly maxError: number;
  readonly minAgreement: number;
}

/** Fewer rows say too little about ranges. */
const fewestCalibrationRows = 10;

/**
 * Makes a deployment of a model: import, plan, prove by encrypted rows, write. Nothing is written unless every plan proves.
 * @throws {AppError} model.*, data.*, plan.*, io.*
 */
export async function compileModel(
  options: CompileOptions,
  environment: Environment,
  running: Running,
): Promise<CompileOutcome> {
  const path = resolve(
    options.output ?? join(dirname(options.model), `${basename(options.model).replace(/\.[^.]+$/u, '')}.sealpoint`),
  );
  await checkOutputFolder(path);
  running.onProgress({ stage: 'Reading the model and the calibration rows' });
  const calibrated = await readCalibrated(options, running);
  running.onProgress({ stage: 'Planning' });
  const modes: readonly PlanMode[] = options.mode === 'auto' ? ['latency', 'throughput'] : [options.mode];
  const planned = planModel({ ...options, ...calibrated, modes });
  const archives = packDeployment(planned);
  const truth = await readTruth(options, calibrated, running);
  const proofs = await prove(options, { calibrated, planned, archives }, { environment, running });
  const plans = proofs.map((proof) => proof.plan);
  const reveals = revealsOf(planned.client);
  const report = makeReport({ options, calibrated, planned, archives, proofs, truth, reveals });
  running.onProgress({ stage: 'Writing the deployment' });
  const bytes = await writeDeployment(path, { archives, report, home: environment.home }, running.signal);
  environment.log(
    `compiled ${archives.id}: client.zip ${String(bytes.client)} bytes, server.zip ${String(bytes.server)} bytes`,
  );
  return { deployment: archives.id, path, backend: 'seal', plans, reveals, bytes };
}

interface Calibrated {
  readonly model: Model;
  /** rows x features, preprocessed. */
  readonly calibration: Float64Array;
  readonly rows: number;
}

async function readCalibrated(options: CompileOptions, running: Running): Promise<Calibrated> {
  const bytes = await readFile(options.model, { signal: running.signal }).catch((cause: unknown) => {
    running.signal.throwIfAborted();
    throw toIoError(cause, 'read the model', options.model);
  });
  const imported = importModel(options.model, bytes);
  const source = await openDataFile(options.calibration, { signal: running.signal });
  const model = nameColumns(imported, source.header, source.file);
  const bound = bindColumns(model.preprocessing, source.header, source.file);
  const parts: Float64Array[] = [];
  let rows = 0;
  for await (const batch of source.batches(running.signal)) {
    parts.push(preprocessRows(bound, batch, source.file).values);
    rows += batch.rows.length;
  }
  if (rows < fewestCalibrationRows) {
    throw new AppError(
      'plan.calibration',
      `${source.file} has ${String(rows)} rows; at least ${String(fewestCalibrationRows)} are needed to plan the ranges.`,
      {
        file: source.file,
        hint: 'Give a hundred or more rows of the training data.',
      },
    );
  }
  const calibration = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    calibration.set(part, offset);
    offset += part.length;
  }
  return { model, calibration, rows };
}

async function prove(
  options: CompileOptions,
  made: { readonly calibrated: Calibrated; readonly planned: PlannedDeployment; readonly archives: DeploymentArchives },
  context: { readonly environment: Environment; readonly running: Running },
): Promise<Proof[]> {
  const { calibrated, planned, archives } = made;
  const digests = { client: '', server: '' };
  const client = {
    id: archives.id,
    digests,
    document: planned.client,
    canaries: planned.canaries,
    canaryScores: planned.canaryScores,
  };
  const server = { id: archives.id, digests, document: planned.server, tensors: planned.tensors };
  const { maxError, minAgreement } = options;
  return await provePlans(
    { ...calibrated, client, server, ranges: planned.ranges, twins: planned.twins, maxError, minAgreement },
    context.environment,
    context.running,
  );
}

/** The calibration rows' true answers, if the user has them. */
async function readTruth(
  options: CompileOptions,
  { model, rows }: Calibrated,
  running: Running,
): Promise<Float64Array | undefined> {
  if (options.labels === undefined) return undefined;
  const source = await openDataFile(options.labels, { signal: running.signal });
  const cells: (readonly Cell[])[] = [];
  for await (const batch of source.batches(running.signal)) cells.push(...batch.rows);
  if (cells.length !== rows) {
    throw new AppError(
      'data.ragged-row',
      `${source.file} has ${String(cells.length)} labels for ${String(rows)} calibration rows.`,
      { file: source.file },
    );
  }
  return readLabels(model.task, { file: source.file, header: source.header, rows: cells });
}

interface ReportParts {
  readonly options: CompileOptions;
  readonly calibrated: Calibrated;
  readonly planned: PlannedDeployment;
  readonly archives: DeploymentArchives;
  readonly proofs: readonly Proof[];
  readonly truth: Float64Array | undefined;
  readonly reveals: readonly string[];
}

/** report.json: what was measured on this machine; outside the deployment's id. */
function makeReport(parts: ReportParts): object {
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
    deployment: parts.archives.id,
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
    reveals: parts.reveals,
    machine: {
      processor: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryBytes: totalmem(),
      node: process.version,
    },
  };
}
