import { AppError } from '../error.ts';
import type { TreeEnsemble } from '../model/ir.ts';
import { treeScores } from '../model/trees/evaluate.ts';
import type { Steps } from '../progress.ts';
import { measureApproximation } from '../table/accuracy.ts';
import type { BodyRequest } from './body-planner.ts';
import { blendedRows, joined } from './ranges.ts';
import { openThermometer, type Thermometer, type ThermometerSpec } from './thermometer.ts';
import { listedEdges, moveThresholds, sortColumns, strictThresholds } from './thresholds.ts';

/** Finer grids make queries that no line carries. */
const finestGrid = 8;

/** An ensemble as a thermometer sees it: the clear twin of what the server computes. */
export interface SeenEnsemble {
  readonly thermometer: Thermometer;
  readonly ensemble: TreeEnsemble;
}

/**
 * Through the model's own thresholds where they may be revealed, else through the coarsest grid that agrees.
 * @throws {AppError} plan.impossible: no grid agrees
 */
export function* seeEnsemble(request: BodyRequest<TreeEnsemble>): Steps<SeenEnsemble> {
  return request.reveal === 'thresholds' ? seeExactly(request) : yield* seeByGrid(request);
}

function seeExactly(request: BodyRequest<TreeEnsemble>): SeenEnsemble {
  const ensemble = strictThresholds(request.body);
  const values = listedEdges(ensemble);
  // Trees that never split leave nothing to ask of a record; a query needs something to carry.
  if (values.every((edges) => edges.length === 0)) values[0]?.push(request.ranges.center[0] ?? 0);
  const spec = specOf(request, { kind: 'listed', values });
  return { thermometer: openThermometer(spec, request.ranges), ensemble };
}

/** The coarsest grid that keeps the agreement on the rows of the proof. */
function* seeByGrid(request: BodyRequest<TreeEnsemble>): Steps<SeenEnsemble> {
  const { body, calibration, rows, ranges } = request;
  const exact = strictThresholds(body);
  const columns = sortColumns(calibration, rows, body);
  const blended = blendedRows(calibration, body.inputs);
  const features = joined(calibration, blended);
  const clear = treeScores(body, features, 2 * rows);
  let agreement = 0;
  for (let bits = 1; bits <= finestGrid; bits += 1) {
    yield;
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
  const rows = clear.length / request.body.outputs;
  return measureApproximation(
    request.task,
    { clear, other, rows },
    { maxError: request.maxError, typicalScore: request.scoreScale },
  ).agreement;
}

function specOf({ body, features }: BodyRequest<TreeEnsemble>, edges: ThermometerSpec['edges']): ThermometerSpec {
  const missing = features.map((feature) => feature.kind === 'number' && feature.missing === 'keep');
  return { comparison: body.comparison, missing, edges };
}
