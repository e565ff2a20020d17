import { describe, expect, it } from 'vitest';
import { mostSampledRows, sampleRows } from './ranges.ts';

describe('sampleRows', () => {
  const table = (rows: number): Float64Array => Float64Array.from({ length: 2 * rows }, (_, index) => index >> 1);

  it('keeps all rows where there are few', () => {
    const values = table(mostSampledRows);
    expect(sampleRows(values, mostSampledRows)).toBe(values);
  });

  it('takes whole rows from everywhere, in order, and the same for labels', () => {
    const rows = 3 * mostSampledRows + 17;
    const sample = sampleRows(table(rows), rows);
    const labels = sampleRows(
      Float64Array.from({ length: rows }, (_, row) => row),
      rows,
    );
    expect(labels).toHaveLength(mostSampledRows);
    expect(labels[0]).toBe(0);
    expect(labels.at(-1)).toBeGreaterThan(rows - 5);
    expect(new Set(labels).size).toBe(mostSampledRows);
    expect(Array.from(sample)).toEqual(Array.from(labels).flatMap((row) => [row, row]));
  });
});
