import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import type { Preprocessing } from '../src/core/model/ir.ts';

export interface TestTable {
  readonly file: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A CSV file of test/fixtures, whole. */
export function readTable(path: string): TestTable {
  const [header = [], ...rows] = parse(readFileSync(new URL(`fixtures/${path}`, import.meta.url)), { bom: true });
  return { file: path, header, rows };
}

/** Preprocessing that reads these columns as numbers, unscaled. */
export function numberPreprocessing(
  names: readonly (string | undefined)[],
  missing: 'refuse' | 'keep' | number = 'refuse',
): Preprocessing {
  return {
    columns: names.map((name) => ({ type: 'number', ...(name === undefined ? {} : { name }) })),
    features: names.map((_, column) => ({ kind: 'number', column, missing, offset: 0, scale: 1, float32: false })),
    refuseUnknown: [],
    normalize: 'none',
  };
}
