import type { Plaintext } from 'node-seal';
import { outputSpacing } from '../../core/plan/lone-result.ts';
import type { ServerPlanOf } from '../../core/plan/plan.ts';
import { rowsOf } from '../../core/plan/tensors.ts';
import type { HeContext } from '../context.ts';
import type { Share } from './circuit.ts';
import { encodeTurnedSum, type EncodeSlots, type MaskEntry, type TurnedSum } from './turned-sum.ts';

export type BitsPlan = ServerPlanOf<'trees-bits'>;

/** The layout's rows of numbers (bits-plan.ts). */
export interface BitsTensors {
  readonly nodes: Float64Array;
  readonly reads: Float64Array;
  readonly constants: Float64Array;
  readonly factors: Float64Array;
  readonly base: Float64Array;
}

/** Encodes at a scale for the first level (all data primes) or the last one (one prime). */
export function slotEncoder(
  he: HeContext,
  { scale, level }: { readonly scale: number; readonly level: 'first' | 'last' },
): EncodeSlots & Disposable {
  const encoder = new he.seal.CKKSEncoder(he.context);
  const encode = (slots: Float64Array): Plaintext => {
    const plaintext = new he.seal.Plaintext();
    encoder.encode(slots, scale, plaintext);
    if (level === 'first') return plaintext;
    using last = he.context.lastParmsId();
    he.evaluator.plainModSwitchToInplace(plaintext, last);
    return plaintext;
  };
  return Object.assign(encode, {
    [Symbol.dispose]: () => {
      encoder.delete();
    },
  });
}

/** A share of the selection: the node vectors' sums over a run of giants, as equal in work as giants allow. */
export interface SelectionShare extends Disposable {
  readonly from: number;
  /** By group. */
  readonly sums: readonly TurnedSum[];
}

/** @returns owned by the caller */
export function encodeSelection(
  he: HeContext,
  context: { readonly plan: BitsPlan; readonly nodes: Float64Array; readonly share: Share },
): SelectionShare {
  const { plan, nodes, share } = context;
  const entries = Array.from({ length: plan.groups }, (): MaskEntry[] => []);
  for (const [group = 0, slot = 0, ciphertext = 0, turn = 0] of rowsOf(nodes, 4)) {
    const giant = Math.floor(turn / plan.babySteps);
    const operand = ciphertext * plan.babySteps + (turn % plan.babySteps);
    entries[group]?.push({ giant, operand, slot, value: 1 });
  }
  const { from, to } = shareOfGiants(entries.flat(), share);
  using encode = slotEncoder(he, { scale: 2 ** plan.logSelectScale, level: 'first' });
  const shape = { slots: he.parameters.polyModulusDegree / 2, step: plan.babySteps * plan.stride, encode };
  const sums = entries.map((list) =>
    encodeTurnedSum(
      list.filter(({ giant }) => giant >= from && giant < to),
      shape,
    ),
  );
  return {
    from,
    sums,
    [Symbol.dispose]: () => {
      for (const sum of sums) sum[Symbol.dispose]();
    },
  };
}

/** A turn costs as much as so many products. */
const turnProducts = 10;

/** Giants are dealt out as a run a share, so that Horner's rule holds within a share. */
function shareOfGiants(
  entries: readonly MaskEntry[],
  { part, of }: Share,
): { readonly from: number; readonly to: number } {
  const products = new Map<number, Set<number>>();
  for (const { giant, operand } of entries) products.set(giant, (products.get(giant) ?? new Set()).add(operand));
  const giants = Math.max(0, ...products.keys()) + 1;
  const work = Array.from({ length: giants }, (_, giant) => turnProducts + (products.get(giant)?.size ?? 0));
  const total = work.reduce((sum, item) => sum + item, 0);
  const boundary = (share: number): number => {
    let sum = 0;
    const at = work.findIndex((item) => (sum += item) - item / 2 > (total * share) / of);
    return at < 0 ? giants : at;
  };
  return { from: part === 0 ? 0 : boundary(part), to: part === of - 1 ? giants : boundary(part + 1) };
}

