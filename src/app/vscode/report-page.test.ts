import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { reportDocument } from '../../core/artifact/report.ts';
import { reportMarkdown } from './report-page.ts';

const golden = path.resolve(import.meta.dirname, '../../../test/fixtures/golden/report.json');
const report = reportDocument.parse(JSON.parse(readFileSync(golden, 'utf8')));

describe('the page of a report', () => {
  const page = reportMarkdown(report);

  it('has a column a plan, and as many cells in each line of a table', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('| '));
    const cells = (line: string): number => line.split(' | ').length;
    expect(cells(rows[0] ?? '')).toBe(1 + report.plans.length);
    const widths = rows.map(cells);
    expect([...new Set(widths)].sort()).toEqual([1 + report.plans.length, 5].sort());
  });

  it('tells what was promised, what is revealed and what was weighed', () => {
    expect(page).toContain(`# ${report.model.file}: deployment ${report.deployment.slice(0, 8)}`);
    for (const what of report.reveals) expect(page).toContain(`- ${what}`);
    for (const { parameters } of report.candidates) expect(page).toContain(parameters);
    expect(page).toMatch(/\| Evaluation keys, of all plans \| [\d.]+ [kM]B/u);
    expect(page).not.toMatch(/undefined|NaN|\[object/u);
  });

  it('tells of a network what its activations became', () => {
    expect(page).not.toContain('activations');
    const activations = [
      { layer: 'fc1/Relu', degree: 2, exact: false, agreement: 0.99, agreementLowerBound: 0.95 },
      { layer: 'fc2/Pow', degree: 4, exact: true, agreement: 0.98, agreementLowerBound: 0 },
    ] as const;
    const told = reportMarkdown({ ...report, activations: [...activations] });
    expect(told).toContain('## What activations became');
    expect(told).toContain(
      '| fc1/Relu | degree 2 | fitted to the calibration rows | 99.0 % (at least 95.0 % at 95 % confidence) |',
    );
    expect(told).toContain('| fc2/Pow | degree 4 | as it is | 98.0 % |');
  });
});
