/**
 * `npm test [-- part…]`: every check there is, each part with its totals and its time; the last line is the sum.
 * Output of a part is shown where it failed, and is kept for all of them under out/test/.
 */
import { mkdir } from 'node:fs/promises';
import { inRepository } from '../scripts/paths.ts';
import { stopChildren } from './run/children.ts';
import { parts } from './run/parts.ts';
import { runPart } from './run/part.ts';
import { prepare } from './run/prepare.ts';
import { addUp, line, type Totals } from './run/totals.ts';

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void stopChildren().finally(() => process.exit(130));
  });
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !parts.some((part) => part.name === name));
if (unknown.length > 0) {
  console.error(`No such part: ${unknown.join(', ')}. There are: ${parts.map((part) => part.name).join(', ')}.`);
  process.exit(2);
}

await mkdir(inRepository('out/test'), { recursive: true });
const chosen = parts.filter((part) => wanted.length === 0 || wanted.includes(part.name));
// Downloads go on while the first parts check the sources.
const prepared = prepare(new Set(chosen.flatMap((part) => part.needs ?? [])));

const all: Totals[] = [];
for (const part of chosen) {
  if (part.needs !== undefined) await prepared.settled;
  all.push(await runPart(part, prepared.missing));
}
const sum = addUp(all);
console.log('');
for (const note of sum.notes) console.log(note);
console.log(line(sum));
process.exitCode = sum.failed === 0 && sum.passed > 0 ? 0 : 1;
