import { AppError } from '../../error.ts';
import type { Task } from '../ir.ts';

const identity = { kind: 'identity' } as const;

const plainRegressions = [
  'regression',
  'regression_l2',
  'regression_l1',
  'huber',
  'fair',
  'quantile',
  'mape',
  'lambdarank',
  'rank_xendcg',
  'custom',
];
const logRegressions = ['poisson', 'gamma', 'tweedie'];

/**
 * What an objective line makes of `outputs` scores: "binary sigmoid:1", "multiclass num_class:3", "regression sqrt". A model with an
 * objective of one's own has no such line: its scores are the predictions. Classes are 0 … k - 1: the file keeps no others.
 * @throws {AppError} `model.unsupported`, naming the objective; `model.invalid` for an impossible one
 */
export function lightgbmTask(line: string | undefined, outputs: number): Task {
  if (line === undefined) return { kind: 'regression', link: identity };
  const [name = '', ...options] = line.trim().split(/\s+/u);
  switch (name) {
    case 'binary':
      if (outputs !== 1) throw invalid(line, outputs);
      return classification({ kind: 'sigmoid', slope: slopeOf(options, line), normalize: false }, 2);
    case 'multiclass':
    case 'softmax':
      return classification({ kind: 'softmax' }, outputs);
    case 'multiclassova':
      return classification({ kind: 'sigmoid', slope: slopeOf(options, line), normalize: false }, outputs);
    case 'cross_entropy':
    case 'xentropy':
      return { kind: 'regression', link: { kind: 'sigmoid', slope: 1, normalize: false } };
    default:
      return regression(name, options);
  }
}

function regression(name: string, options: readonly string[]): Task {
  if (logRegressions.includes(name)) return { kind: 'regression', link: { kind: 'exp' } };
  if (plainRegressions.includes(name))
    return { kind: 'regression', link: options.includes('sqrt') ? { kind: 'signed-square' } : identity };
  const supported = ['binary', 'multiclass', 'multiclassova', 'cross_entropy', ...plainRegressions, ...logRegressions];
  throw new AppError('model.unsupported', `The LightGBM objective "${name}" is not supported.`, {
    hint: `Supported are ${supported.join(', ')}.`,
  });
}

function classification(link: Extract<Task, { kind: 'classification' }>['link'], count: number): Task {
  const classes = Array.from({ length: count }, (_, index) => index);
  return { kind: 'classification', link, classes, threshold: 0, probabilities: true };
}

function slopeOf(options: readonly string[], line: string): number {
  const option = options.find((item) => item.startsWith('sigmoid:'));
  const slope = option === undefined ? 1 : Number(option.slice('sigmoid:'.length) || Number.NaN);
  if (Number.isFinite(slope) && slope > 0) return slope;
  throw new AppError('model.invalid', `The model is damaged: the objective "${line}" has no positive slope.`, {
    hint: 'Save the model again.',
  });
}

function invalid(line: string, outputs: number): AppError {
  return new AppError(
    'model.invalid',
    `The model is damaged: the objective "${line}" with ${String(outputs)} scores.`,
    { hint: 'Save the model again.' },
  );
}
