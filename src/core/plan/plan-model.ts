import type { ClientDocument, ServerDocument } from '../artifact/deployment.ts';
import type { PlanMode } from '../artifact/outcomes.ts';
import type { Model } from '../model/ir.ts';
import { clearScores } from '../model/score.ts';
import type { Steps } from '../progress.ts';
import { typicalScore, type Agreement } from '../table/accuracy.ts';
import { planFeatureRanges, type PlannedRanges } from '../table/range.ts';
import type { BodyRequest, CandidateReport, PlannedBody, PlannedMode, RefusedMode } from './body-planner.ts';
import { planNetwork } from './network-planner.ts';
import type { LayerFit } from './activations.ts';
import { planLinear } from './linear-planner.ts';
import { mostSampledRows, sampleRows, syntheticRows } from './ranges.ts';
import { tensorWriter } from './tensors.ts';
import { planTrees } from './tree-planner.ts';

export interface PlanRequest {
  /** Columns named. */
  readonly model: Model;
  /** Preprocessed calibration rows, rows x features: ranges are those of all, the rest is fitted to a sample. */
  readonly calibration: Float64Array;
  readonly rows: number;
  readonly modes: readonly PlanMode[];
  readonly reveal: 'nothing' | 'thresholds';
  readonly maxError: number;
  readonly minAgreement: number;
}

/** Everything that goes into client.zip and server.zip; the same request gives the same content on every machine. */
export interface PlannedDeployment {
  readonly client: ClientDocument;
  readonly server: ServerDocument;
  readonly tensors: Float64Array;
  /** canaryPool x features. */
  readonly canaries: Float64Array;
  readonly canaryScores: Readonly<Record<string, Float64Array>>;
  /** By mode: the clear twin of what the server computes. */
  readonly twins: Readonly<Record<string, PlannedMode['twin']>>;
  /** By mode, for plans that were fitted to calibration rows: how they agree on rows that they were not fitted to. */
  readonly heldOut: Readonly<Record<string, Agreement>>;
  /** By mode: predicted resident memory of the evaluator, in bytes. */
  readonly memoryBytes: Readonly<Record<string, number>>;
  readonly ranges: PlannedRanges;
  readonly candidates: readonly CandidateReport[];
  readonly refused: readonly RefusedMode[];
  /** Of a network. */
  readonly activations: readonly LayerFit[];
}

const canaryPool = 64;

/** @throws {AppError} plan.impossible, plan.calibration, model.unsupported */
export function* planModel(request: PlanRequest): Steps<PlannedDeployment> {
  const { model } = request;
  const ranges = planFeatureRanges(request.calibration, request.rows, model.preprocessing);
  const calibration = sampleRows(request.calibration, request.rows);
  const rows = Math.min(request.rows, mostSampledRows);
  const scores = clearScores(model.body, calibration, rows);
  const scoreScale = typicalScore(scores, rows) || 1;
  const canaries = syntheticRows(canaryPool, ranges, 1);
  const tensors = tensorWriter();
  const planned = yield* planBody({
    ...request,
    ...model,
    calibration,
    rows,
    features: model.preprocessing.features,
    ranges,
    scores,
    scoreScale,
    canaries,
    tensors,
  });
  const { plans } = planned;
  return {
    client: clientDocument(model, { ranges, scoreScale, plans: plans.map((plan) => plan.client) }),
    server: { format: 'sealpoint.server', version: 1, backend: 'seal', plans: plans.map((plan) => plan.server) },
    tensors: tensors.all(),
    canaries,
    canaryScores: Object.fromEntries(plans.map(({ client, twin }) => [client.mode, twin(canaries, canaryPool)])),
    twins: Object.fromEntries(plans.map(({ client, twin }) => [client.mode, twin])),
    heldOut: Object.fromEntries(
      plans.flatMap(({ client, heldOut }) => (heldOut === undefined ? [] : [[client.mode, heldOut] as const])),
    ),
    memoryBytes: Object.fromEntries(plans.map(({ client, memoryBytes }) => [client.mode, memoryBytes])),
    ranges,
    candidates: planned.candidates,
    refused: planned.refused ?? [],
    activations: planned.activations ?? [],
  };
}

function* planBody(request: BodyRequest): Steps<PlannedBody> {
  const { body } = request;
  if (body.kind === 'tree-ensemble') return yield* planTrees({ ...request, body });
  if (body.layers.length > 1) return yield* planNetwork({ ...request, body });
  return planLinear({ ...request, body });
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

function copyFeature(
  feature: Model['preprocessing']['features'][number],
): ClientDocument['preprocessing']['features'][number] {
  if (feature.kind !== 'ordinal') return { ...feature };
  return { ...feature, categories: [...feature.categories], values: [...feature.values] };
}
