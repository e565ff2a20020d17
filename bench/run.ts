/** `npm run bench [-- name…]`: runs bench/<name>.bench.ts, all without a name; writes .bench/<name>.json and docs/bench.md. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inRepository } from '../scripts/paths.ts';
import type { BenchModule, Figure } from './bench.ts';
import { benchContext } from './context.ts';
import { describeMachine, machineLine } from './machine.ts';
import { type Measured, withSections } from './report.ts';

const suffix = '.bench.ts';
const files = await readdir(import.meta.dirname);
const known = files.filter((file) => file.endsWith(suffix)).map((file) => file.slice(0, -suffix.length));
const wanted = process.argv.length > 2 ? process.argv.slice(2) : known;
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0 || wanted.length === 0) {
  console.error(`No such bench: ${unknown.join(', ')}. There are: ${known.join(', ') || 'none'}.`);
  process.exit(2);
}

const machine = await describeMachine();
console.log(machineLine(machine));
for (const name of wanted) await keep(await runBench(name));

async function runBench(file: string): Promise<Measured> {
  const { name, run } = (await import(`./${file}${suffix}`)) as BenchModule;
  console.log(`\n${name}`);
  const folder = await mkdtemp(join(tmpdir(), 'sealpoint-bench-'));
  const figures: Figure[] = [];
  try {
    await run(
      benchContext(folder, figures, (message) => {
        console.log(`  ${message}`);
      }),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { name, day: new Date().toISOString().slice(0, 10), machine, figures };
}

/** After each bench, so that what a later one breaks off is not lost. */
async function keep(measured: Measured): Promise<void> {
  await mkdir(inRepository('.bench'), { recursive: true });
  await writeFile(inRepository('.bench', `${measured.name}.json`), `${JSON.stringify(measured, null, 2)}\n`);
  const path = inRepository('docs/bench.md');
  const document = await readFile(path, 'utf8').catch(() => '');
  await writeFile(path, withSections(document, [measured]));
}
