import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import * as z from 'zod';
import { AppError } from '../../src/core/error.ts';
import { importModel } from '../../src/core/model/import.ts';
import { disagreement, predictTable } from '../predict.ts';
import type { TestTable } from '../tables.ts';

const drawnModel = z.object({ title: z.string(), file: z.string(), refused: z.boolean() });

/** How far a score may be off, relative to the larger of 1 and the row's largest. */
const tolerance = 1e-5;

/**
 * Holds the predictions for one drawn model against the library's own answers.
 * @param folder of one model, as generate.py writes it
 * @returns what is wrong, or nothing
 */
export function compareDrawn(folder: string): string | undefined {
  const { title, file, refused } = drawnModel.parse(JSON.parse(readFileSync(join(folder, 'drawn.json'), 'utf8')));
  const found = refused ? findRefusal(folder, file) : findDisagreement(folder, file);
  return found === undefined ? undefined : `${title}: ${found}`;
}

function findRefusal(folder: string, file: string): string | undefined {
  try {
    importModel(file, readFileSync(join(folder, file)));
  } catch (error) {
    return error instanceof AppError && error.code === 'model.unsupported'
      ? undefined
      : `refused by ${describe(error)}`;
  }
  return 'accepted, though it cannot be right';
}

function findDisagreement(folder: string, file: string): string | undefined {
  try {
    const model = importModel(file, readFileSync(join(folder, file)));
    const answers = readCsv(join(folder, 'answers.csv'));
    const { error, labels, missingColumns } = disagreement(
      predictTable(model, readCsv(join(folder, 'rows.csv'))),
      answers,
    );
    if (missingColumns.length > 0) return `no column ${missingColumns.join(', ')}`;
    if (labels > 0) return `${String(labels)} labels differ`;
    return error <= tolerance ? undefined : `off by ${error.toExponential(1)}`;
  } catch (error) {
    return describe(error);
  }
}

function describe(error: unknown): string {
  if (error instanceof AppError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function readCsv(path: string): TestTable {
  const [header = [], ...rows] = parse(readFileSync(path), { bom: true, skip_empty_lines: false });
  return { file: path, header, rows };
}
