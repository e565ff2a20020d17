import type { Ciphertext, GaloisKeys, Plaintext } from 'node-seal';
import type { HeContext } from '../context.ts';

/**
 * A linear map of slot vectors as baby steps and giant steps: the sum over giants g of turn(g * step, sum of mask * operand). An operand is
 * a baby step, a vector turned already; its masks lie where the giant's turn begins, so that they end at their slots.
 */
export interface TurnedSum extends Disposable {
  /** By giant: what is multiplied and added before the giant's turn. */
  readonly giants: readonly (readonly { readonly operand: number; readonly mask: Plaintext }[])[];
  /** Slots to the left, for each giant. */
  readonly step: number;
}

/** One number of a mask: operand's share of a slot. */
export interface MaskEntry {
  readonly giant: number;
  readonly operand: number;
  /** Where it counts at the end. */
  readonly slot: number;
  readonly value: number;
}

/** Encodes slots as a plaintext of the wanted level and scale; owned by the caller. */
export type EncodeSlots = (slots: Float64Array) => Plaintext;

/** @param entries not zero, a slot and operand and giant at most once. @returns owned by the caller */
export function encodeTurnedSum(
  entries: Iterable<MaskEntry>,
  shape: { readonly slots: number; readonly step: number; readonly encode: EncodeSlots },
): TurnedSum {
  const { slots, step, encode } = shape;
  const values: Map<number, Float64Array>[] = [];
  for (const { giant, operand, slot, value } of entries) {
    const masks = (values[giant] ??= new Map<number, Float64Array>());
    const mask = masks.get(operand) ?? new Float64Array(slots);
    mask[(slot + giant * step) % slots] = value;
    masks.set(operand, mask);
  }
  const owned = new DisposableStack();
  const giants = Array.from(values, (masks: Map<number, Float64Array> | undefined) =>
    [...(masks ?? [])]
      .sort(([a], [b]) => a - b)
      .map(([operand, mask]) => ({ operand, mask: owned.use(encode(mask)) }))
      // What is too small for the scale counts for nothing, and SEAL refuses to multiply by zero.
      .filter(({ mask }) => !mask.isZero()),
  );
  return {
    giants,
    step,
    [Symbol.dispose]: () => {
      owned.dispose();
    },
  };
}

/**
 * Turns a vector left in place, by its powers of two.
 * @param keys hold every power of two of the slots
 */
function turnLeft(
  he: HeContext,
  ciphertext: Ciphertext,
  turn: { readonly slots: number; readonly keys: GaloisKeys },
): void {
  for (let power = 1; power <= turn.slots; power *= 2) {
    if (turn.slots & power) he.evaluator.rotateVectorInplace(ciphertext, power, turn.keys);
  }
}

/**
 * The sum over giants from `from` on, by Horner's rule: the running sum is turned by one step for each giant.
 * @param operandOf borrowed
 * @returns owned by the caller; undefined where the sum is empty
 */
export function evaluateTurnedSum(
  he: HeContext,
  sum: TurnedSum,
  context: { readonly from: number; readonly keys: GaloisKeys; readonly operandOf: (index: number) => Ciphertext },
): Ciphertext | undefined {
  let total: Ciphertext | undefined;
  for (let giant = sum.giants.length - 1; giant >= context.from; giant -= 1) {
    if (total !== undefined) turnLeft(he, total, { slots: sum.step, keys: context.keys });
    for (const { operand, mask } of sum.giants[giant] ?? []) {
      const product = new he.seal.Ciphertext();
      he.evaluator.multiplyPlain(context.operandOf(operand), mask, product);
      if (total === undefined) {
        total = product;
        continue;
      }
      he.evaluator.addInplace(total, product);
      product.delete();
    }
  }
  if (total !== undefined) turnLeft(he, total, { slots: sum.step * context.from, keys: context.keys });
  return total;
}
