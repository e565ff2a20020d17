import { basename, join } from 'node:path';
import * as z from 'zod';
import { AppError } from '../core/error.ts';
import { importModel } from '../core/model/import.ts';
import type { Model } from '../core/model/ir.ts';
import { countAgreeing, originalAnswers } from '../core/table/original.ts';
import { readModelFile } from '../io/model-file.ts';
import type { CalibrationSample } from './calibration-sample.ts';
import type { Environment, Running } from './environment.ts';

/** What resources/convert_model.py says of a model that it wrote. */
export const converted = z.object({
  file: z.enum(['model.onnx', 'model.json', 'model.txt']),
  columns: z.array(z.string()).nullable(),
  classes: z.array(z.union([z.string(), z.number()])).nullable(),
  answers: originalAnswers.nullable(),
  warnings: z.array(z.string()),
});
export type Converted = z.infer<typeof converted>;

export interface Conversion {
  /** The pickle. */
  readonly original: string;
  /** Where the converted file lies. */
  readonly folder: string;
  readonly made: Converted;
  readonly sample: CalibrationSample;
}

/** Share of rows that the converted model must answer as the original does. */
const leastAgreement = 0.97;

/**
 * Imports what a pickle was converted to, and holds it against the original's own answers.
 * @throws {AppError} model.* naming the pickle, `model.not-converted` where another model came out
 */
export async function openConverted(
  conversion: Conversion,
  { environment, running }: { readonly environment: Environment; readonly running: Running },
): Promise<Model> {
  const { original, folder, made } = conversion;
  const file = join(folder, made.file);
  const model = importConverted(original, file, await readModelFile(file, running.signal));
  const named = withLabels(withNames(model, made.columns), made.classes);
  environment.notify?.(`${basename(original)}: ${checkAgreement(named, conversion)}`);
  return named;
}

function importConverted(original: string, file: string, bytes: Uint8Array): Model {
  try {
    return importModel(file, bytes);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { code, message, hint } = error;
    throw new AppError(code, `${basename(original)}, converted: ${message}`, { file: original, hint, cause: error });
  }
}

/** Columns that were one nameless tensor get the names that the original knows them by. */
function withNames(model: Model, names: readonly string[] | null): Model {
  const { columns } = model.preprocessing;
  if (names?.length !== columns.length || columns.some(({ name }) => name !== undefined)) return model;
  const named = columns.map((column, index) => ({ ...column, name: names[index] ?? '' }));
  return { ...model, preprocessing: { ...model.preprocessing, columns: named } };
}

/** LightGBM's file numbers the classes; what they are called only the pickle knows. */
function withLabels(model: Model, classes: readonly (string | number)[] | null): Model {
  const { task } = model;
  if (task.kind !== 'classification' || classes?.length !== task.classes.length) return model;
  return { ...model, task: { ...task, classes } };
}

/** @returns what to tell */
function checkAgreement(model: Model, { original, made, sample }: Conversion): string {
  const { answers } = made;
  const rows = sample.rows.length;
  if (answers === null || rows === 0) return 'the original could not be asked, so the conversion is not checked.';
  const agreeing = agreeingRows(() => countAgreeing(model, answers, sample));
  if (agreeing === undefined) return 'it refuses some calibration rows.';
  const share = `${String(agreeing)} of ${String(rows)} calibration rows as the original does`;
  if (agreeing >= leastAgreement * rows) return `converted, it answers ${share}.`;
  throw new AppError(
    'model.not-converted',
    `${basename(original)} was converted, but what came of it answers only ${share}.`,
    {
      file: original,
      hint: 'XGBoost and LightGBM take the zeros of sparse tables for missing: train with OneHotEncoder(sparse_output=False). Other steps may have no exact form in ONNX.',
    },
  );
}

/** A row that the model refuses is told with its place when the calibration rows are read. */
function agreeingRows(count: () => number): number | undefined {
  try {
    return count();
  } catch (error) {
    if (error instanceof AppError && error.code.startsWith('data.')) return undefined;
    throw error;
  }
}
