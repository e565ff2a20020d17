import type { CandidateOutcome, CompileOutcome, InstancesOutcome } from '../../core/artifact/outcomes.ts';
import { bytesText, secondsText, tableText } from './words.ts';

/** What `--explain` adds: the ways that were weighed, and what the plans would take on instance types. */
export function explainText({ candidates, instances }: Pick<CompileOutcome, 'candidates' | 'instances'>): string[] {
  return [
    ...(candidates === undefined ? [] : [weighedText(candidates)]),
    ...(instances === undefined ? [] : [instancesText(instances)]),
  ];
}

function weighedText(candidates: readonly CandidateOutcome[]): string {
  const headings = ['', 'mode', 'circuit', 'parameters', 'time', 'a record', 'memory', 'query', 'result', 'RMS error'];
  const rows = candidates.flatMap((candidate) => [predictedRow(candidate), ...measuredRows(candidate)]);
  return [
    'Weighed, the cheapest of each mode chosen (*). Time and bytes are of one block, time on one thread, or on two where a block is one record;',
    '"a record" is its share, its bytes on the line included; memory is resident. Predicted from the built-in cost table, and for the chosen',
    'ones as measured in the proof, where memory is that of compile, client and evaluator together.',
    '',
    tableText(headings, rows),
  ].join('\n');
}

function predictedRow({ mode, circuit, parameters, chosen, predicted }: CandidateOutcome): string[] {
  const { blockSeconds, recordSeconds, memoryBytes, queryBytes, resultBytes, rmsError } = predicted;
  return [
    chosen ? '*' : '',
    mode,
    circuit,
    parameters,
    secondsText(blockSeconds),
    secondsText(recordSeconds),
    memoryBytes === undefined ? '-' : bytesText(memoryBytes),
    bytesText(queryBytes),
    bytesText(resultBytes),
    rmsError.toExponential(1),
  ];
}

function measuredRows({ measured }: CandidateOutcome): string[][] {
  if (measured === undefined) return [];
  const { blockSeconds, memoryBytes, queryBytes, resultBytes, rmsError } = measured;
  const sizes = [memoryBytes, queryBytes, resultBytes].map(bytesText);
  return [['', '', 'as measured', '', secondsText(blockSeconds), '', ...sizes, rmsError.toExponential(1)]];
}

function instancesText({ basis, estimates }: InstancesOutcome): string {
  const headings = ['instance', 'vCPU', 'mode', 'one query', 'records/s'];
  const rows = estimates.map(({ instance, virtualProcessors, mode, seconds, recordsPerSecond }) => [
    instance,
    String(virtualProcessors),
    mode,
    secondsText(seconds),
    rateText(recordsPerSecond),
  ]);
  return ['What evaluating would take on SageMaker instances.', wrapped(basis), '', tableText(headings, rows)].join(
    '\n',
  );
}

function rateText(perSecond: number): string {
  return Number(perSecond.toPrecision(2)).toLocaleString('en-US');
}

const lineLength = 140;

function wrapped(text: string): string {
  return text.replaceAll(new RegExp(`(.{1,${String(lineLength)}})(?: |$)`, 'gu'), '$1\n').trimEnd();
}
