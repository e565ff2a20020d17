import type { CompileOutcome, PlanMode, PlanOutcome, RunOutcome } from '../../core/artifact/outcomes.ts';
import type { AppError, ErrorPlace } from '../../core/error.ts';
import type { ModelDescription } from '../../service/describe-model.ts';
import { editorHint } from './hints.ts';

/** Texts with numbers in them, free of the editor so that they can be tested as they are. */

export function shortId(id: string): string {
  return id.slice(0, 8);
}

/** "512 bytes", "15.6 kB", "3.2 MB", "1.2 GB": decimal units. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${String(Math.round(bytes))} bytes`;
  if (bytes < 1e6) return `${(bytes / 1000).toFixed(1)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

/** "4.2 µs", "0.3 ms", "2.3 s", "4 min", "3 h 20 min" */
export function secondsText(seconds: number): string {
  if (seconds >= 119.5) {
    const minutes = Math.round(seconds / 60);
    return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }
  if (seconds < 1e-4) return `${Number((seconds * 1e6).toPrecision(2))} µs`;
  if (seconds < 0.1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** A plan by what it is good for. */
export function planName(mode: PlanMode): string {
  return mode === 'latency' ? 'One record' : 'Whole files';
}

/** "XGBoost 3.2.0: 100 trees, 30 features"; nothing of a pickle. */
export function modelText(described: ModelDescription): string | undefined {
  if (described.kind === 'pickle') return undefined;
  const { kind, source, inputs, parts } = described;
  const what = {
    linear: 'a linear model',
    network: `a network of ${plural(parts, 'layer')}`,
    trees: plural(parts, 'tree'),
  };
  return `${source}: ${what[kind]}, ${plural(inputs, 'feature')}`;
}

/** "data.csv, row 7, column mean radius: The value is no number. Write numbers with a decimal point." */
export function errorText(error: AppError): string {
  const { file } = error.place;
  // Whole paths make a message hard to read; the button opens the file.
  const message = file === undefined ? error.message : error.message.replaceAll(file, baseName(file));
  const places = placesOf(error.place).filter(({ named }) => !message.includes(named));
  const start = places.length === 0 ? '' : `${places.map(({ text }) => text).join(', ')}: `;
  return `${start}${message}${error.hint === undefined ? '' : ` ${editorHint(error.hint)}`}`;
}

/** The parts of a place, each with what a message that names it already contains. */
function placesOf({ file, row, line, column }: ErrorPlace): { readonly text: string; readonly named: string }[] {
  const counted = row === undefined ? `line ${String(line)}` : `row ${String(row)}`;
  return [
    ...(file === undefined ? [] : [{ text: baseName(file), named: baseName(file) }]),
    ...(row === undefined && line === undefined ? [] : [{ text: counted, named: counted }]),
    ...(column === undefined ? [] : [{ text: `column ${column}`, named: column }]),
  ];
}

/** What was compiled, and what each plan costs and promises, as its proof measured it. */
export function compiledText({ path, model, plans }: CompileOutcome): string {
  const keys = bytesText(plans[0]?.bytes.evaluationKeys ?? 0);
  const name = model?.file ?? baseName(path);
  return [`${name} is compiled.`, ...plans.map(planText), `Evaluation keys: ${keys}.`].join(' ');
}

function planText(plan: PlanOutcome): string {
  const { mode, packing, capacity, seconds, bytes, agreement, errorBound, maxError } = plan;
  const timed = mode === 'latency' ? 1 : capacity;
  const sizes = `query ${bytesText(bytes.query)}, result ${bytesText(bytes.result)}`;
  const promise = errorBound === undefined ? `largest error ${errorSize(maxError)}` : boundText(errorBound);
  const full = timed === 1 ? '' : ` for ${plural(timed, 'record')}`;
  return `${planName(mode)}: ${secondsText(seconds.evaluate / timed)} a record, ${sizes}${full} (${packing} packing); ${percentText(agreement)} agree, ${promise}.`;
}

/** "scores within ±0.0031" */
export function boundText(errorBound: number): string {
  return `scores within ±${errorSize(errorBound)}`;
}

/** Two digits: "0.0031", "3.1e-5". */
export function errorSize(error: number): string {
  return error >= 1e-4 ? String(Number(error.toPrecision(2))) : error.toExponential(1);
}

export function percentText(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

export function ranText(outcome: RunOutcome): string {
  const { records, verified, bytes, seconds } = outcome;
  return `${plural(records, 'prediction')} decrypted, ${plural(verified, 'canary', 'canaries')} verified: ${bytesText(bytes.sent)} sent, ${secondsText(seconds.total)}.`;
}

/** The page behind "Open Summary". */
export function summaryMarkdown(outcome: RunOutcome): string {
  const { bytes, seconds } = outcome;
  const rows: readonly (readonly [string, string])[] = [
    ['Records', outcome.records.toLocaleString('en')],
    ['Canaries verified', `${outcome.verified.toLocaleString('en')} of ${outcome.verified.toLocaleString('en')}`],
    ['Values clipped to the planned range', outcome.clipped.toLocaleString('en')],
    ['Queries', `${outcome.queries.toLocaleString('en')} (${outcome.plan} plan)`],
    ['Sent', `${bytesText(bytes.sent)} (${bytesText(bytes.sent / Math.max(1, outcome.records))} a record)`],
    ['Received', bytesText(bytes.received)],
    ['Encrypting', secondsText(seconds.encrypt)],
    ['Evaluating, as the server measured it', secondsText(seconds.evaluate)],
    ['Decrypting and checking', secondsText(seconds.decrypt)],
    ['In all', secondsText(seconds.total)],
  ];
  return [
    `# Encrypted inference: ${baseName(outcome.output)}`,
    '',
    '|  |  |',
    '|---|---:|',
    ...rows.map(([name, value]) => `| ${name} | ${value} |`),
    '',
    ...outcome.warnings.map((warning) => `> ${warning}\n`),
    '## What the server saw',
    '',
    `- ${plural(outcome.queries, 'encrypted query', 'encrypted queries')}, ${bytesText(bytes.sent)} in all, how many records each holds, and when they came`,
    `- the evaluation keys \`${shortId(outcome.key)}\`, with which it computes but cannot decrypt`,
    `- the deployment \`${shortId(outcome.deployment)}\`: the model is the server's own`,
    '',
    '## What it never saw',
    '',
    '- any value of the data file, its column names and its name',
    '- the predictions, and which of the encrypted records were canaries',
    '- the secret keys: they did not leave this machine',
    '',
    '## Where things are',
    '',
    `- Predictions: \`${outcome.output}\``,
    `- Profile: \`${outcome.profile}\``,
    `- Job: \`${outcome.job}\``,
    `- Deployment: \`${outcome.deployment}\``,
    `- Key set: \`${outcome.key}\``,
    '',
  ].join('\n');
}

export function baseName(file: string): string {
  return file.split(/[\\/]/u).findLast((part) => part !== '') ?? file;
}
