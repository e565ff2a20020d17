import { sigmoid, softplus } from '../model/affine.ts';
import { AppError } from '../error.ts';
import type { Link, Task } from '../model/ir.ts';

export type ClassificationTask = Extract<Task, { kind: 'classification' }>;

export interface Classified {
  readonly kind: 'classification';
  /** Index into task.classes of each row's label. */
  readonly labels: Int32Array;
  /** rows x classes in the order of task.classes; absent for decision functions that are none. */
  readonly probabilities: Float64Array | undefined;
}

export interface Regressed {
  readonly kind: 'regression';
  /** rows x outputs. */
  readonly values: Float64Array;
}

/**
 * From decrypted scores to probabilities and labels, or values.
 * @param scores rows x outputs, row by row; for a classification one output (a margin or the second class's probability) or one a class
 * @throws {AppError} `model.invalid` when the link does not fit the task
 */
export function applyLink(task: Task, scores: Float64Array, rows: number): Classified | Regressed {
  if (task.kind === 'regression') return { kind: 'regression', values: linkValues(task.link, scores) };
  const outputs = rows === 0 ? task.classes.length : scores.length / rows;
  if (outputs !== task.classes.length && !(outputs === 1 && task.classes.length === 2)) {
    throw new AppError(
      'model.invalid',
      `The model gives ${String(outputs)} scores for ${String(task.classes.length)} classes.`,
    );
  }
  const labels = new Int32Array(rows);
  for (let row = 0; row < rows; row += 1)
    labels[row] = labelOf(task, scores.subarray(row * outputs, (row + 1) * outputs));
  return {
    kind: 'classification',
    labels,
    probabilities: task.probabilities ? linkProbabilities(task, scores, rows) : undefined,
  };
}

/** The class that a row's scores name: above the threshold for one score, else the largest, the first of equal ones. */
function labelOf(task: ClassificationTask, scores: Float64Array): number {
  if (scores.length === 1 && task.classes.length === 2) return (scores[0] ?? 0) > task.threshold ? 1 : 0;
  let best = 0;
  for (let index = 1; index < scores.length; index += 1) {
    if ((scores[index] ?? 0) > (scores[best] ?? 0)) best = index;
  }
  return best;
}

function linkValues(link: Link, scores: Float64Array): Float64Array {
  switch (link.kind) {
    case 'identity':
      return scores.slice();
    case 'exp':
      return scores.map(Math.exp);
    case 'sigmoid':
      return scores.map((score) => sigmoid(link.slope * score));
    case 'signed-square':
      return scores.map((score) => score * Math.abs(score));
    case 'softmax':
    case 'probability':
      throw unfit(link, 'regression');
  }
}

function linkProbabilities(task: ClassificationTask, scores: Float64Array, rows: number): Float64Array {
  const classes = task.classes.length;
  const outputs = scores.length / rows;
  const probabilities = new Float64Array(rows * classes);
  const link = outputs === 1 && classes === 2 ? binaryLink(task.link) : multiLink(task.link);
  for (let row = 0; row < rows; row += 1) {
    probabilities.set(link(scores.subarray(row * outputs, (row + 1) * outputs)), row * classes);
  }
  return probabilities;
}

type RowLink = (scores: Float64Array) => readonly number[] | Float64Array;

function binaryLink(link: Link): RowLink {
  switch (link.kind) {
    case 'sigmoid':
      // Both sides by the sigmoid: 1 - p would round a small probability away.
      return ([score = 0]) => [sigmoid(-link.slope * score), sigmoid(link.slope * score)];
    case 'probability':
    case 'identity':
      return ([score = 0]) => [1 - score, score];
    case 'softmax':
    case 'exp':
    case 'signed-square':
      throw unfit(link, 'binary classification by one score');
  }
}

function multiLink(link: Link): RowLink {
  switch (link.kind) {
    case 'softmax':
      return softmax;
    case 'sigmoid': {
      const { slope } = link;
      // p / sum p as a softmax of ln p, so that it stays a number where every p underflows.
      if (link.normalize) return (scores) => softmax(scores.map((score) => -softplus(-slope * score)));
      return (scores) => scores.map((score) => sigmoid(slope * score));
    }
    case 'probability':
    case 'identity':
      return (scores) => scores;
    case 'exp':
    case 'signed-square':
      throw unfit(link, 'classification');
  }
}

function softmax(scores: Float64Array): Float64Array {
  const largest = scores.reduce((most, score) => Math.max(most, score), -Infinity);
  const powers = scores.map((score) => Math.exp(score - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function unfit(link: Link, task: string): AppError {
  return new AppError('model.invalid', `The link "${link.kind}" does not fit a ${task}.`);
}
