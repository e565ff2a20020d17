import type { Ciphertext } from 'node-seal';
import type { ServerPlanOf } from '../../core/plan/plan.ts';
import { readTrees, type BitTree } from '../../core/plan/tree-bits.ts';
import { rightmostLeaf, rootOf, shareOfTrees, soleOutput, sumConstants } from '../../core/plan/tree-records.ts';
import { AppError } from '../../core/error.ts';
import { absorb, addSaved, loadCiphertext, saveCompact, saveWhole } from '../ciphertexts.ts';
import type { HeContext } from '../context.ts';
import { callSeal, leavesSomething } from '../library.ts';
import { polynomialCodec, type PolynomialCodec } from '../polynomials.ts';
import { evaluateWhole, shareName, type Share, type SplitCircuit } from './circuit.ts';
import type { EvaluationKeySet } from './evaluation-keys.ts';
import { floodedZero } from './flood.ts';
import { constantPlaintext, remembered, scalarCache, type ScalarCache } from './scalars.ts';

type Plan = ServerPlanOf<'trees-records'>;

/**
 * Trees with one slot a record, in BGV: node = b (left - right) + right, from the leaves up. A node's value is a ciphertext plus an integer
 * known in the clear; only differences that are multiplied again are relinearized, and trees with the same root share its product.
 * Threads that share a block each sum some of the trees.
 */
export function treeRecordsCircuit(
  he: HeContext,
  plan: Plan,
  tensors: { readonly trees: Float64Array; readonly base: Float64Array },
): SplitCircuit {
  const trees = readTrees(tensors.trees);
  const polynomials = polynomialCodec(he);
  const scalars = scalarCache(he, polynomials);
  const constants = sumConstants(trees, tensors.base);
  const shares = new Map<string, readonly BitTree[]>();
  const treesOf = (share: Share): readonly BitTree[] =>
    remembered(shares, shareName(share), () => shareOfTrees(trees, plan.outputs, share));
  const circuit: Pick<SplitCircuit, 'partial' | 'finish'> = {
    partial: (share, ciphertexts, keys) =>
      callSeal('evaluate trees', () => {
        using arithmetic = openArithmetic(he, { ciphertexts, keys, scalars });
        return evaluateTrees(arithmetic, treesOf(share), plan.outputs).map((sum) => {
          using owned = sum;
          return owned === undefined ? new Uint8Array(0) : saveWhole(he, owned);
        });
      }),
    finish: (partials, keys) =>
      callSeal('evaluate trees', () =>
        Array.from({ length: plan.outputs }, (_, output) => {
          using result = addSaved(
            he,
            partials.map((partial) => partial[output] ?? new Uint8Array(0)),
          );
          return finish(he, { result, constant: constants[output] ?? 0, keys, polynomials });
        }),
      ),
  };
  return {
    inputCiphertexts: plan.bits,
    ...circuit,
    evaluate: (ciphertexts, keys) => evaluateWhole(circuit, ciphertexts, keys),
    prepare: treesOf,
    [Symbol.dispose]: () => {
      scalars[Symbol.dispose]();
    },
  };
}

/** A ciphertext (owned; undefined: none) plus an integer in every slot. */
interface Value {
  readonly ciphertext: Ciphertext | undefined;
  readonly constant: number;
}

interface Arithmetic extends Disposable {
  readonly he: HeContext;
  readonly keys: EvaluationKeySet;
  /** Borrowed: what a node decides by. */
  decision(tree: BitTree, node: number): Ciphertext;
  /** accumulator + factor * ciphertext, in place; the accumulator is made where there is none. */
  addScaled(accumulator: Ciphertext | undefined, ciphertext: Ciphertext, factor: number): Ciphertext | undefined;
}

