import { AppError } from '../../error.ts';
import type { Tree } from '../ir.ts';
import { comparisonOf, type Comparison, type LeafDraft, type SplitDraft, type TreeDraft } from './draft.ts';
import { settledSide, type Known } from './known.ts';

/** More than any plan could evaluate; keeps the memory of a hostile or careless file bounded. */
export const maxSplits = 2_000_000;
const maxLeafValues = 16_000_000;
/** Of one tree whose equality tests are taken apart: every copy of a subtree is an object while it is written. */
const maxCopied = 250_000;

export interface AssemblyOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** The precision of the library's comparisons: thresholds are rounded to it. */
  readonly comparison: 'float32' | 'float64';
  /** A feature's name for messages. */
  readonly featureName?: (feature: number) => string;
}

/**
 * Trees of the intermediate representation from a file's own: nodes renumbered from the root downwards, nodes that the root does not
 * reach left out.
 * @throws {AppError} `model.invalid` naming the tree and node: a child that does not exist or has two parents (so also a cycle), a
 * feature or output out of range, a threshold that is not a number, a leaf value that is not finite; `model.unsupported`: too large
 */
export function assembleTrees(drafts: Iterable<TreeDraft>, options: AssemblyOptions): Tree[] {
  const trees: Tree[] = [];
  let nodes = 0;
  let leafValues = 0;
  for (const draft of drafts) {
    const equalities = checkStructure(draft, options);
    const tree = flatten(draft, options, equalities);
    nodes += tree.feature.length;
    leafValues += tree.leafValues.length;
    if (nodes > maxSplits || leafValues > maxLeafValues) throw tooLarge(draft.name);
    trees.push(tree);
  }
  return trees;
}

/** Checks every node that the root reaches; tells whether equality tests are among them. */
function checkStructure(draft: TreeDraft, options: AssemblyOptions): boolean {
  const seen = new Set<number>();
  const open = [draft.root];
  let equalities = false;
  let splits = 0;
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const node = draft.node(id);
    const place = `${draft.name}, node ${String(id)}`;
    if (node === undefined) throw invalid(`${draft.name} refers to node ${String(id)}, which it does not have`);
    if (seen.has(id)) throw invalid(`${place} has more than one parent`);
    seen.add(id);
    if (node.kind === 'leaf') {
      checkLeaf(node, place, options.outputs);
      continue;
    }
    checkSplit(node, place, options);
    equalities ||= node.test === '==' || node.test === '!=';
    splits += 1;
    if (splits > maxSplits) throw tooLarge(draft.name);
    open.push(node.no, node.yes);
  }
  if (draft.splits !== undefined && splits !== draft.splits) {
    throw invalid(`${draft.name} has splits that its root does not lead to`);
  }
  return equalities;
}

function checkLeaf(leaf: LeafDraft, place: string, outputs: number): void {
  for (const output of leaf.outputs) {
    if (!isIndex(output, outputs))
      throw invalid(`${place} adds to output ${String(output)}, the model has ${String(outputs)}`);
  }
  if (!leaf.values.every(Number.isFinite)) throw invalid(`${place} is a leaf whose value is not a finite number`);
}

function checkSplit(split: SplitDraft, place: string, { inputs, featureName }: AssemblyOptions): void {
  if (!isIndex(split.feature, inputs)) {
    throw invalid(`${place} splits on feature ${String(split.feature)}, the model has ${String(inputs)}`);
  }
  if (!Number.isNaN(split.threshold)) return;
  const name = featureName?.(split.feature) ?? `feature ${String(split.feature)}`;
  throw invalid(`${place} compares ${name} with a threshold that is not a number`);
}

function isIndex(value: number, length: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < length;
}

function invalid(what: string): AppError {
  return new AppError('model.invalid', `The model is damaged: ${what}.`, { hint: 'Save the model again.' });
}

function tooLarge(name: string): AppError {
  const message = `The ensemble is too large: ${name} exceeds ${String(maxSplits)} splits or ${String(maxLeafValues)} leaf values in all.`;
  return new AppError('model.unsupported', message, { hint: 'Train fewer or shallower trees.' });
}

function tooManyEqualities(name: string): AppError {
  const message = `The equality tests of ${name} make more than ${String(maxCopied)} splits when they are taken apart.`;
  return new AppError('model.unsupported', message, { hint: 'Encode categories as one-hot columns before training.' });
}

/** A node to be written, and where its number goes: a side of the inner node `parent` (-1: the root). */
interface Pending {
  readonly target: Comparison | number;
  readonly parent: number;
  readonly isLeft: boolean;
  readonly known: Known | undefined;
}

function flatten(draft: TreeDraft, options: AssemblyOptions, equalities: boolean): Tree {
  const round = options.comparison === 'float32' ? Math.fround : (value: number) => value;
  const splits: Comparison[] = [];
  const leaves: LeafDraft[] = [];
  const left: number[] = [];
  const right: number[] = [];
  const open: Pending[] = [{ target: draft.root, parent: -1, isLeft: true, known: undefined }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const node = resolve(draft, next, round);
    const isLeaf = 'kind' in node;
    if (next.parent >= 0) (next.isLeft ? left : right)[next.parent] = isLeaf ? ~leaves.length : splits.length;
    if (isLeaf) {
      leaves.push(node);
      continue;
    }
    const parent = splits.push(node) - 1;
    if (equalities && parent >= maxCopied) throw tooManyEqualities(draft.name);
    const fact = (wentLeft: boolean) => (equalities ? { comparison: node, wentLeft, earlier: next.known } : undefined);
    open.push({ target: node.right, parent, isLeft: false, known: fact(false) });
    open.push({ target: node.left, parent, isLeft: true, known: fact(true) });
  }
  return treeOf({ splits, leaves, left, right, outputs: options.outputs });
}

/** The node that a target leads to, past comparisons whose answer is already known. */
function resolve(
  draft: TreeDraft,
  { target, known }: Pending,
  round: (value: number) => number,
): Comparison | LeafDraft {
  let next = target;
  for (;;) {
    const node = typeof next === 'number' ? draft.node(next) : next;
    if (node === undefined) throw invalid(`${draft.name} refers to a node which it does not have`);
    if ('kind' in node && node.kind === 'leaf') return node;
    const comparison = 'kind' in node ? comparisonOf({ ...node, threshold: round(node.threshold) }) : node;
    const side = known === undefined ? undefined : settledSide(comparison, known);
    if (side === undefined) return comparison;
    next = comparison[side];
  }
}

interface Parts {
  readonly splits: readonly Comparison[];
  readonly leaves: readonly LeafDraft[];
  readonly left: readonly number[];
  readonly right: readonly number[];
  readonly outputs: number;
}

function treeOf({ splits, leaves, left, right, outputs }: Parts): Tree {
  if (leaves.length * outputs > maxLeafValues) throw tooLarge('A tree');
  const leafValues = new Float64Array(leaves.length * outputs);
  for (const [leaf, draft] of leaves.entries()) {
    for (const [index, output] of draft.outputs.entries()) {
      const position = leaf * outputs + output;
      leafValues[position] = (leafValues[position] ?? 0) + (draft.values[index] ?? 0);
    }
  }
  return {
    feature: Int32Array.from(splits, (split) => split.feature),
    threshold: Float64Array.from(splits, (split) => split.threshold),
    orEqual: Uint8Array.from(splits, (split) => Number(split.orEqual)),
    missingLeft: Uint8Array.from(splits, (split) => Number(split.missingLeft)),
    left: Int32Array.from(left),
    right: Int32Array.from(right),
    leafValues,
  };
}
