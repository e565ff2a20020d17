import type { CKKSEncoder, Ciphertext, Plaintext } from 'node-seal';
import { scheduleOf, type FeaturesLayer } from '../../core/plan/features-layers.ts';
import { rotationTree, splitStep, type Rotation } from '../../core/plan/rotations.ts';
import type { HeContext } from '../context.ts';
import { AppError } from '../../core/error.ts';
import type { EvaluationKeySet } from './evaluation-keys.ts';

/** A layer's rotations. */
export type Rotations = Pick<FeaturesLayer, 'steps' | 'width' | 'period'>;

/** Diagonals that belong to one giant step, turned back by it, by baby step; owned. */
export type GiantDiagonals = ReadonlyMap<number, Plaintext>;

/** Where a plaintext is used. */
export interface Place {
  readonly encoder: CKKSEncoder;
  /** Primes dropped so far. */
  readonly level: number;
  readonly scale: number;
}

/** @param values repeated over the slots. @returns owned; at the level where it is used */
export function encodeSlots(he: HeContext, values: Float64Array, place: Place): Plaintext {
  const { encoder } = place;
  const plaintext = new he.seal.Plaintext();
  const slots = Float64Array.from({ length: encoder.slotCount() }, (_, slot) => values[slot % values.length] ?? 0);
  encoder.encode(slots, place.scale, plaintext);
  for (let level = 0; level < place.level; level += 1) he.evaluator.plainModSwitchToNextInplace(plaintext);
  return plaintext;
}

/**
 * Encodes the diagonals of some giant steps.
 * @param diagonals by step: slot, value, slot, value, …
 */
export function encodeGiants(
  he: HeContext,
  source: {
    readonly diagonals: ReadonlyMap<number, readonly number[]>;
    readonly rotations: Rotations;
    readonly place: Place;
  },
  wanted: readonly number[],
): Map<number, GiantDiagonals> {
  const { diagonals, rotations, place } = source;
  const { period } = rotations;
  const encoded = new Map(wanted.map((giant) => [giant, new Map<number, Plaintext>()]));
  for (const [step, diagonal] of diagonals) {
    const { baby, giant } = splitStep(step, rotations);
    const ofGiant = encoded.get(giant);
    if (ofGiant === undefined) continue;
    const values = new Float64Array(period);
    for (let index = 0; index < diagonal.length; index += 2)
      values[((diagonal[index] ?? 0) + giant) % period] = diagonal[index + 1] ?? 0;
    const plaintext = encodeSlots(he, values, place);
    // Weights too small for the scale count for nothing, and SEAL refuses to multiply by zero.
    if (plaintext.isZero()) plaintext.delete();
    else ofGiant.set(baby, plaintext);
  }
  return encoded;
}

/** Ciphertexts rotated by baby steps. Those that were given are borrowed, the others owned by the stack. */
export function babySteps(
  he: HeContext,
  given: ReadonlyMap<number, Ciphertext>,
  options: { readonly rotations: Rotations; readonly keys: EvaluationKeySet; readonly owner: DisposableStack },
): Map<number, Ciphertext> {
  const { rotations, keys, owner } = options;
  const babies = new Map(given);
  for (const { step, from, label } of scheduleOf(rotations, [...given.keys()]).babies) {
    const source = babies.get(from);
    if (source === undefined) continue;
    const rotated = owner.use(new he.seal.Ciphertext());
    he.evaluator.rotateVector(source, label, galoisKeys(keys), rotated);
    babies.set(step, rotated);
  }
  return babies;
}

/**
 * Σ over giant steps j of rot(Σ over babies b of x_b ⊙ m_{j, b}, j), by Horner's rule along a tree of rotations.
 * @returns owned; undefined where there are no giant steps
 */
export function giantSum(
  he: HeContext,
  babies: ReadonlyMap<number, Ciphertext>,
  options: {
    readonly giants: ReadonlyMap<number, GiantDiagonals>;
    readonly period: number;
    readonly keys: EvaluationKeySet;
  },
): Ciphertext | undefined {
  const { giants, period, keys } = options;
  const sums = new Map<number, Ciphertext>();
  for (const [giant, diagonals] of giants) {
    const sum = babySum(he, babies, diagonals);
    if (sum !== undefined) sums.set(giant, sum);
  }
  const tree: Rotation[] = rotationTree([...giants.keys()], [0], period);
  for (const { step, from, label } of tree.toReversed()) {
    const sum = sums.get(step);
    if (sum === undefined) continue;
    sums.delete(step);
    he.evaluator.rotateVectorInplace(sum, label, galoisKeys(keys));
    const other = sums.get(from);
    if (other === undefined) sums.set(from, sum);
    else {
      he.evaluator.addInplace(other, sum);
      sum.delete();
    }
  }
  return sums.get(0);
}

/** @returns owned */
function babySum(
  he: HeContext,
  babies: ReadonlyMap<number, Ciphertext>,
  diagonals: GiantDiagonals,
): Ciphertext | undefined {
  let sum: Ciphertext | undefined;
  using product = new he.seal.Ciphertext();
  for (const [baby, plaintext] of diagonals) {
    const ciphertext = babies.get(baby);
    if (ciphertext === undefined) throw new AppError('internal', `Baby step ${String(baby)} is missing.`);
    if (sum === undefined) {
      sum = new he.seal.Ciphertext();
      he.evaluator.multiplyPlain(ciphertext, plaintext, sum);
    } else {
      he.evaluator.multiplyPlain(ciphertext, plaintext, product);
      he.evaluator.addInplace(sum, product);
    }
  }
  return sum;
}

/** x += rot(x, step), one step after the other. */
export function rotateAndAdd(
  he: HeContext,
  x: Ciphertext,
  { steps, keys }: { readonly steps: readonly number[]; readonly keys: EvaluationKeySet },
): void {
  using rotated = new he.seal.Ciphertext();
  for (const step of steps) {
    he.evaluator.rotateVector(x, step, galoisKeys(keys), rotated);
    he.evaluator.addInplace(x, rotated);
  }
}

function galoisKeys(keys: EvaluationKeySet): NonNullable<EvaluationKeySet['galoisKeys']> {
  if (keys.galoisKeys !== undefined) return keys.galoisKeys;
  throw new AppError('artifact.unreadable', 'The evaluation keys have no Galois keys.');
}
