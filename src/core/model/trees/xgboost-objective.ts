import { AppError } from '../../error.ts';
import type { Link, Task } from '../ir.ts';
import { invalidAt, textAt } from './reading.ts';

/** The space in which a file gives its base score: that of the scores, or of predictions behind a logistic or an exponential. */
type BaseSpace = 'score' | 'logistic' | 'exponential';

interface Objective {
  readonly kind: 'regression' | 'binary' | 'multi';
  readonly link: Link;
  readonly base: BaseSpace;
  /** False where scores are no log-odds and only their sign counts. */
  readonly probabilities?: boolean;
}

const identity = { kind: 'identity' } as const;
const exp = { kind: 'exp' } as const;
const sigmoid = { kind: 'sigmoid', slope: 1, normalize: false } as const;
const softmax = { kind: 'softmax' } as const;

const plain: Objective = { kind: 'regression', link: identity, base: 'score' };
const logLink: Objective = { kind: 'regression', link: exp, base: 'exponential' };

/** Measured on XGBoost 3.2 by summing the leaves of each kind of model. */
const objectives: Readonly<Record<string, Objective>> = {
  'binary:logistic': { kind: 'binary', link: sigmoid, base: 'logistic' },
  'binary:logitraw': { kind: 'binary', link: identity, base: 'score', probabilities: false },
  'binary:hinge': { kind: 'binary', link: identity, base: 'score', probabilities: false },
  'multi:softprob': { kind: 'multi', link: softmax, base: 'score' },
  'multi:softmax': { kind: 'multi', link: softmax, base: 'score' },
  'reg:logistic': { kind: 'regression', link: sigmoid, base: 'logistic' },
  'reg:squarederror': plain,
  'reg:linear': plain,
  'reg:squaredlogerror': plain,
  'reg:pseudohubererror': plain,
  'reg:absoluteerror': plain,
  'reg:quantileerror': plain,
  'reg:expectileerror': plain,
  'rank:pairwise': plain,
  'rank:ndcg': plain,
  'rank:map': plain,
  'count:poisson': logLink,
  'reg:gamma': logLink,
  'reg:tweedie': logLink,
  'survival:cox': logLink,
  'survival:aft': logLink,
};

/** @throws {AppError} `model.unsupported`, naming the objective */
function objectiveOf(name: string): Objective {
  const objective = Object.hasOwn(objectives, name) ? objectives[name] : undefined;
  if (objective !== undefined) return objective;
  throw new AppError('model.unsupported', `The XGBoost objective "${name}" is not supported.`, {
    hint: `Supported are ${Object.keys(objectives).join(', ')}.`,
  });
}

/** What an objective makes of `outputs` scores. Classes are 0 … k - 1: XGBoost keeps no others. */
export function xgboostTask(name: string, outputs: number): Task {
  const { kind, link, probabilities = true } = objectiveOf(name);
  if (kind === 'regression') return { kind, link };
  if (kind === 'binary' && outputs !== 1) {
    throw new AppError(
      'model.unsupported',
      `The XGBoost model predicts ${String(outputs)} labels at once ("${name}").`,
      {
        hint: 'Train one model a label.',
      },
    );
  }
  const classes = Array.from({ length: kind === 'binary' ? 2 : outputs }, (_, index) => index);
  return { kind: 'classification', link, classes, threshold: 0, probabilities };
}

/**
 * The base score in the space of the scores, one an output.
 * @param value as the file gives it: "5E-1", "[6.2E-1]" or one value an output "[-1.1E-2,1.5E-2]"; a bare number too
 * @param path for messages
 */
export function xgboostBase(
  value: unknown,
  path: string,
  { name, outputs }: { readonly name: string; readonly outputs: number },
): Float64Array {
  const numbers = typeof value === 'number' ? [value] : parseBase(textAt(value, path), path);
  if (numbers.length !== 1 && numbers.length !== outputs) {
    return invalidAt(path, `has ${String(numbers.length)} values where the model has ${String(outputs)} outputs`);
  }
  const { base } = objectiveOf(name);
  const scores = Float64Array.from({ length: outputs }, (_, output) =>
    toScore(numbers[numbers.length === 1 ? 0 : output] ?? 0, base),
  );
  if (!scores.every(Number.isFinite)) return invalidAt(path, `is outside the range of "${name}"`);
  return scores;
}

function parseBase(text: string, path: string): number[] {
  const items = text
    .trim()
    .replace(/^\[(.*)\]$/su, '$1')
    .split(',');
  return items.map((item) => {
    const number = item.trim() === '' ? Number.NaN : Number(item);
    return Number.isFinite(number) ? number : invalidAt(path, 'is not a finite number');
  });
}

function toScore(value: number, base: BaseSpace): number {
  if (base === 'logistic') return Math.log(value / (1 - value));
  return base === 'exponential' ? Math.log(value) : value;
}
