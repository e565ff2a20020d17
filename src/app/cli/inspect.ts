import type { Command } from 'commander';
import type { InspectOutcome } from '../../core/artifact/outcomes.ts';
import { reportDocument } from '../../core/artifact/report.ts';
import type { Context } from './context.ts';
import { deploymentText } from './deployment-text.ts';

export function registerInspect(program: Command, context: Context): void {
  program
    .command('inspect')
    .description('Say what an artifact is, for what, how large, how secure and what it reveals.')
    .argument('<target>', 'a file, folder, store URI or deployment id')
    .action((target: string) =>
      context.perform({
        verb: async (...bound) => {
          const { inspectArtifact } = await import('../../service/inspect.ts');
          return await inspectArtifact({ target }, ...bound);
        },
        show: inspectText,
      }),
    );
}

/** A report, alone or in its deployment, as compile tells it; any other document as indented `name: value` lines, short lists on one. */
function inspectText(outcome: InspectOutcome): string {
  const report = reportDocument.safeParse(outcome['report'] ?? outcome['document']);
  return report.success ? deploymentText({ ...report.data, ...pathOf(outcome) }) : linesOf(outcome).join('\n');
}

function pathOf({ path }: InspectOutcome): { readonly path?: string } {
  return typeof path === 'string' ? { path } : {};
}

const maxLineLength = 100;

function linesOf(document: object): string[] {
  return Object.entries(document).flatMap(([name, value]) => fieldLines(name, value));
}

function fieldLines(name: string, value: unknown): string[] {
  if (value === undefined) return [];
  const short = shortText(value);
  if (short !== undefined) return [`${name}: ${short}`];
  const inner = Array.isArray(value) ? value.flatMap(itemLines) : linesOf(value as object);
  return [`${name}:`, ...inner.map((line) => `  ${line}`)];
}

function itemLines(item: unknown): string[] {
  const short = shortText(item);
  if (short !== undefined) return [`- ${short}`];
  const lines = Array.isArray(item) ? item.flatMap(itemLines) : linesOf(item as object);
  return lines.map((line, index) => `${index === 0 ? '- ' : '  '}${line}`);
}

/** The value on one line, or undefined where it needs several. */
function shortText(value: unknown): string | undefined {
  if (typeof value === 'string') return printable(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Array.isArray(value)
    ? value.map(shortText)
    : Object.entries(value).map(([name, item]) => pairText(name, item));
  if (entries.length === 0) return 'none';
  if (entries.includes(undefined)) return undefined;
  const line = entries.join(', ');
  return line.length <= maxLineLength ? line : undefined;
}

function pairText(name: string, value: unknown): string | undefined {
  return typeof value === 'object' && value !== null ? undefined : `${name} ${printable(String(value))}`;
}

/** Names in a foreign file cannot drive the terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
