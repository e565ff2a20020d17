import type { Figure } from './bench.ts';
import { type Machine, machineLine } from './machine.ts';

export interface Measured {
  readonly name: string;
  /** Day of the run, YYYY-MM-DD. */
  readonly day: string;
  readonly machine: Machine;
  readonly figures: readonly Figure[];
}

const head = `# Measurements

Written by \`npm run bench [-- name…]\`, a section a bench; each says where and when it was measured. Times are medians,
with the extremes; absolute times drift from machine to machine, so where a peer stands beside a figure, read the ratio.
`;

/** `document` with the sections of `measured` put in place of their older ones; sections are in the order of their names. */
export function withSections(document: string, measured: readonly Measured[]): string {
  const sections = new Map(
    document
      .split(/^(?=## )/m)
      .filter((text) => text.startsWith('## '))
      .map((text) => [/^## (.*)$/m.exec(text)?.[1] ?? '', text.trimEnd()]),
  );
  for (const bench of measured) sections.set(bench.name, section(bench));
  const sorted = [...sections].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  return [head.trimEnd(), ...sorted].join('\n\n') + '\n';
}

function section({ name, day, machine, figures }: Measured): string {
  const header = ['| what | measured | range | goal | peer | ours / peer |', '| --- | --- | --- | --- | --- | --- |'];
  return [`## ${name}`, '', `${day}, ${machineLine(machine)}`, '', ...header, ...figures.map(row)].join('\n');
}

function row(figure: Figure): string {
  const { what, value, unit, range, repeats, goal, peer } = figure;
  const cells = [
    what,
    `${short(value)} ${unit}`,
    range === undefined ? '' : `${short(range[0])}–${short(range[1])} (${String(repeats ?? 1)} runs)`,
    goal ?? '',
    peer === undefined ? '' : `${peer.name}: ${short(peer.value)} ${unit}`,
    peer === undefined ? '' : short(value / peer.value),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** Three digits that mean something, no exponent for what a person reads. */
function short(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}
