import { readFile, rm } from 'node:fs/promises';
import { inRepository } from '../../scripts/paths.ts';
import { type Ended, run } from './children.ts';
import { type Part, vitestReport } from './parts.ts';
import type { Need } from './prepare.ts';
import { line, totalsIn, type Totals } from './totals.ts';

const shownLines = 60;

/** Runs one part and prints its totals, and the end of its output if something failed. */
export async function runPart(part: Part, missing: ReadonlyMap<Need, string>): Promise<Totals> {
  const lacking = (part.needs ?? []).flatMap((need) => missing.get(need) ?? []);
  if (lacking.length > 0) return leftOut(part, lacking);
  const start = performance.now();
  if (part.counts === 'vitest') await rm(inRepository(vitestReport(part.name)), { force: true });
  const [program, ...options] = part.command;
  const ended = await run(part.name, program, options);
  const totals = honest(await count(part, ended), ended);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${part.name.padEnd(12)} ${line(totals)} (${seconds} s)`);
  if (totals.failed > 0) console.log(tail(ended.output, part.name));
  return { ...totals, notes: [] };
}

type Counts = Pick<Totals, 'passed' | 'failed'>;

async function count(part: Part, ended: Ended): Promise<Counts | undefined> {
  if (part.counts === 'exit-code') return { passed: ended.code === 0 ? 1 : 0, failed: ended.code === 0 ? 0 : 1 };
  return part.counts === 'vitest' ? await vitestTotals(part.name) : totalsIn(ended.output);
}

/** A part that says nothing, finds no test or ends badly has failed, whatever its totals. */
function honest(totals: Counts | undefined, { code }: Ended): Counts {
  if (totals === undefined || totals.passed + totals.failed === 0) return { passed: 0, failed: 1 };
  return totals.failed === 0 && code !== 0 ? { passed: totals.passed, failed: 1 } : totals;
}

async function vitestTotals(project: string): Promise<Counts | undefined> {
  const text = await readFile(inRepository(vitestReport(project)), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const report = JSON.parse(text) as { readonly numPassedTests: number; readonly numTotalTests: number };
  // Whatever did not pass counts as failed: no test is skipped for good.
  return { passed: report.numPassedTests, failed: report.numTotalTests - report.numPassedTests };
}

function leftOut(part: Part, lacking: readonly string[]): Totals {
  const isCi = process.env['CI'] === 'true';
  console.log(`${part.name.padEnd(12)} ${isCi ? line({ passed: 0, failed: 1 }) : 'skipped'}: ${lacking.join(' ')}`);
  return {
    passed: 0,
    failed: isCi ? 1 : 0,
    notes: isCi ? [] : [`Not tested here: ${part.name}. ${lacking.join(' ')}`],
  };
}

function tail(output: string, name: string): string {
  const lines = output.trimEnd().split('\n');
  const shown = lines.slice(-shownLines).map((text) => `    ${text}`);
  const more = lines.length > shownLines ? [`    (the whole of it: out/test/${name}.log)`] : [];
  return [...shown, ...more].join('\n');
}
