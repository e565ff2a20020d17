import type { ActivationOutcome, CompileOutcome, PlaintextOutcome, PlanOutcome } from '../../core/artifact/outcomes.ts';
import { securityOf, type ParameterSet } from '../../core/plan/parameters.ts';
import { bytesText, factsText, percentText, relativePath, secondsText, shortId, tableText } from './words.ts';

/** What is told of a deployment: by compile, and by inspect where report.json lies with it. */
export type ToldDeployment = Omit<CompileOutcome, 'path' | 'backend' | 'candidates' | 'instances'> & {
  readonly path?: string;
};

/** Facts, two tables with a line a plan (what it promises, what it costs), and what client.zip tells. */
export function deploymentText(told: ToldDeployment): string {
  const reveals = ['client.zip tells:', ...told.reveals.map((what) => `  ${what}`)].join('\n');
  const { plans, activations = [], warnings = [] } = told;
  const tables = [
    promisesTable(plans),
    costsTable(plans),
    ...(activations.length === 0 ? [] : [fitsTable(activations)]),
  ];
  return [factsOf(told), ...tables, ...warnings, reveals].join('\n\n');
}

function factsOf({ deployment, path, plans, bytes, model, plaintext }: ToldDeployment): string {
  return factsText([
    ['deployment', shortId(deployment)],
    ['folder', path === undefined ? '' : relativePath(path)],
    ['model', model === undefined ? '' : modelText(model)],
    ['in the clear', plaintext === undefined ? '' : plaintextText(plaintext)],
    ['client.zip', `${bytesText(bytes.client)}, for whoever has data and keys`],
    ['server.zip', `${bytesText(bytes.server)}, for whoever evaluates: it holds the model`],
    ['security', securityText(plans)],
  ]);
}

function modelText({ file, source, inputs, task, classes }: NonNullable<CompileOutcome['model']>): string {
  const kinds = classes === undefined ? task : `${task} into ${String(classes)} classes`;
  return `${file}, ${source}: ${kinds}, ${String(inputs)} inputs`;
}

function plaintextText({ secondsPerRecord, accuracy }: PlaintextOutcome): string {
  const time = `${secondsText(secondsPerRecord)} a record on one thread`;
  return accuracy === undefined ? time : `${accuracyText(accuracy)} on the calibration rows, ${time}`;
}

function accuracyText({ kind, value }: NonNullable<PlaintextOutcome['accuracy']>): string {
  return kind === 'r2' ? `R² ${value.toFixed(4)}` : `${percentText(value)} right`;
}

/** Where log Q stands at each degree that the plans use. */
function securityText(plans: readonly PlanOutcome[]): string {
  const [first] = plans;
  if (first === undefined) return '';
  const limits = plans.map(({ scheme, polyModulusDegree, coeffModulusBits }) => {
    const set = { id: '', scheme, polyModulusDegree, coeffModulusBits } as ParameterSet;
    const { mostLogQ } = securityOf(set);
    return `log Q at most ${String(mostLogQ)} at N = ${String(polyModulusDegree)}`;
  });
  return `${String(first.securityBits)} bits: ${[...new Set(limits)].join(', ')} (eprint 2024/463, stricter than HomomorphicEncryption.org 2018)`;
}

/** The largest error is relative, the score's bound absolute. */
const promises = [
  'mode',
  'scheme',
  'packing',
  'N',
  'log Q',
  'records',
  'agreement',
  'right',
  'largest error',
  'score within',
];

function promisesTable(plans: readonly PlanOutcome[]): string {
  const rows = plans.map((plan) => [
    plan.mode,
    plan.scheme.toUpperCase(),
    plan.packing,
    String(plan.polyModulusDegree),
    String(plan.coeffModulusBits.reduce((sum, bits) => sum + bits, 0)),
    String(plan.capacity),
    agreementText(plan),
    plan.accuracy === undefined ? '' : accuracyText(plan.accuracy).replace(' right', ''),
    plan.maxError.toExponential(1),
    plan.errorBound === undefined ? '' : `± ${plan.errorBound.toExponential(1)}`,
  ]);
  return tableText(...filled(promises, rows));
}

/** An agreement with nothing to bound it has a bound of 0. */
function agreementText({
  agreement,
  agreementLowerBound,
}: Pick<PlanOutcome, 'agreement' | 'agreementLowerBound'>): string {
  const bound = agreementLowerBound === 0 ? '' : ` (>= ${percentText(agreementLowerBound)})`;
  return `${percentText(agreement)}${bound}`;
}

/** What activations became; a layer's agreement is that of the network so far. */
function fitsTable(activations: readonly ActivationOutcome[]): string {
  const rows = activations.map((activation) => [
    activation.layer,
    `degree ${String(activation.degree)}${activation.exact ? ', exact' : ', fitted'}`,
    agreementText(activation),
  ]);
  return tableText(['activation', 'polynomial', 'agreement so far'], rows);
}

/** Of one record for latency, of a full query for throughput. */
const costs = [
  'mode',
  'records',
  'keys',
  'query',
  'result',
  'create keys',
  'encrypt',
  'evaluate',
  'decrypt',
  'slower than clear',
];

function costsTable(plans: readonly PlanOutcome[]): string {
  const rows = plans.map(({ mode, capacity, bytes, seconds, slowdown }) => [
    mode,
    String(mode === 'latency' ? 1 : capacity),
    bytesText(bytes.evaluationKeys),
    bytesText(bytes.query),
    bytesText(bytes.result),
    secondsText(seconds.keys),
    secondsText(seconds.encrypt),
    secondsText(seconds.evaluate),
    secondsText(seconds.decrypt),
    slowdown === undefined ? '' : timesText(slowdown),
  ]);
  return tableText(...filled(costs, rows));
}

/** "1,200 x": two digits are as many as it is known to. */
function timesText(factor: number): string {
  return `${Number(factor.toPrecision(2)).toLocaleString('en-US')} x`;
}

/** Without the columns that no row fills. */
function filled(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): [readonly string[], readonly (readonly string[])[]] {
  const kept = headings.flatMap((_, column) => (rows.some((row) => row[column] !== '') ? [column] : []));
  const pick = (line: readonly string[]): string[] => kept.map((column) => line[column] ?? '');
  return [pick(headings), rows.map(pick)];
}
