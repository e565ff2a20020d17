import { randomBytes } from 'node:crypto';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { importModel } from '../src/core/model/import.ts';
import type { Model } from '../src/core/model/ir.ts';
import { clearScores } from '../src/core/model/score.ts';
import { toAppError } from '../src/core/error.ts';
import { bindColumns, nameColumns } from '../src/core/table/bind.ts';
import { applyLink } from '../src/core/table/link.ts';
import { preprocessRows } from '../src/core/table/preprocess.ts';
import { programsOf } from '../src/app/programs.ts';
import { openDataFile } from '../src/io/data-file.ts';
import { compileModel } from '../src/service/compile.ts';
import { createKeySet } from '../src/service/create-key-set.ts';
import type { Environment, Running } from '../src/service/environment.ts';
import { runJob } from '../src/service/run.ts';
import { inRepository } from './paths.ts';

/** npm run demo: a model and 143 records from resources/, encrypted, evaluated by a server that never sees them, decrypted, compared. */
const input = inRepository('resources/breast-cancer');
const output = inRepository('demo-output');
const [model, calibration, data] = [
  join(input, 'logistic.onnx'),
  join(input, 'calibration.csv'),
  join(input, 'data.csv'),
];
const predictions = join(output, 'predictions.csv');

/** Three records of a larger model, one at a time. */
interface Scene {
  readonly title: string;
  readonly model: string;
  readonly calibration: string;
  readonly data: string;
  readonly name: string;
}

const scenes: readonly Scene[] = [
  {
    title: 'A hundred boosted trees (XGBoost), no split of which leaves the server',
    model: join(input, 'forest.json'),
    calibration,
    data,
    name: 'forest',
  },
  {
    title: 'A digit network, 784-392-10, which took 187 s a record in a published article',
    model: inRepository('resources/digits/network.onnx'),
    calibration: inRepository('resources/digits/calibration.csv'),
    data: inRepository('resources/digits/data.csv'),
    name: 'network',
  },
];

const abort = new AbortController();
process.once('SIGINT', () => {
  abort.abort();
});
const running: Running = { signal: abort.signal, onProgress: () => undefined };
// The demo's keys protect nothing and live under a passphrase that nobody needs to know.
const passphrase = randomBytes(16).toString('hex');
const environment: Environment = {
  home: join(output, 'home'),
  programs: programsOf(),
  askPassphrase: () => Promise.resolve(passphrase),
  log: () => undefined,
};

try {
  await demo();
} catch (error) {
  const { code, message, hint } = toAppError(error);
  console.error(`The demo failed: ${message} (${code})${hint === undefined ? '' : `\n${hint}`}`);
  process.exitCode = 1;
}

async function demo(): Promise<void> {
  const started = performance.now();
  await rm(output, { recursive: true, force: true });
  say('Sealpoint demo: breast-cancer diagnosis by logistic regression, on records that the server never sees.\n');

  say('1. compile    the model owner turns the model into a deployment, and proves it on encrypted rows');
  const deployment = await compileModel(
    {
      model,
      calibration,
      output: join(output, 'deployment'),
      mode: 'auto',
      reveal: 'nothing',
      maxError: 1e-3,
      minAgreement: 0.99,
    },
    environment,
    running,
  );
  for (const plan of deployment.plans) {
    const parameters = `${plan.scheme.toUpperCase()} N=${String(plan.polyModulusDegree)}, log q = ${plan.coeffModulusBits.join('+')}`;
    say(
      `              ${plan.mode.padEnd(10)} ${plan.packing}, ${parameters}, ${String(plan.securityBits)}-bit security`,
    );
  }
  say('2. keys       the data owner makes a key set; secret keys stay in an encrypted file on this machine');
  const keySet = await createKeySet({ deployment: deployment.path, name: 'demo' }, environment, running);
  say(`              ${keySet.name}: public part ${sizeText(keySet.bytes.evaluationKeys)}`);
  say('3. run        encrypt, evaluate in a server process over HTTP, decrypt, verify');
  const run = await runJob(
    { data, deployment: deployment.path, key: 'demo', output: predictions },
    environment,
    running,
  );
  const { seconds, bytes } = run;
  say(
    `              ${String(run.records)} records in ${String(run.queries)} query, ${String(run.verified)} canaries verified`,
  );
  say(
    `              encrypt ${ms(seconds.encrypt)}, evaluate ${ms(seconds.evaluate)}, decrypt ${ms(seconds.decrypt)}, all ${seconds.total.toFixed(1)} s`,
  );
  say(`              sent ${sizeText(bytes.sent)}, received ${sizeText(bytes.received)}\n`);

  await compare();
  await whatTheServerSaw(run.job);
  for (const scene of scenes) await play(scene);
  say(
    `\nFiles: ${relative(process.cwd(), predictions)} and beside it. Whole demo: ${((performance.now() - started) / 1000).toFixed(1)} s.`,
  );
}

