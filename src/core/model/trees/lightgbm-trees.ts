import { AppError } from '../../error.ts';
import type { NodeDraft, TreeDraft } from './draft.ts';
import type { Section } from './lightgbm-text.ts';

/** How a split treats a value that is not there. */
type MissingType = 'none' | 'zero' | 'nan';

/** One tree's arrays; inner nodes are numbered from 0, a child below 0 is leaf ~child. */
export interface LightgbmTree {
  readonly name: string;
  readonly feature: readonly number[];
  readonly threshold: readonly number[];
  readonly missing: readonly MissingType[];
  readonly defaultLeft: readonly boolean[];
  readonly left: readonly number[];
  readonly right: readonly number[];
  readonly leafValues: readonly number[];
}

/**
 * @param label a feature's name for messages
 * @throws {AppError} `model.invalid` with tree and key; `model.unsupported`: categorical splits, linear leaves, by name
 */
export function readTree(section: Section, index: number, label: (feature: number) => string): LightgbmTree {
  const name = `tree ${String(index)}`;
  const leaves = numbers(section, 'num_leaves', { name, length: 1 })[0] ?? 0;
  if (!Number.isInteger(leaves) || leaves < 1) throw invalid(`${name}: "num_leaves" is not a count`);
  if ((section.get('is_linear') ?? '0') !== '0') throw linearLeaves(name);
  const inner = (key: string) => numbers(section, key, { name, length: leaves - 1 });
  const feature = inner('split_feature');
  const types = inner('decision_type').map((bits, node) =>
    decision(bits, `${name}, node ${String(node)}`, label(feature[node] ?? -1)),
  );
  return {
    name,
    feature,
    threshold: inner('threshold'),
    missing: types.map(({ missing }) => missing),
    defaultLeft: types.map(({ defaultLeft }) => defaultLeft),
    left: inner('left_child'),
    right: inner('right_child'),
    leafValues: numbers(section, 'leaf_value', { name, length: leaves }),
  };
}

function numbers(
  section: Section,
  key: string,
  { name, length }: { readonly name: string; readonly length: number },
): number[] {
  const text = section.get(key);
  if (text === undefined) throw invalid(`${name} has no "${key}"`);
  const items = text.split(' ').filter((item) => item !== '');
  if (items.length !== length)
    throw invalid(`${name}: "${key}" has ${String(items.length)} entries where ${String(length)} are needed`);
  return items.map(parseNumber);
}

/** LightGBM writes infinite thresholds: everything but a missing value goes left of `inf`. */
function parseNumber(item: string): number {
  if (item === 'inf') return Infinity;
  return item === '-inf' ? -Infinity : Number(item);
}

function invalid(what: string): AppError {
  return new AppError('model.invalid', `The LightGBM model is damaged: ${what}.`, { hint: 'Save the model again.' });
}

function linearLeaves(name: string): AppError {
  return new AppError(
    'model.unsupported',
    `The LightGBM model has linear functions in its leaves (linear_tree, ${name}), which is not supported.`,
    {
      hint: 'Train with linear_tree=false.',
    },
  );
}

/** Bits: 1 categorical, 2 default left, 4 and 8 the missing type. */
function decision(
  bits: number,
  place: string,
  label: string,
): { readonly missing: MissingType; readonly defaultLeft: boolean } {
  const missing = (['none', 'zero', 'nan'] as const)[Math.floor(bits / 4)];
  if (!Number.isInteger(bits) || bits < 0 || missing === undefined)
    throw invalid(`${place} has an unknown "decision_type"`);
  if (bits % 2 === 0) return { missing, defaultLeft: bits % 4 >= 2 };
  throw new AppError(
    'model.unsupported',
    `The LightGBM model splits ${label} by categories (${place}), which is not supported.`,
    {
      hint: 'Encode the categories as numbers (one-hot) before training.',
    },
  );
}

/**
 * Which features count zero as missing: those with a split that sends zero elsewhere than its threshold would.
 * @throws {AppError} `model.unsupported` when other splits of the same feature tell a zero from a missing value (a training continued
 * with another `zero_as_missing`)
 */
export function zeroAsMissing(trees: readonly LightgbmTree[], label: (feature: number) => string): ReadonlySet<number> {
  const withZero = new Set<number>();
  const withoutZero = new Set<number>();
  for (const tree of trees) {
    for (const [node, feature] of tree.feature.entries()) {
      if (tree.missing[node] === 'none' || tree.defaultLeft[node] === zeroGoesLeft(tree, node)) continue;
      (tree.missing[node] === 'zero' ? withZero : withoutZero).add(feature);
    }
  }
  for (const feature of withZero) {
    if (!withoutZero.has(feature)) continue;
    throw new AppError(
      'model.unsupported',
      `The LightGBM model takes a zero in ${label(feature)} as missing in some splits and as a number in others.`,
      {
        hint: 'Train all trees with the same zero_as_missing.',
      },
    );
  }
  return withZero;
}

function zeroGoesLeft(tree: LightgbmTree, node: number): boolean {
  return 0 <= (tree.threshold[node] ?? Number.NaN);
}

/** Where no rule for missing values was learned, LightGBM reads them as 0, whatever the default direction says. */
export function lightgbmDraft(tree: LightgbmTree, output: number, scale: number): TreeDraft {
  return {
    name: tree.name,
    root: tree.feature.length === 0 ? -1 : 0,
    node: (id) => (id < 0 ? leafOf(tree, -1 - id) : splitOf(tree, id)),
  };

  function leafOf({ leafValues }: LightgbmTree, leaf: number): NodeDraft | undefined {
    const value = leafValues[leaf];
    return value === undefined ? undefined : { kind: 'leaf', outputs: [output], values: [value * scale] };
  }
}

function splitOf(tree: LightgbmTree, id: number): NodeDraft | undefined {
  const feature = tree.feature[id];
  if (feature === undefined) return undefined;
  return {
    kind: 'split',
    feature,
    test: '<=',
    threshold: tree.threshold[id] ?? Number.NaN,
    missingYes: tree.missing[id] === 'none' ? zeroGoesLeft(tree, id) : tree.defaultLeft[id] === true,
    yes: tree.left[id] ?? Number.NaN,
    no: tree.right[id] ?? Number.NaN,
  };
}
