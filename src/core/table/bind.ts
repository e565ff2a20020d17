import { AppError } from '../error.ts';
import type { Model, ModelColumn, Preprocessing } from '../model/ir.ts';
import { nearestName, quoteNames } from './names.ts';

/** The model's columns, found in one file's header. */
export interface BoundColumns {
  readonly preprocessing: Preprocessing;
  /** For each model column its index in the file's header. */
  readonly sources: readonly number[];
  /** For each model column its name in the file. */
  readonly names: readonly string[];
}

/**
 * Finds every column that the model reads in a file's header, in any order; extra columns are left alone.
 * A name matches exactly, else with spaces at its ends ignored and space and underscore taken as one (LightGBM writes
 * `mean_radius` for `mean radius`). Columns without a name (before {@link nameColumns}) are the header's others, in order, and then
 * none may be left over.
 * @param file the file's name, for messages
 * @throws {AppError} `data.missing-column`, `data.duplicate-column`
 */
export function bindColumns(preprocessing: Preprocessing, header: readonly string[], file: string): BoundColumns {
  const sources = matchNames(preprocessing.columns, header, file);
  const named = sources.filter((source) => source !== undefined);
  const unnamed = preprocessing.columns.length - named.length;
  const taken = new Set(named);
  const rest = header.flatMap((_, index) => (taken.has(index) ? [] : [index]));
  if (unnamed > 0)
    checkOrder(
      rest.map((index) => header[index] ?? ''),
      unnamed,
      file,
    );
  let next = 0;
  const complete = sources.map((source) => source ?? rest[next++] ?? 0);
  return { preprocessing, sources: complete, names: complete.map((source) => header[source] ?? '') };
}

/**
 * The model with every column named as in the calibration file, so that later files are matched by name alone.
 * @param file the calibration file's name, for messages
 * @throws {AppError} as {@link bindColumns}
 */
export function nameColumns(model: Model, header: readonly string[], file = 'the calibration file'): Model {
  const { names } = bindColumns(model.preprocessing, header, file);
  const columns = model.preprocessing.columns.map((column, index) => ({ ...column, name: names[index] ?? '' }));
  return { ...model, preprocessing: { ...model.preprocessing, columns } };
}

/** The name in the file of the column behind each feature, for messages. */
export function featureNames(bound: BoundColumns): readonly string[] {
  return bound.preprocessing.features.map((feature) => bound.names[feature.column] ?? '');
}

/** Exact matches first, so that `a_b` cannot be taken for `a b` while a model column is really called `a_b`. */
function matchNames(columns: readonly ModelColumn[], header: readonly string[], file: string): (number | undefined)[] {
  const exact = indexBy(header, (name) => name);
  const sources = columns.map(({ name }) => (name === undefined ? undefined : single(exact.get(name), name, file)));
  const taken = new Set(sources);
  const loose = indexBy(header, looseName);
  const missing: string[] = [];
  for (const [index, { name }] of columns.entries()) {
    if (name === undefined || sources[index] !== undefined) continue;
    const free = loose.get(looseName(name))?.filter((candidate) => !taken.has(candidate));
    const source = single(free, name, file);
    if (source === undefined) missing.push(name);
    sources[index] = source;
    taken.add(source);
  }
  if (missing.length > 0) throw missingColumns(missing, header, file);
  return sources;
}

function looseName(name: string): string {
  return name.normalize('NFC').trim().replaceAll(' ', '_');
}

function indexBy(header: readonly string[], key: (name: string) => string): Map<string, number[]> {
  const positions = new Map<string, number[]>();
  for (const [index, name] of header.entries()) {
    const list = positions.get(key(name));
    if (list === undefined) positions.set(key(name), [index]);
    else list.push(index);
  }
  return positions;
}

function single(candidates: readonly number[] | undefined, name: string, file: string): number | undefined {
  if (candidates !== undefined && candidates.length > 1) throw duplicateColumn(name, file);
  return candidates?.[0];
}

function duplicateColumn(name: string, file: string): AppError {
  return new AppError(
    'data.duplicate-column',
    `${file} has more than one column ${quoteNames([name])}, which the model reads.`,
    {
      file,
      column: name,
      hint: 'Give each column a name of its own.',
    },
  );
}

function missingColumns(missing: readonly string[], header: readonly string[], file: string): AppError {
  const what = missing.length === 1 ? 'a column' : `${String(missing.length)} columns`;
  return new AppError('data.missing-column', `${file} lacks ${what} that the model reads: ${quoteNames(missing)}.`, {
    file,
    column: missing[0],
    hint: missingHint(missing, header),
  });
}

function missingHint(missing: readonly string[], header: readonly string[]): string {
  if (looksLikeData(header)) return 'The first line must name the columns; here it holds numbers.';
  const wanted = missing[0] ?? '';
  const near = nearestName(wanted, header);
  const guess = near === undefined ? '' : `Did you mean ${quoteNames([near])} for ${quoteNames([wanted])}? `;
  return `${guess}The file has ${header.length === 0 ? 'no columns' : quoteNames(header)}.`;
}

/** Columns by order: the file must have exactly those, with names that can be told apart later. */
function checkOrder(rest: readonly string[], unnamed: number, file: string): void {
  if (looksLikeData(rest)) {
    throw new AppError('data.missing-column', `${file} has no header: its first line holds numbers.`, {
      file,
      line: 1,
      hint: 'Put the names of the columns in the first line.',
    });
  }
  if (rest.length !== unnamed) {
    const counts = `the model reads ${String(unnamed)} columns by their order, ${file} has ${String(rest.length)}`;
    throw new AppError('data.missing-column', `The model file names no columns, and ${counts}: ${quoteNames(rest)}.`, {
      file,
      hint: 'Give the calibration file exactly the columns that the model was trained on, in that order, and no others.',
    });
  }
  const repeated = rest.find((name, index) => rest.indexOf(name) !== index);
  if (repeated !== undefined) throw duplicateColumn(repeated, file);
}

/** A header of numbers is a row of data, whose values belong in no message; but 0, 1, 2, … and 1, 2, 3, … are names of unnamed columns. */
function looksLikeData(header: readonly string[]): boolean {
  const numbers = header.filter((name) => name.trim() !== '' && Number.isFinite(Number(name))).map(Number);
  const first = numbers[0];
  if (first === undefined || numbers.length * 2 <= header.length) return false;
  return !((first === 0 || first === 1) && numbers.every((value, index) => value === first + index));
}
