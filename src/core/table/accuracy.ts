import { AppError } from '../error.ts';
import type { ClassLabel, Task } from '../model/ir.ts';
import { incompleteBeta } from './beta.ts';
import { readNumber } from './cells.ts';
import { applyLink, type ClassificationTask } from './link.ts';
import type { Cell } from './rows.ts';

/** A labels file as read: all of its rows. */
export interface LabelTable {
  readonly file: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/**
 * The share of labels that are right (`accuracy`) or R2, of predictions against the true answers.
 * @param scores rows x outputs
 * @param truth one number a row: indexes into task.classes or values, from {@link readLabels}
 */
export function measureAccuracy(
  task: Task,
  scores: Float64Array,
  truth: Float64Array,
): { readonly kind: 'accuracy' | 'r2'; readonly value: number } {
  const linked = applyLink(task, scores, truth.length);
  if (linked.kind === 'classification') return { kind: 'accuracy', value: labelAccuracy(linked.labels, truth) };
  return { kind: 'r2', value: rSquared(linked.values, truth) };
}

/** The share of equal entries; NaN when there are none. */
function labelAccuracy(predicted: ArrayLike<number>, truth: ArrayLike<number>): number {
  return countEqual(predicted, truth) / truth.length;
}

/** Error of a score, relative, that noise and rounding may add to those of an approximated model. */
const approximationError = 0.01;

/** A truth that varies less, of its size, is constant but for rounding. */
const leastVariation = 1e-9;

/** 1 - residual sum of squares / total sum of squares; NaN where the truth does not vary. */
export function rSquared(predicted: Float64Array, truth: Float64Array): number {
  const mean = truth.reduce((sum, value) => sum + value, 0) / truth.length;
  const total = truth.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const residual = truth.reduce((sum, value, row) => sum + (value - (predicted[row] ?? 0)) ** 2, 0);
  return total <= truth.length * (leastVariation * mean) ** 2 ? Number.NaN : 1 - residual / total;
}

export interface Agreement {
  /** Rows compared. */
  readonly rows: number;
  /** Share of rows whose label is the same (regression: whose error is within maxError), and its lower bound at 95 % confidence. */
  readonly agreement: number;
  readonly agreementLowerBound: number;
  /** Largest and root-mean-square score error, each over the larger of the row's largest |score| and `typicalScore`. */
  readonly maxError: number;
  readonly rmsError: number;
}

/**
 * How well decrypted (or approximated) scores agree with the plaintext model's.
 * @param clear rows x outputs, the plaintext model's
 * @param other rows x outputs, held against them
 * @param options typicalScore: root mean square over the calibration rows of a row's largest |score|
 * ({@link typicalScore}; default: over these rows); maxError: the error that a regression's row may have to agree
 */
export function measureAgreement(
  task: Task,
  { clear, other, rows }: { readonly clear: Float64Array; readonly other: Float64Array; readonly rows: number },
  options: { readonly maxError: number; readonly typicalScore?: number },
): Agreement {
  const errors = rowErrors(clear, other, { rows, typical: options.typicalScore ?? typicalScore(clear, rows) });
  const agreeing =
    task.kind === 'classification'
      ? countEqual(labelsOf(task, other, rows), labelsOf(task, clear, rows))
      : errors.filter((error) => error <= options.maxError).length;
  return {
    rows,
    agreement: rows === 0 ? 0 : agreeing / rows,
    agreementLowerBound: clopperPearson(agreeing, rows),
    maxError: errors.reduce((most, error) => (error > most || Number.isNaN(error) ? error : most), 0),
    rmsError: rows === 0 ? 0 : Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / rows),
  };
}

/**
 * How well a plan that is near the model only in what its scores decide keeps to it (an approximated activation, thresholds moved to a grid):
 * in labels as {@link measureAgreement} has it; of a regression, whose rows are hardly ever within a small error, how much of the plaintext
 * model's variation remains (R2), without a bound: in the value that keeps the least of it. Where no value varies, the rows within a hundredth
 * are counted, which is as near as approximations are kept.
 */
