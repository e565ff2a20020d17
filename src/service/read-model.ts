import { isPickle } from '../core/model/foreign-files.ts';
import { importModel } from '../core/model/import.ts';
import type { Model } from '../core/model/ir.ts';
import type { RowSource } from '../core/table/rows.ts';
import { openExternalData } from '../io/external-data.ts';
import { readModelFile, readStart } from '../io/model-file.ts';
import { convertPickle } from './convert-pickle.ts';
import type { Environment, Running } from './environment.ts';

export interface ReadModelOptions {
  readonly model: string;
  /** Consent to open a pickle, which runs the code in it. Without it pickles are refused with what to type. */
  readonly openPickle?: { readonly python?: string | undefined } | undefined;
}

/** Of a file, enough to tell a pickle. */
export const startBytes = 64;

/** @throws {AppError} model.*, io.*; of a pickle as {@link convertPickle} */
export async function readModel(
  { model, openPickle }: ReadModelOptions,
  calibration: RowSource,
  context: { readonly environment: Environment; readonly running: Running },
): Promise<Model> {
  const { signal } = context.running;
  if (openPickle !== undefined && isPickle(model, await readStart(model, startBytes)))
    return await convertPickle({ model, ...openPickle }, calibration, context);
  return importModel(model, await readModelFile(model, signal), { readExternal: openExternalData(model) });
}
