import type { Steps } from '../progress.ts';
import { missingBit, type Thermometer } from './thermometer.ts';
import type { BitTree } from './tree-bits.ts';

/**
 * Trees as a sum of products. What a path demands of one feature, however often it splits on it, is an interval, and with thermometer bits
 * the truth of an interval is a sum: [e <= x < f] = bit f - bit e. So a path is a product of as many literals as it has features. Paths that
 * differ in a single literal are added into one product, whose literal then carries their values.
 */

/** constant + the sum over bits of weight * bit. */
export interface Literal {
  readonly constant: number;
  readonly weights: ReadonlyMap<number, number>;
}

/** A product of literals, added to each output listed with its factor. */
export interface Term {
  readonly literals: readonly Literal[];
  readonly factors: readonly { readonly output: number; readonly factor: number }[];
}

/** scores = base + the sum of the terms. */
export interface PathTerms {
  readonly terms: readonly Term[];
  readonly base: Float64Array;
}

/** Most bits of a literal that carries the values of several paths: each must be found near the product that reads it. */
const mostWeights = 4;

/** What is left of values that cancel, of their size. */
const cancelled = 1e-14;

/** low <= x < high by the numbers of bits, -1 where there is no bound; and whether a missing value passes. */
interface Demand {
  readonly feature: number;
  readonly low: number;
  readonly high: number;
  readonly missing: boolean;
}

/** Ascending by feature. */
type Path = readonly Demand[];

interface Leaf {
  readonly path: Path;
  readonly values: readonly { readonly output: number; readonly factor: number }[];
}

/** A leaf that adds to one output: its value is carried by a literal. */
interface SoleLeaf {
  readonly path: Path;
  readonly output: number;
  readonly value: number;
}

/** @param trees over the thermometer's bits. @returns terms in the order of the trees; exact but for the order of additions */
export function* pathTerms(trees: readonly BitTree[], thermometer: Thermometer, outputs: number): Steps<PathTerms> {
  const base = new Float64Array(outputs);
  const featureOf = featureOfBits(thermometer);
  const literalOf = (demand: Demand) => demandLiteral(demand, missingBit(thermometer, demand.feature));
  const sole: SoleLeaf[] = [];
  const terms: Term[] = [];
  for (const tree of trees) {
    yield;
    for (const { path, values } of leavesOf(tree, featureOf, outputs)) {
      const [first] = values;
      if (path.length === 0) for (const { output, factor } of values) base[output] = (base[output] ?? 0) + factor;
      else if (values.length === 1 && first !== undefined)
        sole.push({ path, output: first.output, value: first.factor });
      else if (values.length > 1) addTerm(terms, { path, values }, literalOf);
    }
  }
  yield* mergeLeaves(sole, { terms, base, literalOf });
  return { terms, base };
}

function addTerm(terms: Term[], leaf: Leaf, literalOf: (demand: Demand) => Literal | undefined): void {
  const literals = leaf.path.map(literalOf).filter((literal) => literal !== undefined);
  // A demand that nothing meets ends its path.
  if (literals.length === leaf.path.length) terms.push({ literals, factors: leaf.values });
}

function featureOfBits({ offset, bits }: Thermometer): Int32Array {
  const featureOf = new Int32Array(bits);
  for (let feature = 0; feature + 1 < offset.length; feature += 1)
    featureOf.fill(feature, offset[feature], offset[feature + 1]);
  return featureOf;
}

function* leavesOf(tree: BitTree, featureOf: Int32Array, outputs: number): Generator<Leaf> {
  const open: { readonly node: number; readonly path: Path }[] = [{ node: tree.bit.length === 0 ? -1 : 0, path: [] }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, path } = next;
    if (node < 0) {
      yield { path, values: leafFactors(tree, ~node, outputs) };
      continue;
    }
    const bit = tree.bit[node] ?? 0;
    const split = { feature: featureOf[bit] ?? 0, bit, missingLeft: (tree.missing[node] ?? -1) >= 0 };
    open.push({ node: tree.right[node] ?? -1, path: narrowed(path, split, 'right') });
    open.push({ node: tree.left[node] ?? -1, path: narrowed(path, split, 'left') });
  }
}

function leafFactors(tree: BitTree, leaf: number, outputs: number): Leaf['values'] {
  const values = [...tree.leafValues.subarray(leaf * outputs, (leaf + 1) * outputs)];
  return values.map((factor, output) => ({ output, factor })).filter(({ factor }) => factor !== 0);
}

/** The path's demand on the split's feature with the split's side taken, too. */
function narrowed(
  path: Path,
  split: { readonly feature: number; readonly bit: number; readonly missingLeft: boolean },
  side: 'left' | 'right',
): Path {
  const { feature, bit } = split;
  const known = path.find((demand) => demand.feature === feature) ?? { feature, low: -1, high: -1, missing: true };
  const demand =
    side === 'left'
      ? {
          ...known,
          high: known.high < 0 ? bit : Math.min(known.high, bit),
          missing: known.missing && split.missingLeft,
        }
      : { ...known, low: Math.max(known.low, bit), missing: known.missing && !split.missingLeft };
  const others = path.filter((other) => other.feature !== feature);
  return [...others, demand].sort((a, b) => a.feature - b.feature);
}

