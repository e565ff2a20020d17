import type { CompileOutcome, PlanOutcome, RunOutcome } from '../../core/artifact/outcomes.ts';
import type { AppError, ErrorPlace } from '../../core/error.ts';

/** Texts with numbers in them, free of the editor so that they can be tested as they are. */

export function shortId(id: string): string {
  return id.slice(0, 8);
}

/** "512 bytes", "15.6 kB", "3.2 MB": decimal units. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${String(Math.round(bytes))} bytes`;
  if (bytes < 1e6) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

export function secondsText(seconds: number): string {
  if (seconds < 0.1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** A plan in two lines, from the numbers that its proof measured. */
export function planLines(plan: PlanOutcome): { readonly label: string; readonly detail: string } {
  const { scheme, packing, capacity, seconds, bytes, securityBits } = plan;
  const name = plan.mode === 'latency' ? 'One record' : 'Whole files';
  const time = secondsText(seconds.evaluate);
  const query =
    capacity === 1 ? `${time} to evaluate a record` : `${time} to evaluate a query of ${plural(capacity, 'record')}`;
  return {
    label: `${name}: ${packing} packing, ${scheme.toUpperCase()}, ${String(securityBits)}-bit security`,
    detail: `${query} · ${bytesText(bytes.query / Math.max(1, capacity))} sent a record`,
  };
}

/** "data.csv, row 7, column mean radius: The value is no number. Write numbers with a decimal point." */
export function errorText(error: AppError): string {
  const { file } = error.place;
  // Whole paths make a message hard to read; the button opens the file.
  const message = file === undefined ? error.message : error.message.replaceAll(file, baseName(file));
  const places = placesOf(error.place).filter(({ named }) => !message.includes(named));
  const start = places.length === 0 ? '' : `${places.map(({ text }) => text).join(', ')}: `;
  return `${start}${message}${error.hint === undefined ? '' : ` ${error.hint}`}`;
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

export function compiledText(outcome: CompileOutcome): string {
  const plans = outcome.plans.map(
    (plan) => `${plan.mode} (${plan.packing}, largest error ${plan.maxError.toExponential(1)})`,
  );
  return `Compiled deployment ${shortId(outcome.deployment)}: ${plans.join(', ')}.`;
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