async function play(scene: Scene): Promise<void> {
  const { name } = scene;
  say(`\n${scene.title}`);
  const compiled = await compileModel(
    {
      model: scene.model,
      calibration: scene.calibration,
      output: join(output, name),
      mode: 'latency',
      reveal: 'nothing',
      maxError: 1e-3,
      minAgreement: 0.99,
    },
    environment,
    running,
  );
  const [plan] = compiled.plans;
  if (plan === undefined) throw new Error('no plan');
  const rows = (await readFile(scene.data, 'utf8')).split('\n').slice(0, 4);
  const records = join(output, `${name}.csv`);
  await writeFile(records, `${rows.join('\n').trimEnd()}\n`);
  const answers = join(output, `${name}-predictions.csv`);
  const run = await runJob({ data: records, deployment: compiled.path, output: answers }, environment, running);
  const labels = (await readFile(answers, 'utf8'))
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(',').at(-1) ?? '');
  const clear = await plaintextLabels(scene.model, records);
  say(`  labels decrypted ${labels.join(' ')}, in the clear ${clear.join(' ')}`);
  say(
    `  a record: server ${ms(plan.seconds.evaluate)}, sent ${sizeText(plan.bytes.query)}, received ${sizeText(plan.bytes.result)}; keys, once, ${sizeText(plan.bytes.evaluationKeys)}`,
  );
  say(
    `  ${String(run.queries)} queries, ${String(run.verified)} of them canaries that look like the others; ${percent(plan.agreement)} of labels agreed in the proof`,
  );
}

async function plaintextLabels(file: string, records: string): Promise<string[]> {
  const { model: named, features, rows } = await openRecords(file, records);
  const linked = applyLink(named.task, clearScores(named.body, features, rows), rows);
  if (linked.kind !== 'classification' || named.task.kind !== 'classification') return [];
  const { classes } = named.task;
  return Array.from(linked.labels, (index) => String(classes[index] ?? index));
}

/** Predictions that went through encryption beside the plaintext model's. */
async function compare(): Promise<void> {
  const lines = (await readFile(predictions, 'utf8')).trim().split('\n').slice(1);
  const encrypted = lines.map((line) => line.split(','));
  const clear = await plaintextScores();
  say('row  label  probability  score decrypted  score in the clear');
  for (const [row, [score, , probability, label]] of encrypted.slice(0, 5).entries()) {
    const cells = [label ?? '', Number(probability).toFixed(5), Number(score).toFixed(5), (clear[row] ?? 0).toFixed(5)];
    say(
      `${String(row + 1).padStart(3)}  ${(cells[0] ?? '').padStart(5)}  ${(cells[1] ?? '').padStart(11)}  ${(cells[2] ?? '').padStart(15)}  ${(cells[3] ?? '').padStart(18)}`,
    );
  }
  const errors = encrypted.map(([score], row) => Math.abs(Number(score) - (clear[row] ?? Number.NaN)));
  const agreeing = encrypted.filter((cells, row) => Number(cells[3]) === ((clear[row] ?? 0) > 0 ? 1 : 0)).length;
  say(
    `     … ${String(encrypted.length)} rows; labels equal to the plaintext model: ${String(agreeing)} of ${String(encrypted.length)}; largest score error ${Math.max(...errors).toExponential(1)}`,
  );
}

async function plaintextScores(): Promise<Float64Array> {
  const { model: named, features, rows } = await openRecords(model, data);
  return clearScores(named.body, features, rows);
}

/** A model with its columns named, and records preprocessed for it. */
async function openRecords(
  file: string,
  records: string,
): Promise<{ readonly model: Model; readonly features: Float64Array; readonly rows: number }> {
  const source = await openDataFile(records, running);
  const named = nameColumns(importModel(file, await readFile(file)), source.header, records);
  const bound = bindColumns(named.preprocessing, source.header, records);
  const features: number[] = [];
  let rows = 0;
  for await (const batch of source.batches(running.signal)) {
    features.push(...preprocessRows(bound, batch, records).values);
    rows += batch.rows.length;
  }
  return { model: named, features: Float64Array.from(features), rows };
}

/** Everything in the store, which is all that the server could read. */
async function whatTheServerSaw(job: string): Promise<void> {
  const store = join(environment.home, 'store');
  say('\nWhat the server saw:');
  for (const folder of [join('keys'), join('jobs', job)]) {
    for (const entry of await readdir(join(store, folder), { withFileTypes: true, recursive: true })) {
      if (!entry.isFile()) continue;
      const file = await readFile(join(entry.parentPath, entry.name));
      const about = entry.name.endsWith('.json')
        ? 'ids, counts, states'
        : `${entropyBits(file).toFixed(2)} bits of entropy a byte`;
      say(`  ${entry.name.padEnd(22)} ${sizeText(file.length).padStart(9)}  ${about}`);
    }
  }
}

/** Ciphertexts look like noise: close to 8. */
function entropyBits(bytes: Uint8Array): number {
  const counts = new Float64Array(256);
  for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1;
  return counts.reduce(
    (sum, count) => (count === 0 ? sum : sum - (count / bytes.length) * Math.log2(count / bytes.length)),
    0,
  );
}

function sizeText(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function ms(seconds: number): string {
  return `${(seconds * 1000).toFixed(0)} ms`;
}

function say(line: string): void {
  console.log(line);
}
