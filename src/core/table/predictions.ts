import type { ClassLabel, Task } from '../model/ir.ts';
import { applyLink, type Classified, type ClassificationTask, type Regressed } from './link.ts';
import type { Cell } from './rows.ts';

/** A column of the predictions table. */
export interface PredictionColumn {
  readonly name: string;
  readonly type: 'number' | 'text';
}

/**
 * The columns that a task adds: score_k, prob_k and label, or score_k and value. One score_0 for a binary margin, else one score
 * a class; k counts the classes in sorted order. Several outputs of a regression have value_k.
 * @param outputs scores a row
 */
export function predictionColumns(task: Task, outputs: number): readonly PredictionColumn[] {
  if (task.kind === 'regression') {
    const values = outputs === 1 ? [{ name: 'value', type: 'number' } as const] : numbered('value', outputs);
    return [...numbered('score', outputs), ...values];
  }
  const label: PredictionColumn = {
    name: 'label',
    type: task.classes.every((name) => typeof name === 'number') ? 'number' : 'text',
  };
  const probabilities = task.probabilities ? numbered('prob', task.classes.length) : [];
  return [...numbered('score', shownScores(task, outputs)), ...probabilities, label];
}

/**
 * One row of cells a record, in the order of {@link predictionColumns}.
 * @param scores rows x outputs, row by row, as decrypted
 * @throws {AppError} `model.invalid` when the link does not fit the task
 */
export function predictionRows(task: Task, scores: Float64Array, rows: number): Cell[][] {
  const linked = applyLink(task, scores, rows);
  const toCells = task.kind === 'classification' ? classificationCells(task) : regressionCells;
  const outputs = rows === 0 ? 0 : scores.length / rows;
  return Array.from({ length: rows }, (_, row) =>
    toCells(scores.subarray(row * outputs, (row + 1) * outputs), linked, row),
  );
}

/**
 * The prediction columns as they are called behind a table's own: a name that the table has already gets the prefix
 * `prediction_`, again until it is free.
 */
export function withInput(
  inputHeader: readonly string[],
  columns: readonly PredictionColumn[],
): readonly PredictionColumn[] {
  const taken = new Set(inputHeader);
  return columns.map(({ name, type }) => {
    let free = name;
    while (taken.has(free)) free = `prediction_${free}`;
    taken.add(free);
    return { name: free, type };
  });
}

/** The positions of the classes in sorted order: numbers by value, then texts by code point, as scikit-learn sorts. */
export function sortedClassOrder(classes: readonly ClassLabel[]): readonly number[] {
  const compare = (a: ClassLabel, b: ClassLabel): number => {
    if (typeof a === 'number') return typeof b === 'number' ? a - b : -1;
    return typeof b === 'number' ? 1 : compareCodePoints(a, b);
  };
  return [...classes.entries()].sort(([, a], [, b]) => compare(a, b)).map(([position]) => position);
}

type RowCells = (scores: Float64Array, linked: Classified | Regressed, row: number) => Cell[];

function classificationCells(task: ClassificationTask): RowCells {
  const classes = task.classes.length;
  const order = sortedClassOrder(task.classes);
  return (scores, linked, row) => {
    if (linked.kind === 'regression') return [];
    const probabilities = linked.probabilities?.subarray(row * classes, (row + 1) * classes);
    const shown = probabilities !== undefined && isOneProbability(task, scores.length) ? probabilities : scores;
    const sorted = (numbers: Float64Array): number[] =>
      numbers.length === classes ? order.map((position) => numbers[position] ?? 0) : [...numbers];
    const label = task.classes[linked.labels[row] ?? 0] ?? '';
    return [...sorted(shown), ...(probabilities === undefined ? [] : sorted(probabilities)), label];
  };
}

function regressionCells(scores: Float64Array, linked: Classified | Regressed, row: number): Cell[] {
  if (linked.kind === 'classification') return [];
  return [...scores, ...linked.values.subarray(row * scores.length, (row + 1) * scores.length)];
}

/** Forests have no raw score: score_k repeats prob_k, also where the body gives the second class's probability alone. */
function isOneProbability(task: ClassificationTask, outputs: number): boolean {
  return task.probabilities && task.link.kind === 'probability' && outputs === 1 && task.classes.length === 2;
}

function shownScores(task: ClassificationTask, outputs: number): number {
  return isOneProbability(task, outputs) ? 2 : outputs;
}

function numbered(name: string, count: number): PredictionColumn[] {
  return Array.from({ length: count }, (_, index) => ({ name: `${name}_${String(index)}`, type: 'number' }));
}

function compareCodePoints(a: string, b: string): number {
  const left = Array.from(a, (character) => character.codePointAt(0) ?? 0);
  const right = Array.from(b, (character) => character.codePointAt(0) ?? 0);
  const differing = left.findIndex((point, index) => point !== right[index]);
  return differing === -1 ? left.length - right.length : (left[differing] ?? 0) - (right[differing] ?? -1);
}
