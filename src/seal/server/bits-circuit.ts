import type { Ciphertext, GaloisKeys, RelinKeys } from 'node-seal';
import { AppError } from '../../core/error.ts';
import { outputSpacing } from '../../core/plan/lone-result.ts';
import { addSaved, loadCiphertext, neutralScale, saveCompact } from '../ciphertexts.ts';
import type { HeContext } from '../context.ts';
import { callSeal } from '../library.ts';
import {
  encodeLiterals,
  encodeSelection,
  slotEncoder,
  type BitsPlan,
  type BitsTensors,
  type LiteralMasks,
  type SelectionShare,
} from './bits-masks.ts';
import { encryptZero, evaluateWhole, shareName, type Share, type SplitCircuit } from './circuit.ts';
import type { EvaluationKeySet } from './evaluation-keys.ts';
import { coverLoneRecord } from './result-noise.ts';
import { remembered } from './scalars.ts';
import { evaluateTurnedSum } from './turned-sum.ts';

/**
 * Trees for one record, in CKKS (bits-layout.ts): the selection brings bits to nodes, literals read nodes, terms are products of literals, and
 * a total fold adds the terms: in the end every slot holds an output or nothing. The selection is spread over shares.
 */
export function bitsCircuit(he: HeContext, plan: BitsPlan, tensors: BitsTensors): SplitCircuit {
  const shares = new Map<string, SelectionShare>();
  const selectionOf = (share: Share): SelectionShare =>
    remembered(shares, shareName(share), () => encodeSelection(he, { plan, nodes: tensors.nodes, share }));
  let opened: LiteralMasks | undefined;
  const masks = (): LiteralMasks => (opened ??= encodeLiterals(he, plan, tensors));
  const circuit: Omit<SplitCircuit, 'evaluate' | typeof Symbol.dispose> = {
    inputCiphertexts: sourceCiphertexts(plan) * plan.copies,
    prepare: (share) => {
      selectionOf(share);
      if (share.part === 0) masks();
    },
    partial: (share, ciphertexts, keys) =>
      callSeal('select bits', () => select(he, selectionOf(share), { plan, ciphertexts, keys })),
    finish: (partials, keys) =>
      callSeal('evaluate trees', () => {
        using sum = sumOfTerms(he, { plan, masks: masks(), partials, keys });
        return [finishResult(he, sum, { plan, base: tensors.base, keys })];
      }),
  };
  return {
    ...circuit,
    evaluate: (ciphertexts, keys) => evaluateWhole(circuit, ciphertexts, keys),
    [Symbol.dispose]: () => {
      for (const share of shares.values()) share[Symbol.dispose]();
      opened?.[Symbol.dispose]();
    },
  };
}

function sourceCiphertexts(plan: BitsPlan): number {
  return Math.max(1, Math.ceil(plan.bits / (plan.parameters.polyModulusDegree / 2)));
}

/** A share of each group's node vector; empty where it has none. */
function select(
  he: HeContext,
  selection: SelectionShare,
  query: {
    readonly plan: BitsPlan;
    readonly ciphertexts: readonly Uint8Array[];
    readonly keys: EvaluationKeySet;
  },
): Uint8Array[] {
  using sources = openSources(he, query);
  const { from } = selection;
  return selection.sums.map((sum) => {
    using nodes = evaluateTurnedSum(he, sum, { from, keys: galoisKeys(query.keys), operandOf: sources.turned });
    if (nodes === undefined) return new Uint8Array(0);
    return nodes.saveToArray(he.seal.ComprModeType.none) as Uint8Array;
  });
}

/** The sources, turned as far as they are wanted: each from the copy before it. */
function openSources(
  he: HeContext,
  query: {
    readonly plan: BitsPlan;
    readonly ciphertexts: readonly Uint8Array[];
    readonly keys: EvaluationKeySet;
  },
): Disposable & { readonly turned: (operand: number) => Ciphertext } {
  const { plan, ciphertexts, keys } = query;
  const owned = new DisposableStack();
  const known = new Map<number, Ciphertext>();
  const turned = (operand: number): Ciphertext =>
    remembered(known, operand, () => {
      const source = Math.floor(operand / plan.babySteps);
      const baby = operand % plan.babySteps;
      if (baby < plan.copies) {
        const sent = ciphertexts[source * plan.copies + baby] ?? new Uint8Array(0);
        return owned.use(loadCiphertext(he, sent));
      }
      const next = owned.use(new he.seal.Ciphertext());
      he.evaluator.rotateVector(turned(operand - plan.copies), plan.copies * plan.stride, galoisKeys(keys), next);
      return next;
    });
  return {
    turned,
    [Symbol.dispose]: () => {
      owned.dispose();
    },
  };
}

interface Finish {
  readonly plan: BitsPlan;
  readonly masks: LiteralMasks;
  readonly partials: readonly (readonly Uint8Array[])[];
  readonly keys: EvaluationKeySet;
}

