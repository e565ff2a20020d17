import { randomFillSync } from 'node:crypto';
import type { Ciphertext } from 'node-seal';
import type { HeContext } from '../context.ts';
import { encryptZero } from './circuit.ts';
import type { EvaluationKeySet } from './evaluation-keys.ts';

export interface ResultNoise {
  readonly keys: EvaluationKeySet;
  /** Standard deviation in a slot, before the scale; 0 for none. */
  readonly floodDeviation: number;
  /** That of an encryption of zero at the result's level. */
  readonly zeroDeviation: number;
}

/**
 * Re-randomizes a CKKS result: encryptions of zero take the place of the computation's masks (a product of two of them for the third
 * component of an unrelinearized result, which one alone would leave as it is), and an encryption of zero times a random plaintext adds
 * noise of the wanted size to every coefficient.
 */
export function rerandomize(he: HeContext, result: Ciphertext, noise: ResultNoise): void {
  using zero = zeroAtLevel(he, result, noise.keys);
  he.evaluator.addInplace(result, zero);
  if (result.size() > 2) {
    using a = zeroAtLevel(he, result, noise.keys);
    using b = zeroAtLevel(he, result, noise.keys);
    // Scales of zeros mean nothing; small ones pass SEAL's bound on a product's scale.
    a.setScale(1);
    b.setScale(1);
    he.evaluator.multiplyInplace(a, b);
    a.setScale(result.scale());
    he.evaluator.addInplace(result, a);
  }
  const factor = noise.floodDeviation / noise.zeroDeviation;
  if (factor < 1) return;
  using flood = zeroAtLevel(he, result, noise.keys);
  using encoder = new he.seal.CKKSEncoder(he.context);
  using random = new he.seal.Plaintext();
  encoder.encode(uniformSlots(encoder.slotCount(), factor * Math.sqrt(3)), 1, random);
  using level = flood.parmsId();
  he.evaluator.plainModSwitchToInplace(random, level);
  flood.setScale(1);
  he.evaluator.multiplyPlainInplace(flood, random);
  flood.setScale(result.scale());
  he.evaluator.addInplace(result, flood);
}

/** @returns owned; at the level and scale of `like` */
function zeroAtLevel(he: HeContext, like: Ciphertext, keys: EvaluationKeySet): Ciphertext {
  const zero = encryptZero(he, keys, like.scale());
  while (zero.coeffModulusSize() > like.coeffModulusSize()) he.evaluator.cipherModSwitchToNextInplace(zero);
  return zero;
}

/** Uniform in [-bound, bound], so that the deviation is bound / sqrt(3). */
function uniformSlots(count: number, bound: number): Float64Array {
  const words = new Int32Array(count);
  randomFillSync(words);
  return Float64Array.from(words, (word) => (word / 2 ** 31) * bound);
}