function openArithmetic(
  he: HeContext,
  source: {
    readonly ciphertexts: readonly Uint8Array[];
    readonly keys: EvaluationKeySet;
    readonly scalars: ScalarCache;
  },
): Arithmetic {
  const owned = new DisposableStack();
  const decisions = new Map<string, Ciphertext>();
  const bitOf = (bit: number): Ciphertext =>
    remembered(decisions, String(bit), () =>
      owned.use(loadCiphertext(he, source.ciphertexts[bit] ?? new Uint8Array(0))),
    );
  return {
    he,
    keys: source.keys,
    decision: (tree, node) => {
      const bit = tree.bit[node] ?? 0;
      const missing = tree.missing[node] ?? -1;
      if (missing < 0) return bitOf(bit);
      return remembered(decisions, `${String(bit)}+${String(missing)}`, () => {
        const sum = owned.use(new he.seal.Ciphertext());
        he.evaluator.add(bitOf(bit), bitOf(missing), sum);
        return sum;
      });
    },
    addScaled: (accumulator, ciphertext, factor) => {
      let sum = accumulator;
      for (const digit of source.scalars.of(factor)) {
        const product = new he.seal.Ciphertext();
        he.evaluator.multiplyPlain(ciphertext, digit.plaintext, product);
        if (digit.negative) he.evaluator.negateInplace(product);
        sum = absorb(he, sum, product);
      }
      return sum;
    },
    [Symbol.dispose]: () => {
      owned.dispose();
    },
  };
}

/** The sums over trees, an output each, without their constants; owned. */
function evaluateTrees(arithmetic: Arithmetic, trees: readonly BitTree[], outputs: number): (Ciphertext | undefined)[] {
  const sums: (Ciphertext | undefined)[] = new Array<undefined>(outputs).fill(undefined);
  const byRoot = new Map<
    string,
    { readonly tree: BitTree; readonly output: number; difference: Ciphertext | undefined; factor: number }
  >();
  for (const tree of trees) {
    const output = soleOutput(tree, outputs);
    if (output === undefined) {
      addByPaths(arithmetic, tree, sums);
      continue;
    }
    if (tree.bit.length === 0) continue;
    const leaf = (index: number): number => tree.leafValues[index * outputs + output] ?? 0;
    const left = valueOf(arithmetic, { tree, leaf }, tree.left[0] ?? -1);
    const right = valueOf(arithmetic, { tree, leaf }, tree.right[0] ?? -1);
    const group = remembered(byRoot, rootOf(tree, output), () => ({ tree, output, difference: undefined, factor: 0 }));
    group.difference = absorb(
      arithmetic.he,
      group.difference,
      subtract(arithmetic.he, left.ciphertext, right.ciphertext),
    );
    group.factor += left.constant - right.constant;
    sums[output] = absorb(arithmetic.he, sums[output], right.ciphertext);
  }
  for (const { tree, output, difference, factor } of byRoot.values()) {
    const decided = multiplyDifference(arithmetic, arithmetic.decision(tree, 0), difference);
    const scaled = arithmetic.addScaled(decided, arithmetic.decision(tree, 0), factor);
    sums[output] = absorb(arithmetic.he, sums[output], scaled);
  }
  return sums;
}

/** A subtree's value from its leaves up. */
function valueOf(
  arithmetic: Arithmetic,
  source: { readonly tree: BitTree; readonly leaf: (index: number) => number },
  node: number,
): Value {
  const { tree, leaf } = source;
  if (node < 0) return { ciphertext: undefined, constant: leaf(~node) };
  const left = valueOf(arithmetic, source, tree.left[node] ?? -1);
  const right = valueOf(arithmetic, source, tree.right[node] ?? -1);
  const decision = arithmetic.decision(tree, node);
  // The difference is taken first: it leaves the right value as it is, to be added below.
  const decided = multiplyDifference(arithmetic, decision, subtract(arithmetic.he, left.ciphertext, right.ciphertext));
  const scaled = arithmetic.addScaled(decided, decision, left.constant - right.constant);
  return { ciphertext: absorb(arithmetic.he, scaled, right.ciphertext), constant: right.constant };
}

/** left - right; left is consumed, right is not. Undefined where nothing is left. */
function subtract(he: HeContext, left: Ciphertext | undefined, right: Ciphertext | undefined): Ciphertext | undefined {
  if (right === undefined) return left;
  if (left !== undefined) {
    if (leavesSomething(() => he.evaluator.subInplace(left, right))) return left;
    left.delete();
    return undefined;
  }
  const negated = new he.seal.Ciphertext();
  he.evaluator.negate(right, negated);
  return negated;
}