/** The terms of all groups, added slot by slot, and with several outputs gathered by output. @returns owned; at the last level */
function sumOfTerms(he: HeContext, finish: Finish): Ciphertext {
  const { plan, masks, keys } = finish;
  using products = new DisposableStack();
  const groups = masks.literals.map((_, group) => {
    const product = productOfLiterals(he, literalsOf(he, group, finish), { keys, several: plan.outputs > 1 });
    return products.use(product);
  });
  if (masks.factors !== undefined) {
    const operandOf = (group: number): Ciphertext => groups[group] ?? emptyZero(he, keys);
    const sum = evaluateTurnedSum(he, masks.factors, { from: 0, keys: galoisKeys(keys), operandOf });
    return sum ?? emptyZero(he, keys);
  }
  const sum = new he.seal.Ciphertext();
  const [first, ...others] = groups;
  if (first === undefined) return emptyZero(he, keys);
  sum.assign(first);
  for (const other of others) he.evaluator.addInplace(sum, other);
  if (sum.size() > 2) he.evaluator.relinearizeInplace(sum, relinearizationKeys(keys));
  while (sum.coeffModulusSize() > 1) he.evaluator.rescaleToNextInplace(sum);
  return sum;
}

/** Where no tree splits: an encryption of zero in place of the sum. */
function emptyZero(he: HeContext, keys: EvaluationKeySet): Ciphertext {
  const zero = encryptZero(he, keys, neutralScale);
  while (zero.coeffModulusSize() > 1) he.evaluator.cipherModSwitchToNextInplace(zero);
  return zero;
}

/** @returns owned; one level below the first */
function literalsOf(he: HeContext, group: number, { plan, masks, partials, keys }: Finish): Ciphertext[] {
  using unwind = new DisposableStack();
  const nodes = unwind.use(
    addPartials(
      he,
      partials.map((part) => part[group] ?? new Uint8Array(0)),
    ),
  );
  const babies = new Map<number, Ciphertext>([[0, nodes]]);
  const operandOf = (shift: number): Ciphertext =>
    remembered(babies, shift, () => {
      const turned = unwind.use(new he.seal.Ciphertext());
      he.evaluator.rotateVector(operandOf(shift - 1), 1, galoisKeys(keys), turned);
      return turned;
    });
  const scale = 2 ** (plan.logBitScale + plan.logSelectScale + plan.logReadScale);
  return (masks.literals[group] ?? []).map(({ sum, constant }) => {
    const literal =
      evaluateTurnedSum(he, sum, { from: 0, keys: galoisKeys(keys), operandOf }) ?? encryptZero(he, keys, scale);
    if (constant !== undefined) he.evaluator.addPlainInplace(literal, constant);
    he.evaluator.rescaleToNextInplace(literal);
    return literal;
  });
}

/** @returns owned */
function addPartials(he: HeContext, partials: readonly Uint8Array[]): Ciphertext {
  const sum = addSaved(he, partials);
  if (sum === undefined) throw new TypeError('a group has nodes');
  return sum;
}

/**
 * Pairs first, in ceil(log2) rounds; the same order as in bits-levels.ts, which knows the scales by it.
 * @param literals consumed
 * @returns owned; with one output of size 3 where it is a product
 */
function productOfLiterals(
  he: HeContext,
  literals: readonly Ciphertext[],
  { keys, several }: { readonly keys: EvaluationKeySet; readonly several: boolean },
): Ciphertext {
  let round = literals;
  while (round.length > 1) {
    const kept = several || round.length > 2;
    const pairs: Ciphertext[] = [];
    for (let index = 0; index < round.length; index += 2) {
      const [product, other] = round.slice(index, index + 2);
      if (product === undefined) continue;
      if (other !== undefined) {
        he.evaluator.multiplyInplace(product, other);
        other.delete();
        if (kept) he.evaluator.relinearizeInplace(product, relinearizationKeys(keys));
        if (kept) he.evaluator.rescaleToNextInplace(product);
      } else {
        he.evaluator.cipherModSwitchToNextInplace(product);
      }
      pairs.push(product);
    }
    round = pairs;
  }
  const [product] = round;
  if (product === undefined) throw new TypeError('a term has at least one literal');
  return product;
}

/** Folds, so that each slot holds the sum over all slots congruent to it, adds the base and covers what noise would tell. */
function finishResult(
  he: HeContext,
  sum: Ciphertext,
  { plan, base, keys }: { readonly plan: BitsPlan; readonly base: Float64Array; readonly keys: EvaluationKeySet },
): Uint8Array {
  const slots = he.parameters.polyModulusDegree / 2;
  const spacing = outputSpacing(plan.outputs);
  if (plan.groups > 0) {
    for (let turn = spacing; turn < slots; turn *= 2) {
      using turned = new he.seal.Ciphertext();
      he.evaluator.rotateVector(sum, turn, galoisKeys(keys), turned);
      he.evaluator.addInplace(sum, turned);
    }
  }
  // From here on slots are scores, as many times so large.
  sum.setScale(neutralScale);
  const size = plan.resultScale / neutralScale;
  using encode = slotEncoder(he, { scale: sum.scale(), level: 'last' });
  using added = encode(Float64Array.from({ length: slots }, (_, slot) => (base[slot % spacing] ?? 0) * size));
  he.evaluator.addPlainInplace(sum, added);
  coverLoneRecord(he, sum, { keys, floodDeviation: plan.floodDeviation, outputs: plan.outputs });
  return saveCompact(he, sum);
}

function galoisKeys(keys: EvaluationKeySet): GaloisKeys {
  return wanted(keys.galoisKeys, 'Galois');
}

function relinearizationKeys(keys: EvaluationKeySet): RelinKeys {
  return wanted(keys.relinearizationKeys, 'relinearization');
}

/** @throws {AppError} artifact.unreadable */
function wanted<Keys>(keys: Keys | undefined, kind: string): Keys {
  if (keys !== undefined) return keys;
  throw new AppError('artifact.unreadable', `The evaluation keys have no ${kind} keys.`);
}