/** What comes after the selection: the literals of each group, their constants, the outputs' factors and what is added at the end. */
export interface LiteralMasks extends Disposable {
  /** By group, then by literal. */
  readonly literals: readonly (readonly { readonly sum: TurnedSum; readonly constant: Plaintext | undefined }[])[];
  /** Where there are several outputs: giants are outputs, operands groups. */
  readonly factors: TurnedSum | undefined;
}

/** @returns owned by the caller */
export function encodeLiterals(he: HeContext, plan: BitsPlan, tensors: BitsTensors): LiteralMasks {
  const slots = he.parameters.polyModulusDegree / 2;
  using unwind = new DisposableStack();
  using encodeRead = slotEncoder(he, { scale: 2 ** plan.logReadScale, level: 'first' });
  const logScale = plan.logBitScale + plan.logSelectScale + plan.logReadScale;
  using encodeConstant = slotEncoder(he, { scale: 2 ** logScale, level: 'first' });
  const constants = constantsOf(plan, tensors.constants);
  const literals = readsOf(plan, tensors.reads).map((lists, group) =>
    lists.map((entries, literal) => {
      const sum = unwind.use(encodeTurnedSum(entries, { slots, step: plan.windowSteps, encode: encodeRead }));
      const added = constants[group]?.[literal] ?? [];
      return { sum, constant: added.length === 0 ? undefined : unwind.use(encodeConstant(spread(added, slots))) };
    }),
  );
  const factors = plan.outputs === 1 ? undefined : unwind.use(encodeFactors(he, plan, tensors.factors));
  const owned = unwind.move();
  return {
    literals,
    factors,
    [Symbol.dispose]: () => {
      owned.dispose();
    },
  };
}

function readsOf(plan: BitsPlan, reads: Float64Array): MaskEntry[][][] {
  const lists = literalLists<MaskEntry>(plan);
  for (const [group = 0, literal = 0, slot = 0, shift = 0, value = 0] of rowsOf(reads, 5)) {
    const giant = Math.floor(shift / plan.windowSteps);
    lists[group]?.[literal]?.push({ giant, operand: shift % plan.windowSteps, slot, value });
  }
  return lists;
}

interface SlotValue {
  readonly slot: number;
  readonly value: number;
}

function constantsOf(plan: BitsPlan, constants: Float64Array): SlotValue[][][] {
  const lists = literalLists<SlotValue>(plan);
  for (const [group = 0, literal = 0, slot = 0, value = 0] of rowsOf(constants, 4))
    lists[group]?.[literal]?.push({ slot, value });
  return lists;
}

function literalLists<Item>(plan: BitsPlan): Item[][][] {
  return Array.from({ length: plan.groups }, () => Array.from({ length: plan.literals }, (): Item[] => []));
}

function spread(entries: readonly SlotValue[], slots: number): Float64Array {
  const values = new Float64Array(slots);
  for (const { slot, value } of entries) values[slot] = value;
  return values;
}

/** An output's sum gathers at the slots congruent to it: a term is turned there from the next such slot below. */
function encodeFactors(he: HeContext, plan: BitsPlan, factors: Float64Array): TurnedSum {
  const spacing = outputSpacing(plan.outputs);
  const slots = he.parameters.polyModulusDegree / 2;
  const entries: MaskEntry[] = [];
  for (const [group = 0, slot = 0, output = 0, value = 0] of rowsOf(factors, 4)) {
    const giant = (((slot - output) % spacing) + spacing) % spacing;
    entries.push({ giant, operand: group, slot: (slot - giant + slots) % slots, value });
  }
  using encode = slotEncoder(he, { scale: 2 ** plan.logFactorScale, level: 'last' });
  return encodeTurnedSum(entries, { slots, step: 1, encode });
}
