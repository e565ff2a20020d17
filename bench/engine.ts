import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { programsOf } from '../src/app/programs.ts';
import type { CompileOutcome, PlanMode } from '../src/core/artifact/outcomes.ts';
import { compileModel } from '../src/service/compile.ts';
import type { Environment, Running } from '../src/service/environment.ts';
import { runJob } from '../src/service/run.ts';
import { inRepository } from '../scripts/paths.ts';
import type { BenchContext, Figure } from './bench.ts';

const running: Running = { signal: new AbortController().signal, onProgress: () => undefined };

/** One model of test/fixtures, one mode. */
export interface EngineCase {
  /** Dataset/file. */
  readonly model: string;
  readonly mode: PlanMode;
  readonly reveal?: 'nothing' | 'thresholds';
  readonly minAgreement?: number;
  /** For the server's time of a record (latency), or its records a second (throughput). */
  readonly goal?: string;
  readonly peer?: Figure['peer'];
}

/** Compiles, which proves and times the plan on a query, then runs the fixture's rows and counts labels. */
export async function measureCase(context: BenchContext, item: EngineCase): Promise<void> {
  const { mode, reveal = 'nothing', minAgreement = 0.99 } = item;
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
      minAgreement,
    },
    environment,
    running,
  );
  recordPlan(context, { name, compiled, item });
  await recordPrediction(context, { name, deployment, compiled });
  const data = join(folder, 'data.csv');
  const output = join(context.folder, 'predictions.csv');
  const outcome = await runJob({ data, deployment, output }, environment, running);
  context.record({
    what: `${name}: ${String(outcome.records)} records, CSV to CSV`,
    value: outcome.seconds.total,
    unit: 's',
  });
  const expected = join(folder, 'expected', `${file.replace(/\.\w+$/u, '')}.csv`);
  const share = await equalLabels(output, expected);
  if (share !== undefined)
    context.record({ what: `${name}: labels equal to the library's`, value: 100 * share, unit: '%' });
}

function recordPlan(
  context: BenchContext,
  measured: { readonly name: string; readonly compiled: CompileOutcome; readonly item: EngineCase },
): void {
  const { name, item } = measured;
  const [plan] = measured.compiled.plans;
  if (plan === undefined) throw new Error('no plan');
  const { seconds, bytes, capacity } = plan;
  const extra = {
    ...(item.goal === undefined ? {} : { goal: item.goal }),
    ...(item.peer === undefined ? {} : { peer: item.peer }),
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

/** What the built-in cost table says, over what was measured. */
async function recordPrediction(
  context: BenchContext,
  made: { readonly name: string; readonly deployment: string; readonly compiled: CompileOutcome },
): Promise<void> {
  const { readClientArchive } = await import('../src/service/deployment-archives.ts');
  const client = await readClientArchive(join(made.deployment, 'client.zip'), 'client.zip');
  const [plan] = client.document.plans;
  const { seconds, capacity } = made.compiled.plans[0] ?? {};
  if (plan === undefined || seconds === undefined || capacity === undefined) return;
  const measured = seconds.evaluate + seconds.encrypt;
  context.record({
    what: `${made.name}: predicted / measured, encrypt and evaluate`,
    value: plan.estimate.blockSeconds / measured,
    unit: '',
    goal: '0.7 to 1.3',
  });
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
