import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { programsOf } from '../src/app/programs.ts';
import { loadSeal } from '../src/seal/library.ts';
import { openSecretSession } from '../src/seal/client/secret-session.ts';
import { openServerSession, type ServerSession } from '../src/seal/server/server-session.ts';
import { encodeContainer } from '../src/core/artifact/container.ts';
import { readArtifact } from '../src/core/artifact/headers.ts';
import { queryDigest } from '../src/core/artifact/ids.ts';
import { sha256 } from '../src/seal/digest.ts';
import { compileModel } from '../src/service/compile.ts';
import { createKeySet } from '../src/service/create-key-set.ts';
import { readClientArchive, readServerArchive } from '../src/service/deployment-archives.ts';
import type { Environment, Running } from '../src/service/environment.ts';
import { makeKeyMaterial } from '../src/service/key-material.ts';
import { freshJob } from '../src/service/job.ts';
import { runJob } from '../src/service/run.ts';
import { inRepository } from '../scripts/paths.ts';
import type { BenchContext } from './bench.ts';
import { median } from './bench.ts';
import { watchResident } from './resident.ts';

export const name = 'linear';

const records = 100_000;
/** One record: until the code is compiled, and then counted. */
const [warmUps, repeats] = [300, 200];
const running: Running = { signal: new AbortController().signal, onProgress: () => undefined };

/** The breast-cancer logistic model, 30 features: a table of 100,000 records, and one record. */
export async function run(context: BenchContext): Promise<void> {
  const environment: Environment = {
    home: join(context.folder, 'home'),
    programs: programsOf(),
    askPassphrase: () => Promise.resolve('bench passphrase'),
    log: () => undefined,
  };
  const input = inRepository('resources/breast-cancer');
  const compiled = await compileModel(
    {
      model: join(input, 'logistic.onnx'),
      calibration: join(input, 'calibration.csv'),
      output: join(context.folder, 'deployment'),
      mode: 'auto',
      reveal: 'nothing',
      maxError: 1e-3,
      minAgreement: 0.99,
    },
    environment,
    running,
  );
  await createKeySet({ deployment: compiled.path, name: 'bench' }, environment, running);
  await oneRecord(context, compiled.path, environment);
  await table(context, compiled.path, environment);
}

async function table(context: BenchContext, deployment: string, environment: Environment): Promise<void> {
  const data = join(context.folder, 'many.csv');
  await writeMany(data);
  const times: number[] = [];
  let bytes = { sent: 0, received: 0 };
  const resident = watchResident();
  for (let count = 0; count < 3; count += 1) {
    const outcome = await runJob({ data, deployment, output: join(context.folder, 'out.csv') }, environment, running);
    times.push(outcome.seconds.total);
    ({ bytes } = outcome);
    const { encrypt, evaluate, decrypt } = outcome.seconds;
    context.log(
      `${outcome.plan}, ${String(outcome.queries)} queries: encrypt ${encrypt.toFixed(1)}, evaluate ${evaluate.toFixed(1)}, decrypt ${decrypt.toFixed(1)} s of thread time`,
    );
  }
  const what = `${String(records)} records x 30 features, CSV to CSV`;
  context.record({
    what,
    value: median(times),
    unit: 's',
    repeats: times.length,
    range: [Math.min(...times), Math.max(...times)],
    goal: 'at most 15 s on 2 cores',
  });
  context.record({
    what: 'largest process, resident',
    value: resident.stop() / 1e6,
    unit: 'MB',
    goal: 'at most 1,000 MB',
  });
  context.record({ what: 'sent a record', value: bytes.sent / records, unit: 'B', goal: 'at most 700 B' });
  context.record({ what: 'received a record', value: bytes.received / records, unit: 'B' });
}

async function writeMany(path: string): Promise<void> {
  const [header = '', ...rows] = (await readFile(inRepository('resources/breast-cancer/data.csv'), 'utf8'))
    .trim()
    .split('\n');
  const file = createWriteStream(path);
  file.write(`${header}\n`);
  for (let row = 0; row < records; row += rows.length) {
    if (!file.write(`${rows.slice(0, records - row).join('\n')}\n`)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
}

/** As the evaluator does, without its threads. */
function evaluateHere(session: ServerSession, query: Uint8Array, evaluationKeys: Uint8Array): Uint8Array {
  const { header, sections } = readArtifact('sealpoint.query', query, 'bench');
  const { deployment, plan, key, job, index, records: count } = header;
  const blocks = header.sections.map((entry, block) => {
    const bytes = sections[block] ?? new Uint8Array(0);
    return { name: entry.name, ...session.evaluateBlock({ mode: plan, entry, bytes, key, evaluationKeys }) };
  });
  const result = {
    format: 'sealpoint.result',
    version: 1,
    deployment,
    plan,
    key,
    job,
    index,
    records: count,
    seconds: 0,
  };
  return encodeContainer({ ...result, query: queryDigest(header.sections, sha256) }, blocks, sha256);
}

interface StepTimes {
  readonly encrypt: number[];
  readonly evaluate: number[];
  readonly decrypt: number[];
  readonly all: number[];
}

function keepTimes(figures: StepTimes, [a = 0, b = 0, c = 0, d = 0]: readonly number[]): void {
  figures.encrypt.push(b - a);
  figures.evaluate.push(c - b);
  figures.decrypt.push(d - c);
  figures.all.push(d - a);
}

/** In one thread, sessions warm: what a record costs by itself. */
async function oneRecord(context: BenchContext, deployment: string, environment: Environment): Promise<void> {
  const client = await readClientArchive(join(deployment, 'client.zip'), 'client.zip');
  const server = await readServerArchive(join(deployment, 'server.zip'), 'server.zip');
  using keys = await makeKeyMaterial(client, environment, running.signal);
  const seal = await loadSeal();
  using secret = openSecretSession(seal, client, keys.secrets);
  using evaluating = openServerSession(seal, server);
  const features = client.canaries.slice(0, client.document.ranges.center.length);
  const job = freshJob();
  const figures: StepTimes = { encrypt: [], evaluate: [], decrypt: [], all: [] };
  for (let index = 0; index < warmUps + repeats; index += 1) {
    const times = [performance.now()];
    const query = secret.encryptQuery({ mode: 'latency', job, index, records: 1 }, features, {});
    times.push(performance.now());
    const result = evaluateHere(evaluating, query.query, keys.evaluationKeys);
    times.push(performance.now());
    secret.decryptResult(result, { file: 'bench', digest: query.digest });
    times.push(performance.now());
    if (index < warmUps) continue;
    keepTimes(figures, times);
  }
  for (const step of ['encrypt', 'evaluate', 'decrypt', 'all'] as const) {
    const values = figures[step];
    const goal = step === 'all' ? { goal: 'at most 4 ms' } : {};
    context.record({
      what: `one record, ${step}`,
      value: median(values),
      unit: 'ms',
      repeats: values.length,
      range: [Math.min(...values), Math.max(...values)],
      ...goal,
    });
  }
  const [entry] = readArtifact(
    'sealpoint.query',
    secret.encryptQuery({ mode: 'latency', job, index: 99, records: 1 }, features, {}).query,
    'bench',
  ).header.sections;
  context.record({ what: 'one record, query', value: entry?.length ?? 0, unit: 'B' });
}
