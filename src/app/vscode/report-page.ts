import type { PlanOutcome } from '../../core/artifact/outcomes.ts';
import type { ReportDocument } from '../../core/artifact/report.ts';
import { bytesText, errorSize, percentText, planName, plural, secondsText, shortId } from './words.ts';

/** report.json as a page: what each plan costs and promises, what it was chosen among, what it reveals. */
export function reportMarkdown(report: ReportDocument): string {
  const { model, reveals, refused = [], deployment } = report;
  return [
    `# ${model.file}: deployment ${shortId(deployment)}`,
    '',
    `${model.source}, ${model.task}${model.classes === undefined ? '' : ` into ${plural(model.classes, 'class', 'classes')}`}, ${plural(model.inputs, 'input')}. ${calibrationText(report)}`,
    '',
    ...plansTable(report),
    '',
    ...refused.map(({ mode, reason }) => `> There is no plan for ${planName(mode).toLowerCase()}. ${reason}\n`),
    ...activationsSection(report),
    '## What whoever holds client.zip learns',
    '',
    ...reveals.map((what) => `- ${what}`),
    '',
    '## What was weighed',
    '',
    'By the built-in cost table, the same on every machine: a block is what is encrypted together. The cheapest of each mode was chosen.',
    '',
    ...candidatesTable(report),
    '',
    '## Where',
    '',
    `- Deployment: \`${deployment}\``,
    `- client.zip: ${bytesText(report.bytes.client)}, for whoever has data and keys`,
    `- server.zip: ${bytesText(report.bytes.server)}, for whoever evaluates: it holds the model`,
    `- Measured on: ${report.machine.processor}, ${plural(report.machine.cores, 'core')}, Node ${report.machine.node.replace(/^v/u, '')}`,
    '',
  ].join('\n');
}

function calibrationText({ calibration, tolerance, plaintext }: ReportDocument): string {
  const rows = `Proved on ${plural(calibration.rows, 'calibration row')} and ${plural(calibration.syntheticRows, 'synthetic one')}`;
  const asked = `asked for were an error of at most ${String(tolerance.maxError)} and an agreement of ${percentText(tolerance.minAgreement)}`;
  const right = plaintext.accuracy === undefined ? '' : `, ${accuracyText(plaintext.accuracy)} on the calibration rows`;
  return `${rows}; ${asked}. In the clear a record takes ${secondsText(plaintext.secondsPerRecord)}${right}.`;
}

type ProvedPlan = ReportDocument['plans'][number];

/** A column a plan. */
function plansTable({ plans, candidates }: ReportDocument): string[] {
  const rows: readonly (readonly [string, (plan: ProvedPlan) => string])[] = [
    ['Packing', ({ packing, scheme }) => `${packing}, ${scheme.toUpperCase()}`],
    ['Most records in a query', ({ capacity }) => capacity.toLocaleString('en')],
    ['A record, evaluated', (plan) => secondsText(plan.seconds.evaluate / timedRecords(plan))],
    [
      'The same against the model in the clear',
      ({ slowdown }) => `${Number(slowdown.toPrecision(2)).toLocaleString('en')} times`,
    ],
    [
      'A query, encrypted / evaluated / decrypted',
      ({ seconds }) => [seconds.encrypt, seconds.evaluate, seconds.decrypt].map(secondsText).join(' / '),
    ],
    ['A block, predicted / measured', ({ mode }) => predictedText(candidates, mode)],
    ['Query', ({ bytes }) => bytesText(bytes.query)],
    ['Result', ({ bytes }) => bytesText(bytes.result)],
    ['Evaluation keys, of all plans', ({ bytes }) => bytesText(bytes.evaluationKeys)],
    ['Creating the keys', ({ seconds }) => secondsText(seconds.keys)],
    ['Answers that agree with the model', agreementText],
    ['Largest error of a score, relative', ({ maxError }) => errorSize(maxError)],
    ['Scores are within', ({ errorBound }) => `±${errorSize(errorBound)}`],
    ['Accuracy on the calibration rows', ({ accuracy }) => (accuracy === undefined ? '' : accuracyText(accuracy))],
    [
      'Security',
      ({ security }) =>
        `${security.bits} bits: log Q ${security.logQ} of at most ${security.mostLogQ} at N = ${security.polyModulusDegree}`,
    ],
  ];
  const filled = rows
    .map(([name, of]) => [name, ...plans.map(of)])
    .filter(([, ...cells]) => cells.some((cell) => cell !== ''));
  return table(['', ...plans.map(({ mode }) => planName(mode))], filled);
}

/** One record was timed for latency, a full query for throughput. */
function timedRecords({ mode, capacity }: Pick<PlanOutcome, 'mode' | 'capacity'>): number {
  return mode === 'latency' ? 1 : capacity;
}

function predictedText(candidates: ReportDocument['candidates'], mode: string): string {
  const chosen = candidates.find((candidate) => candidate.mode === mode && candidate.chosen);
  if (chosen?.measured === undefined) return '';
  return `${secondsText(chosen.predicted.blockSeconds)} / ${secondsText(chosen.measured.blockSeconds)}`;
}

function agreementText({
  agreement,
  agreementLowerBound,
}: Pick<PlanOutcome, 'agreement' | 'agreementLowerBound'>): string {
  const sure = agreementLowerBound === 0 ? '' : ` (at least ${percentText(agreementLowerBound)} at 95 % confidence)`;
  return `${percentText(agreement)}${sure}`;
}

function accuracyText({ kind, value }: NonNullable<PlanOutcome['accuracy']>): string {
  return kind === 'r2' ? `R² ${value.toFixed(3)}` : `${percentText(value)} right`;
}

/** Of a network. */
function activationsSection({ activations = [] }: ReportDocument): string[] {
  if (activations.length === 0) return [];
  const rows = activations.map((activation) => [
    activation.layer,
    `degree ${String(activation.degree)}`,
    activation.exact ? 'as it is' : 'fitted to the calibration rows',
    agreementText(activation),
  ]);
  return [
    '## What activations became',
    '',
    'Polynomials, one after the other; answers that agree with the model on the calibration rows are those with all so far in place.',
    '',
    ...table(['Activation', 'Polynomial', '', 'Agreement'], rows),
    '',
  ];
}

function candidatesTable({ candidates }: ReportDocument): string[] {
  const rows = candidates.map(({ mode, circuit, parameters, chosen, predicted }) => [
    `${planName(mode)}${chosen ? ', chosen' : ''}`,
    `${circuit}, ${parameters}`,
    secondsText(predicted.blockSeconds),
    bytesText(predicted.queryBytes),
    predicted.memoryBytes === undefined ? '' : bytesText(predicted.memoryBytes),
  ]);
  return table(['', 'Way', 'A block', 'To send', 'Memory of the server'], rows);
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)];
}
