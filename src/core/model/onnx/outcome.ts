import type { ClassLabel, Link, Task } from '../ir.ts';
import { unsupported } from './attributes.ts';
import { type NodeContext, fromAffine, nameOf, settleAt } from './context.ts';
import { type Elementwise, addFunctions, applyAtom, constantFunction, sameFunction, unchanged } from './elementwise.ts';
import { scaleAffine, settle } from './settle.ts';
import { sizeOf } from './shape.ts';
import type { Affine, Outcome, TensorValue, Value } from './value.ts';

/** The sigmoid of one score, as the probability of class 1. */
export const logistic: Link = { kind: 'sigmoid', slope: 1, normalize: false };

export interface Classification {
  readonly affine: Affine;
  readonly link: Link;
  readonly classes: readonly ClassLabel[];
  readonly probabilities: boolean;
}

/** The scores of a classifier that are told apart at zero, or by the largest. */
export function classification({ affine, link, classes, probabilities }: Classification): Outcome {
  const task: Task = { kind: 'classification', link, classes, threshold: 0, probabilities };
  return { kind: 'outcome', scores: { kind: 'affine', affine }, task, dims: [1, classes.length] };
}

/** 0, 1, 2, …: the classes of a network, which has no names for them. */
export function numbered(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** The scores under a final sigmoid or exponential, which people's side computes exactly. */
export function underLink(tensor: TensorValue): {
  readonly link: 'sigmoid' | 'exp' | 'identity';
  readonly scores: Pick<TensorValue, 'base' | 'fn'>;
} {
  const { fn, base } = tensor;
  const kind = fn.atom?.kind;
  if (fn.atom !== undefined && isPlainAtom(fn) && (kind === 'sigmoid' || kind === 'exp')) {
    return {
      link: kind,
      scores: { base, fn: { plain: fn.atom.argument, factor: [0], atom: undefined, name: fn.name } },
    };
  }
  return { link: 'identity', scores: tensor };
}

function isPlainAtom({ plain, factor }: Elementwise): boolean {
  return plain.length === 1 && plain[0] === 0 && factor.length === 1 && factor[0] === 1;
}

/** A tensor of one number a class whose largest is the prediction, or of one sigmoid for class 1. */
export function classScores(context: NodeContext, tensor: TensorValue): Outcome {
  const { link, scores } = underLink(tensor);
  const affine = settleAt(context, { ...tensor, ...scores });
  const count = sizeOf(tensor.dims);
  if (link === 'sigmoid')
    return classification({ affine, link: logistic, classes: numbered(Math.max(2, count)), probabilities: true });
  if (count < 2) throw unsupported(context.node, 'it expects one number a class, and there is a single one');
  return classification({ affine, link: { kind: 'identity' }, classes: numbered(count), probabilities: false });
}

/** Of scores: softmax at the end. */
export function softmaxEnd(context: NodeContext, value: TensorValue | Outcome): Outcome {
  if (value.kind === 'tensor') return withProbabilities(classScores(context, value), { kind: 'softmax' });
  const { task } = value;
  if (task.kind !== 'classification' || task.link.kind !== 'identity')
    throw unsupported(context.node, 'it follows what are probabilities already');
  const isMargin = value.scores.kind === 'affine' && value.scores.affine.matrix.rows === 1;
  // softmax of [-s, s] is the sigmoid of 2 s
  return withProbabilities(value, isMargin ? { kind: 'sigmoid', slope: 2, normalize: false } : { kind: 'softmax' });
}

function withProbabilities(outcome: Outcome, link: Link): Outcome {
  return outcome.task.kind === 'classification'
    ? { ...outcome, task: { ...outcome.task, link, probabilities: true } }
    : outcome;
}

/** Softmax, and the sigmoid of a single score beside its complement. */
export function sumsToOne({ task, scores }: Outcome): boolean {
  if (task.kind !== 'classification') return false;
  return (
    task.link.kind === 'softmax' ||
    (task.link.kind === 'sigmoid' && scores.kind === 'affine' && scores.affine.matrix.rows === 1)
  );
}

/** Probabilities made to sum to 1; undefined when the value is none. */
export function normalizeEnd(context: NodeContext, value: Value, norm: 'l1' | 'l2' | 'max'): Outcome | undefined {
  const outcome = value.kind === 'tensor' && underLink(value).link === 'sigmoid' ? classScores(context, value) : value;
  if (outcome.kind !== 'outcome') return undefined;
  const { task } = outcome;
  if (norm !== 'l1' || task.kind !== 'classification' || task.link.kind === 'identity')
    throw unsupported(context.node, 'it normalizes what are no probabilities');
  const isMargin = outcome.scores.kind === 'affine' && outcome.scores.affine.matrix.rows === 1;
  if (task.link.kind !== 'sigmoid' || isMargin) return outcome;
  return { ...outcome, task: { ...task, link: { ...task.link, normalize: true } } };
}

/** The probability of the second of two classes as a tensor again; undefined when the outcome is no sigmoid of one score. */
export function secondProbability(context: NodeContext, { scores, task }: Outcome): TensorValue | undefined {
  if (scores.kind !== 'affine' || scores.affine.matrix.rows !== 1 || task.link.kind !== 'sigmoid') return undefined;
  const fn = applyAtom({ ...unchanged, plain: [0, task.link.slope] }, 'sigmoid', { name: nameOf(context.node) });
  return { ...fromAffine(scores.affine, { dims: [1, 1], batch: 0 }), fn };
}

/** [1 - p, p] of a sigmoid p: the probabilities of two classes. Undefined when the inputs are something else. */
export function complementaryPair(context: NodeContext): Outcome | undefined {
  const [first, second] = context.inputs;
  if (first?.kind !== 'tensor' || second?.kind !== 'tensor' || context.inputs.length !== 2) return undefined;
  if (first.base !== second.base || sizeOf(first.dims) !== 1) return undefined;
  const [p, q, sign] = underLink(second).link === 'sigmoid' ? [second, first, 1] : [first, second, -1];
  if (!isComplement(p.fn, q.fn)) return undefined;
  const affine = settleAt(context, { ...p, ...underLink(p).scores });
  return classification({
    affine: scaleAffine(affine, [0, sign]),
    link: logistic,
    classes: [0, 1],
    probabilities: true,
  });
}

/** Whether q = 1 - p of a sigmoid p. */
function isComplement(p: Elementwise, q: Elementwise): boolean {
  const complement = addFunctions(constantFunction(1), { ...p, factor: [-1] });
  return p.atom?.kind === 'sigmoid' && isPlainAtom(p) && complement !== undefined && sameFunction(q, complement);
}

/** A tensor as it leaves the graph: what is affine, and what is left to people's side. */
export function endOfTensor(
  tensor: TensorValue,
): { readonly link: 'sigmoid' | 'exp' | 'identity'; readonly affine: Affine } | undefined {
  const { link, scores } = underLink(tensor);
  const affine = settle(scores);
  return affine && { link, affine };
}