export function measureApproximation(...compared: Parameters<typeof measureAgreement>): Agreement {
  const [task, { clear, other, rows }, options] = compared;
  const found = measureAgreement(...compared);
  if (task.kind === 'classification') return found;
  const outputs = clear.length / rows;
  const columnOf = (scores: Float64Array, output: number): Float64Array =>
    Float64Array.from({ length: rows }, (_, row) => scores[row * outputs + output] ?? Number.NaN);
  const varying = Array.from({ length: outputs }, (_, output) => columnOf(clear, output))
    .map((truth, output) => ({ truth, kept: rSquared(columnOf(other, output), truth) }))
    .filter(({ truth }) => !Number.isNaN(rSquared(truth, truth)));
  if (varying.length === 0) {
    const maxError = Math.max(options.maxError, approximationError);
    return measureAgreement(task, { clear, other, rows }, { ...options, maxError });
  }
  return { ...found, agreement: Math.min(...varying.map(({ kept }) => kept)), agreementLowerBound: 0 };
}

/** Root mean square over the rows of a row's largest |score|. */
export function typicalScore(scores: Float64Array, rows: number): number {
  if (rows === 0) return 0;
  const outputs = scores.length / rows;
  let sum = 0;
  for (let row = 0; row < rows; row += 1) sum += largest(scores.subarray(row * outputs, (row + 1) * outputs)) ** 2;
  return Math.sqrt(sum / rows);
}

/**
 * The one-sided lower confidence bound of a proportion (Clopper & Pearson, Biometrika 1934): the p for which `successes` or more
 * out of n has probability 1 - confidence. 0 where there are no successes or no trials.
 */
export function clopperPearson(successes: number, n: number, confidence = 0.95): number {
  if (successes <= 0 || n <= 0) return 0;
  const tail = 1 - confidence;
  if (successes >= n) return tail ** (1 / n);
  let low = 0;
  let high = successes / n;
  // P(X >= k | n, p) = I_p(k, n - k + 1) grows with p; 60 halvings leave less than a rounding error.
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (incompleteBeta(middle, successes, n - successes + 1) < tail) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * The true answers of a labels file: indexes into task.classes, or values. Taken from the column `label` or, where its values are
 * no answers of this task, from the first column that has them throughout.
 * @throws {AppError} `data.empty`, `data.missing-column` when no column holds the task's answers
 */
export function readLabels(task: Task, table: LabelTable): Float64Array {
  if (table.rows.length === 0) throw new AppError('data.empty', `${table.file} has no rows.`, { file: table.file });
  const read = task.kind === 'classification' ? classReader(task.classes) : readNumber;
  const named = table.header.indexOf('label');
  const columns = [...(named === -1 ? [] : [named]), ...table.header.keys()];
  for (const column of columns) {
    const truth = Float64Array.from(table.rows, (row) => read(row[column] ?? null));
    if (truth.every(Number.isFinite)) return truth;
  }
  const wanted = task.kind === 'classification' ? "the model's classes" : 'numbers';
  throw new AppError('data.missing-column', `${table.file} has no column of ${wanted} in every row.`, {
    file: table.file,
    column: 'label',
    hint: 'Give the true answers in a column called label, one for each row and in its order.',
  });
}

/** The index of the class that a cell names, as text or as a number; NaN for none. */
function classReader(classes: readonly ClassLabel[]): (cell: Cell) => number {
  const byText = new Map(classes.map((name, index) => [String(name), index]));
  return (cell) => byText.get(String(cell).trim()) ?? byText.get(String(readNumber(cell))) ?? Number.NaN;
}

function rowErrors(
  clear: Float64Array,
  other: Float64Array,
  { rows, typical }: { rows: number; typical: number },
): number[] {
  const outputs = rows === 0 ? 0 : clear.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    const scores = clear.subarray(row * outputs, (row + 1) * outputs);
    const error = largest(scores.map((score, index) => score - (other[row * outputs + index] ?? Number.NaN)));
    return error === 0 ? 0 : error / Math.max(largest(scores), typical);
  });
}

function labelsOf(task: ClassificationTask, scores: Float64Array, rows: number): ArrayLike<number> {
  const linked = applyLink({ ...task, probabilities: false }, scores, rows);
  return linked.kind === 'classification' ? linked.labels : [];
}

function countEqual(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let equal = 0;
  for (let index = 0; index < b.length; index += 1) if (a[index] === b[index]) equal += 1;
  return equal;
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