/** decision * difference, of size 3; the difference is consumed. */
function multiplyDifference(
  { he, keys }: Arithmetic,
  decision: Ciphertext,
  difference: Ciphertext | undefined,
): Ciphertext | undefined {
  if (difference === undefined) return undefined;
  relinearize(he, difference, keys);
  he.evaluator.multiplyInplace(difference, decision);
  return difference;
}

function relinearize(he: HeContext, ciphertext: Ciphertext, keys: EvaluationKeySet): void {
  if (ciphertext.size() < 3) return;
  if (keys.relinearizationKeys === undefined)
    throw new AppError('artifact.unreadable', 'The evaluation keys have no relinearization keys.');
  he.evaluator.relinearizeInplace(ciphertext, keys.relinearizationKeys);
}

/**
 * A tree whose leaves add to several outputs: with q = (path to the node) * b, an output is the sum over inner nodes of
 * q (rightmost leaf on the left - rightmost leaf on the right), so that each product serves all outputs.
 */
function addByPaths(arithmetic: Arithmetic, tree: BitTree, sums: (Ciphertext | undefined)[]): void {
  const outputs = sums.length;
  const leaf = (index: number, output: number): number => tree.leafValues[index * outputs + output] ?? 0;
  const visit = (node: number, path: Ciphertext | undefined): void => {
    if (node < 0) return;
    const [left, right] = [tree.left[node] ?? -1, tree.right[node] ?? -1];
    using taken = takenLeft(arithmetic, {
      path,
      decision: arithmetic.decision(tree, node),
      again: left >= 0 || right >= 0,
    });
    for (const [output, sum] of sums.entries()) {
      const factor = leaf(rightmostLeaf(tree.right, left), output) - leaf(rightmostLeaf(tree.right, right), output);
      sums[output] = arithmetic.addScaled(sum, taken, factor);
    }
    visit(left, taken);
    if (right < 0) return;
    using other = path === undefined ? oneMinus(arithmetic, taken) : new arithmetic.he.seal.Ciphertext();
    if (path !== undefined) arithmetic.he.evaluator.sub(path, taken, other);
    visit(right, other);
  };
  visit(tree.bit.length === 0 ? -1 : 0, undefined);
}

/** path * decision (a copy of the decision where the path is empty). @returns owned; size 2 where it is multiplied again */
function takenLeft(
  { he, keys }: Arithmetic,
  step: { readonly path: Ciphertext | undefined; readonly decision: Ciphertext; readonly again: boolean },
): Ciphertext {
  const taken = new he.seal.Ciphertext();
  if (step.path === undefined) taken.assign(step.decision);
  else he.evaluator.multiply(step.path, step.decision, taken);
  if (step.again) relinearize(he, taken, keys);
  return taken;
}

function oneMinus({ he }: Arithmetic, ciphertext: Ciphertext): Ciphertext {
  const result = new he.seal.Ciphertext();
  he.evaluator.negate(ciphertext, result);
  using one = constantPlaintext(polynomialCodec(he), 1);
  he.evaluator.addPlainInplace(result, one);
  return result;
}

/** The result as it leaves: relinearized, base added, flooded, on the smallest modulus. */
function finish(
  he: HeContext,
  output: {
    readonly result: Ciphertext | undefined;
    readonly constant: number;
    readonly keys: EvaluationKeySet;
    readonly polynomials: PolynomialCodec;
  },
): Uint8Array {
  using sum = floodedZero(he, output.keys, output.polynomials);
  if (output.result !== undefined) {
    relinearize(he, output.result, output.keys);
    he.evaluator.addInplace(sum, output.result);
  }
  using constant = constantPlaintext(output.polynomials, output.constant);
  if (!constant.isZero()) he.evaluator.addPlainInplace(sum, constant);
  while (sum.coeffModulusSize() > 1) he.evaluator.cipherModSwitchToNextInplace(sum);
  return saveCompact(he, sum);
}