/** @param missing the bit that says that the feature is missing, if it can be. @returns undefined where no value meets the demand */
function demandLiteral({ low, high, missing: passes }: Demand, missing: number | undefined): Literal | undefined {
  const isBelow = high >= 0;
  const weights = new Map<number, number>();
  if (!isBelow || high > low) {
    if (isBelow) weights.set(high, 1);
    if (low >= 0) weights.set(low, -1);
  }
  // A missing value has no bit but its own: it passes 1 - bit and fails the rest.
  if (missing !== undefined && passes === isBelow) weights.set(missing, passes ? 1 : -1);
  return weights.size === 0 ? undefined : { constant: isBelow ? 0 : 1, weights };
}

interface Target {
  readonly terms: Term[];
  readonly base: Float64Array;
  readonly literalOf: (demand: Demand) => Literal | undefined;
}

/** Adds leaves that share all but one demand into terms. Where they leave nothing to that demand, the shorter path is merged again. */
function* mergeLeaves(leaves: readonly SoleLeaf[], target: Target): Steps<void> {
  for (let open = leaves.filter(({ path }) => path.every((demand) => target.literalOf(demand) !== undefined)); ;) {
    const shorter: SoleLeaf[] = [];
    for (const group of yield* groupLeaves(open)) {
      yield;
      for (const literal of packLiterals(group, target)) {
        if (literal.weights.size > 0) addMerged(target, group, literal);
        else if (group.others.length > 0)
          shorter.push({ path: group.others, output: group.output, value: literal.constant });
        else target.base[group.output] = (target.base[group.output] ?? 0) + literal.constant;
      }
    }
    if (shorter.length === 0) return;
    open = shorter.filter(({ value }) => value !== 0);
  }
}

function addMerged({ terms, literalOf }: Target, group: LeafGroup, carrier: Literal): void {
  const others = group.others.map(literalOf).filter((literal) => literal !== undefined);
  terms.push({ literals: [...others, carrier], factors: [{ output: group.output, factor: 1 }] });
}

interface LeafGroup {
  readonly output: number;
  readonly others: Path;
  readonly parts: { readonly demand: Demand; readonly value: number }[];
}

/** Each leaf goes where most leaves share all its demands but one. */
function* groupLeaves(leaves: readonly SoleLeaf[]): Steps<Iterable<LeafGroup>> {
  const count = new Map<string, number>();
  for (const leaf of leaves) {
    yield;
    for (const key of keysOf(leaf)) count.set(key, (count.get(key) ?? 0) + 1);
  }
  const groups = new Map<string, LeafGroup>();
  for (const leaf of leaves) {
    yield;
    const keys = keysOf(leaf);
    const best = keys.reduce((a, b) => ((count.get(b) ?? 0) > (count.get(a) ?? 0) ? b : a));
    const place = keys.indexOf(best);
    const others = leaf.path.filter((_, index) => index !== place);
    const group: LeafGroup = groups.get(best) ?? { output: leaf.output, others, parts: [] };
    const demand = leaf.path[place];
    if (demand !== undefined) group.parts.push({ demand, value: leaf.value });
    groups.set(best, group);
  }
  return groups.values();
}

/** For each demand of a path: the output and the other demands, as text. */
function keysOf({ path, output }: SoleLeaf): string[] {
  const texts = path.map(({ feature, low, high, missing }) => [feature, low, high, Number(missing)].join(':'));
  return texts.map((_, left) => [output, ...texts.filter((_text, index) => index !== left)].join(' '));
}

/** The values of a group, each times its demand, as few literals with few bits each. */
function packLiterals({ parts }: LeafGroup, { literalOf }: Target): Literal[] {
  const packed: { constant: number; readonly weights: Map<number, number> }[] = [];
  for (const { demand, value } of parts) {
    const literal = literalOf(demand);
    if (literal === undefined) continue;
    const union = (weights: ReadonlyMap<number, number>) =>
      new Set([...weights.keys(), ...literal.weights.keys()]).size;
    let carrier = packed.find(({ weights }) => union(weights) <= Math.max(mostWeights, literal.weights.size));
    if (carrier === undefined) packed.push((carrier = { constant: 0, weights: new Map() }));
    carrier.constant += value * literal.constant;
    for (const [bit, weight] of literal.weights)
      carrier.weights.set(bit, (carrier.weights.get(bit) ?? 0) + value * weight);
  }
  const least = parts.reduce((most, { value }) => Math.max(most, Math.abs(value)), 0) * cancelled;
  for (const { weights } of packed)
    for (const [bit, weight] of weights) if (Math.abs(weight) <= least) weights.delete(bit);
  return packed;
}
