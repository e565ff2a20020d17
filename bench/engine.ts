import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { programsOf } from '../src/app/programs.ts';
import type { CompileOutcome, PlanMode } from '../src/core/artifact/outcomes.ts';
import { compileModel } from '../src/service/compile.ts';
import type { Environment, Running } from '../src/service/environment.ts';
import { runJob } from '../src/service/run.ts';
import { inRepository } from '../scripts/paths.ts';
import type { BenchContext, Figure } from './bench.ts';
import { measurePeer, type Peer } from './peers.ts';

const running: Running = { signal: new AbortController().signal, onProgress: () => undefined };

/** One model of test/fixtures, one mode. */
export interface EngineCase {
  /** Dataset/file. */
  readonly model: string;
  readonly mode: PlanMode;
  readonly reveal?: 'nothing' | 'thresholds';
  /** For the server's time of a record (latency), or its records a second (throughput). */
  readonly goal?: string;
  /** Measured beside the server's time. */
  readonly peer?: Peer;
  /** A file of so many records, the fixture's over and over. */
  readonly large?: { readonly records: number; readonly goal: string };
}

/** Compiles, which proves and times the plan on a query, then runs the fixture's rows and counts labels. */
export async function measureCase(context: BenchContext, item: EngineCase): Promise<void> {
  const { mode, reveal = 'nothing' } = item;
  const [dataset = '', file = ''] = item.model.split('/');
  const folder = inRepository('test/fixtures', dataset);
  const name = `${file}, ${mode}${file.endsWith('.onnx') && reveal === 'nothing' ? '' : `, reveal ${reveal}`}`;
  const environment: Environment = {
    home: join(context.folder, 'home'),
    programs: programsOf(),
    askPassphrase: () => Promise.resolve('bench passphrase'),
    log: () => undefined,
  };
  const deployment = join(context.folder, name.replace(/\W+/gu, '-'));
  const compiled = await compileModel(
    {
      model: join(folder, file),
      calibration: join(folder, 'calibration.csv'),
      output: deployment,
      mode,
      reveal,
      maxError: 1e-3,
      minAgreement: 0.99,
      explain: true,
    },
    environment,
    running,
  );
  const peer = item.peer === undefined ? undefined : await measurePeer(context, item.peer);
  recordPlan(context, { name, compiled, item, peer });
  recordPredictions(context, name, compiled);
  const output = join(context.folder, 'predictions.csv');
  const run = async (data: string, goal?: string): Promise<void> => {
    const { records, seconds } = await runJob({ data, deployment, output }, environment, running);
    const what = `${name}: ${String(records)} records, CSV to CSV`;
    context.record({ what, value: seconds.total, unit: 's' });
    if (goal !== undefined) context.record({ what, value: records / seconds.total, unit: 'records/s', goal });
  };
  if (item.large !== undefined) {
    const data = join(context.folder, 'large.csv');
    await writeFile(data, await repeated(join(folder, 'data.csv'), item.large.records));
    await run(data, item.large.goal);
  }
  await run(join(folder, 'data.csv'));
  await recordLabels(context, { name, output, folder, file, isNetwork: item.reveal === undefined });
}

/** Against the library's labels, and both against the true ones. */
async function recordLabels(
  context: BenchContext,
  run: Readonly<Record<'name' | 'output' | 'folder' | 'file', string>> & { readonly isNetwork: boolean },
): Promise<void> {
  const { name, output, folder, file, isNetwork } = run;
  const library = join(folder, 'expected', `${file.replace(/\.\w+$/u, '')}.csv`);
  const share = await equalLabels(output, library);
  if (share === undefined) return;
  context.record({ what: `${name}: labels equal to the library's`, value: 100 * share, unit: '%' });
  const truth = join(folder, 'labels.csv');
  const [ours, theirs] = [await equalLabels(output, truth), await equalLabels(library, truth)];
  if (ours === undefined || theirs === undefined) return;
  const lost = 100 * (theirs - ours);
  context.record({
    what: `${name}: accuracy below the library's`,
    value: lost,
    unit: 'points',
    ...(isNetwork ? { goal: 'at most 0.5 points' } : {}),
  });
}

function recordPlan(
  context: BenchContext,
  measured: {
    readonly name: string;
    readonly compiled: CompileOutcome;
    readonly item: EngineCase;
    readonly peer: Figure['peer'];
  },
): void {
  const { name, item, peer } = measured;
  const [plan] = measured.compiled.plans;
  if (plan === undefined) throw new Error('no plan');
  const { seconds, bytes, capacity } = plan;
  const extra = {
    ...(item.goal === undefined ? {} : { goal: item.goal }),
    ...(peer === undefined ? {} : { peer }),
  };
  if (item.mode === 'latency')
    context.record({ what: `${name}: server`, value: seconds.evaluate * 1000, unit: 'ms', ...extra });
  else context.record({ what: `${name}: server`, value: capacity / seconds.evaluate, unit: 'records/s', ...extra });
  const each = (value: number) => value / capacity;
  context.record({ what: `${name}: encrypt a record`, value: each(seconds.encrypt) * 1000, unit: 'ms' });
  context.record({ what: `${name}: sent a record`, value: each(bytes.query) / 1000, unit: 'kB' });
  context.record({ what: `${name}: received a record`, value: each(bytes.result) / 1000, unit: 'kB' });
  context.record({ what: `${name}: evaluation keys`, value: bytes.evaluationKeys / 1e6, unit: 'MB' });
}

/** What the planner foretold of the chosen plan, over what its proof measured. */
function recordPredictions(context: BenchContext, name: string, { candidates = [] }: CompileOutcome): void {
  for (const { predicted, measured } of candidates) {
    if (measured === undefined) continue;
    const goal = '0.7 to 1.3';
    const ratio = (of: 'blockSeconds' | 'queryBytes' | 'resultBytes'): number => predicted[of] / measured[of];
    context.record({ what: `${name}: time, predicted / measured`, value: ratio('blockSeconds'), unit: '', goal });
    context.record({ what: `${name}: bytes sent, predicted / measured`, value: ratio('queryBytes'), unit: '', goal });
    context.record({ what: `${name}: bytes back, predicted / measured`, value: ratio('resultBytes'), unit: '', goal });
  }
}

/** @returns undefined where the model does not classify */
async function equalLabels(predictions: string, expected: string): Promise<number | undefined> {
  const read = async (file: string): Promise<(string | undefined)[] | undefined> => {
    const [header = [], ...rows] = parse(await readFile(file));
    const column = header.indexOf('label');
    return column < 0 ? undefined : rows.map((row) => row[column]);
  };
  const [ours, theirs] = [await read(predictions), await read(expected)];
  if (ours === undefined || theirs === undefined) return undefined;
  return theirs.filter((label, row) => label === ours[row]).length / theirs.length;
}

/** A CSV with the rows of another, over and over. */
async function repeated(file: string, records: number): Promise<string> {
  const [header = '', ...rows] = (await readFile(file, 'utf8')).trim().split('\n');
  return [header, ...Array.from({ length: records }, (_, row) => rows[row % rows.length] ?? '')].join('\n');
}
