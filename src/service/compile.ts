import { totalmem } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { constrainedMemory } from 'node:process';
import type { CompileOutcome, PlanMode, PlanOutcome } from '../core/artifact/outcomes.ts';
import type { ReportDocument } from '../core/artifact/report.ts';
import { AppError } from '../core/error.ts';
import { mostSampledRows, sampleRows } from '../core/plan/ranges.ts';
import { planModel, type PlannedDeployment } from '../core/plan/plan-model.ts';
import { readCalibrated, readTruth, type Calibrated } from './calibrated.ts';
import { packDeployment, type DeploymentArchives } from './deployment-archives.ts';
import { coarseTolerance } from './coarse-tolerance.ts';
import type { Environment, Running } from './environment.ts';
import { inSteps } from './in-steps.ts';
import { estimateInstances } from './instances.ts';
import { provePlans, type Proof } from './prove.ts';
import type { ReadModelOptions } from './read-model.ts';
import { makeReport } from './report.ts';
import { revealsOf } from './reveals.ts';
import { checkOutputFolder, writeDeployment } from './write-deployment.ts';

export interface CompileOptions extends ReadModelOptions {
  readonly calibration: string;
  readonly labels?: string | undefined;
  /** Default: a folder beside the model, named after it, ending in ".sealpoint". */
  readonly output?: string | undefined;
  readonly mode: 'auto' | PlanMode;
  readonly reveal: 'nothing' | 'thresholds';
  readonly maxError: number;
  readonly minAgreement: number;
  /** Also say what was weighed, and what it would take elsewhere. */
  readonly explain?: boolean;
}

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
  const calibrated = await readCalibrated(options, { environment, running });
  const truth = await readTruth(options.labels, calibrated, running);
  running.onProgress({ stage: 'Planning' });
  const modes: readonly PlanMode[] = options.mode === 'auto' ? ['latency', 'throughput'] : [options.mode];
  const planned = await inSteps(planModel({ ...options, ...calibrated, modes }), running);
  checkMemory(planned);
  const archives = packDeployment(planned);
  const shown = sample(calibrated, truth);
  const proofs = await prove(options, { ...shown, planned, archives }, { environment, running });
  const reveals = revealsOf(planned.client);
  const report = makeReport({ options, ...shown, planned, deployment: archives.id, proofs, reveals });
  running.onProgress({ stage: 'Writing the deployment' });
  const bytes = await writeDeployment(path, { archives, report, home: environment.home }, running.signal);
  environment.log(
    `compiled ${archives.id}: client.zip ${String(bytes.client)} bytes, server.zip ${String(bytes.server)} bytes`,
  );
  const { deployment, backend, plans, model, plaintext, activations, candidates } = report;
  const warnings = warningsOf(options, shown.calibrated, planned);
  return {
    deployment,
    path,
    backend,
    plans: plans.map(withoutReport),
    reveals,
    bytes,
    ...(warnings.length === 0 ? {} : { warnings }),
    model,
    plaintext,
    ...(activations === undefined ? {} : { activations }),
    ...(options.explain === true ? { candidates, instances: estimateInstances(proofs) } : {}),
  };
}

/** What the plan was fitted to, with its true answers. */
function sample(
  calibrated: Calibrated,
  truth: Float64Array | undefined,
): { readonly calibrated: Calibrated; readonly truth: Float64Array | undefined } {
  const { calibration, rows } = calibrated;
  const sampled = { calibration: sampleRows(calibration, rows), rows: Math.min(rows, mostSampledRows) };
  return { calibrated: { ...calibrated, ...sampled }, truth: truth && sampleRows(truth, rows) };
}

function warningsOf({ maxError }: CompileOptions, calibrated: Calibrated, planned: PlannedDeployment): string[] {
  const coarse = coarseTolerance(calibrated, { maxError, scoreScale: planned.client.scoreScale });
  const refused = planned.refused.map(({ mode, reason }) => `There is no plan for ${mode}. ${reason}`);
  return coarse === undefined ? refused : [...refused, coarse];
}

/**
 * The proof evaluates a block here, and would rather not start than end in the middle.
 * @throws {AppError} plan.impossible
 */
function checkMemory({ memoryBytes }: PlannedDeployment): void {
  const here = Math.min(totalmem(), constrainedMemory() || Infinity);
  for (const [mode, needed] of Object.entries(memoryBytes)) {
    if (needed <= here) continue;
    const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
    const other = mode === 'latency' ? 'throughput' : 'latency';
    throw new AppError(
      'plan.impossible',
      `Evaluating the ${mode} plan takes about ${gigabytes(needed)} of memory; this machine has ${gigabytes(here)}.`,
      { hint: `Compile on a larger machine, or use --mode ${other}.` },
    );
  }
}

/** What only report.json tells of a plan. */
function withoutReport({
  canariesVerified: _,
  security: _security,
  ...plan
}: ReportDocument['plans'][number]): PlanOutcome {
  return plan;
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
    {
      ...calibrated,
      client,
      server,
      ranges: planned.ranges,
      twins: planned.twins,
      heldOut: planned.heldOut,
      maxError,
      minAgreement,
    },
    context.environment,
    context.running,
  );
}
