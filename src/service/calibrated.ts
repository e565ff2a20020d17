import { AppError } from '../core/error.ts';
import type { Model } from '../core/model/ir.ts';
import { readLabels } from '../core/table/accuracy.ts';
import { bindColumns, nameColumns } from '../core/table/bind.ts';
import { preprocessRows } from '../core/table/preprocess.ts';
import type { Cell } from '../core/table/rows.ts';
import { openDataFile } from '../io/data-file.ts';
import type { Environment, Running } from './environment.ts';
import { readModel, type ReadModelOptions } from './read-model.ts';

/** Fewer rows say too little about ranges. */
const fewestCalibrationRows = 10;

export interface Calibrated {
  readonly model: Model;
  /** rows x features, preprocessed. */
  readonly calibration: Float64Array;
  readonly rows: number;
}

/**
 * The model, its columns named as in the calibration rows, and those rows as it reads them.
 * @throws {AppError} model.*, data.*, io.*, plan.calibration where there are too few
 */
export async function readCalibrated(
  options: ReadModelOptions & { readonly calibration: string },
  context: { readonly environment: Environment; readonly running: Running },
): Promise<Calibrated> {
  const { running } = context;
  const source = await openDataFile(options.calibration, { signal: running.signal });
  const imported = await readModel(options, source, context);
  const model = nameColumns(imported, source.header, source.file);
  const bound = bindColumns(model.preprocessing, source.header, source.file);
  const parts: Float64Array[] = [];
  let rows = 0;
  for await (const batch of source.batches(running.signal)) {
    parts.push(preprocessRows(bound, batch, source.file).values);
    rows += batch.rows.length;
  }
  if (rows < fewestCalibrationRows) {
    throw new AppError(
      'plan.calibration',
      `${source.file} has ${String(rows)} rows; at least ${String(fewestCalibrationRows)} are needed to plan the ranges.`,
      {
        file: source.file,
        hint: 'Give a hundred or more rows like those to come, best such as the model was not trained on.',
      },
    );
  }
  const calibration = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    calibration.set(part, offset);
    offset += part.length;
  }
  return { model, calibration, rows };
}

/** The calibration rows' true answers, if the user has them. @throws {AppError} data.*, io.* */
export async function readTruth(
  labels: string | undefined,
  { model, rows }: Calibrated,
  running: Running,
): Promise<Float64Array | undefined> {
  if (labels === undefined) return undefined;
  const source = await openDataFile(labels, { signal: running.signal });
  const cells: (readonly Cell[])[] = [];
  for await (const batch of source.batches(running.signal)) cells.push(...batch.rows);
  if (cells.length !== rows) {
    throw new AppError(
      'data.ragged-row',
      `${source.file} has ${String(cells.length)} labels for ${String(rows)} calibration rows.`,
      { file: source.file },
    );
  }
  return readLabels(model.task, { file: source.file, header: source.header, rows: cells });
}
