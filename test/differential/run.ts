/**
 * The differential test: models drawn at random and trained with the real libraries must get the libraries' own answers.
 *
 *     npm run test:differential -- [--models N] [--first SEED] [--keep]
 *     node test/differential/run.ts --small
 *
 * Ends with "N passed, M failed". A model that fails is kept, and drawn again by its number.
 */
import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { inRepository } from '../../scripts/paths.ts';
import { pythonWithLibraries } from '../python/environment.ts';
import { compareDrawn } from './compare.ts';

const execute = promisify(execFile);
const here = import.meta.dirname;
const smallNumber = 34;

const { values: options } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    models: { type: 'string', default: '1000' },
    first: { type: 'string', default: '0' },
    keep: { type: 'boolean', default: false },
  },
});
const count = options.small ? smallNumber : Number(options.models);
const first = Number(options.first);
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(first) || first < 0) {
  console.error('--models and --first take whole numbers.');
  process.exit(2);
}

const python = await pythonWithLibraries();
const drawn = inRepository('.host', 'drawn');
await rm(drawn, { recursive: true, force: true });
await mkdir(drawn, { recursive: true });

let passed = 0;
let failed = 0;
let skipped = 0;
const batches = Array.from({ length: Math.ceil(count / 20) }, (_, batch) => first + 20 * batch);
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
console.log(`${String(skipped)} could not be drawn`);
console.log(`${String(passed)} passed, ${String(failed)} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

async function work(): Promise<void> {
  for (let start = batches.shift(); start !== undefined; start = batches.shift()) {
    const size = Math.min(20, first + count - start);
    const { stdout } = await execute(python, [join(here, 'generate.py'), drawn, String(start), String(size)], {
      maxBuffer: 1 << 26,
      // One thread a process: two batches are drawn at a time.
      env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', PYTHONHASHSEED: '0' },
    });
    process.stdout.write(stdout);
    for (let seed = start; seed < start + size; seed += 1) await judge(seed);
  }
}

async function judge(seed: number): Promise<void> {
  const folder = join(drawn, String(seed));
  if (!existsSync(join(folder, 'drawn.json'))) {
    skipped += 1;
    return;
  }
  const wrong = compareDrawn(folder);
  if (wrong === undefined) passed += 1;
  else {
    failed += 1;
    console.log(`failed: ${String(seed)}: ${wrong}`);
  }
  if (wrong === undefined && !options.keep) await rm(folder, { recursive: true });
}
