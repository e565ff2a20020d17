import { randomFillSync } from 'node:crypto';
import type { Ciphertext, Plaintext } from 'node-seal';
import { outputMeans, outputSpacing } from '../../core/plan/lone-result.ts';
import { chainPrimes, modularPower, transformRoot } from '../../core/plan/moduli.ts';
import type { HeContext } from '../context.ts';
import { encryptZero } from './circuit.ts';
import type { EvaluationKeySet } from './evaluation-keys.ts';

export interface ResultNoise {
  readonly keys: EvaluationKeySet;
  /** Standard deviation of what is added to a score, in a slot before the scale. */
  readonly floodDeviation: number;
}

/** A result with a score in the real part of each slot: noise of the wanted size there, and much more in the imaginary parts, which nobody reads. */
export function coverRecords(he: HeContext, result: Ciphertext, noise: ResultNoise): void {
  const bound = unreadBound(result, he, noise);
  const slots = he.parameters.polyModulusDegree / 2;
  const real = normalNumbers(slots).map((value) => value * noise.floodDeviation);
  cover(he, result, { keys: noise.keys, real, imaginary: uniformNumbers(slots, bound) });
}

/**
 * A result of one record (lone-result.ts). The folds leave the computation's noise in few dimensions, where noise of each slot's own would be
 * averaged away: what is added to a score is one number an output. All else, what slots differ by, slots without an output and imaginary
 * parts, which hold sums of inner values times the rounding of plaintexts, is drowned in as much as the modulus bears.
 */
export function coverLoneRecord(
  he: HeContext,
  result: Ciphertext,
  noise: ResultNoise & { readonly outputs: number },
): void {
  const { outputs, floodDeviation } = noise;
  const bound = unreadBound(result, he, noise);
  const slots = he.parameters.polyModulusDegree / 2;
  const spacing = outputSpacing(outputs);
  const drawn = uniformNumbers(slots, bound);
  const means = outputMeans(drawn, outputs);
  const floods = normalNumbers(outputs).map((value) => value * floodDeviation);
  const real = drawn.map((value, slot) => value - (means[slot % spacing] ?? 0) + (floods[slot % spacing] ?? 0));
  cover(he, result, { keys: noise.keys, real, imaginary: uniformNumbers(slots, bound) });
}

/** What nobody reads gets so many times a score's noise, as far as the modulus goes: scores take up to a quarter of it. */
const unread = { times: 2 ** 20, share: 1 / 16 };

function unreadBound(result: Ciphertext, { parameters }: HeContext, { floodDeviation }: ResultNoise): number {
  const primes = chainPrimes(parameters).slice(0, result.coeffModulusSize());
  const modulus = primes.reduce((product, prime) => product * Number(prime), 1);
  return Math.min(unread.times * floodDeviation, unread.share * modulus);
}

/**
 * Adds noise, and encryptions of zero in the place of the computation's masks (a product of two of them for the third component of an
 * unrelinearized result, which one alone would leave as it is).
 */
function cover(
  he: HeContext,
  result: Ciphertext,
  noise: { readonly keys: EvaluationKeySet; readonly real: Float64Array; readonly imaginary: Float64Array },
): void {
  using real = encodeLike(he, result, noise.real);
  he.evaluator.addPlainInplace(result, real);
  using imaginary = zeroLike(he, result, noise.keys);
  using turned = encodeLike(he, result, noise.imaginary);
  he.evaluator.addPlainInplace(imaginary, turned);
  using unit = imaginaryUnit(he, result);
  he.evaluator.multiplyPlainInplace(imaginary, unit);
  he.evaluator.addInplace(result, imaginary);
  if (result.size() < 3) return;
  using a = zeroLike(he, result, noise.keys);
  using b = zeroLike(he, result, noise.keys);
  // Scales of zeros mean nothing; small ones pass SEAL's bound on a product's scale.
  a.setScale(1);
  b.setScale(1);
  he.evaluator.multiplyInplace(a, b);
  a.setScale(result.scale());
  he.evaluator.addInplace(result, a);
}

/** @returns owned; at the level and scale of `like` */
export function zeroLike(he: HeContext, like: Ciphertext, keys: EvaluationKeySet): Ciphertext {
  const zero = encryptZero(he, keys, like.scale());
  while (zero.coeffModulusSize() > like.coeffModulusSize()) he.evaluator.cipherModSwitchToNextInplace(zero);
  return zero;
}

/** @param slots in units of the ciphertext's slots, before the scale. @returns owned; at the level and scale of `like` */
function encodeLike(he: HeContext, like: Ciphertext, slots: Float64Array): Plaintext {
  using encoder = new he.seal.CKKSEncoder(he.context);
  const plaintext = new he.seal.Plaintext();
  encoder.encode(slots, 1, plaintext);
  plaintext.setScale(like.scale());
  using level = like.parmsId();
  he.evaluator.plainModSwitchToInplace(plaintext, level);
  return plaintext;
}

/**
 * X^(N/2) at scale 1, the square root of -1, by which real slots become imaginary. node-seal encodes real slots only, but a saved plaintext
 * ends in its values at the roots (u64, bit-reversed: Longa and Naehrig, CANS 2016), a prime after the other: there the first half is one
 * square root, the second its negative.
 * @returns owned; at the level of `like`
 */
function imaginaryUnit(he: HeContext, like: Ciphertext): Plaintext {
  const degree = he.parameters.polyModulusDegree;
  const primes = chainPrimes(he.parameters).slice(0, like.coeffModulusSize());
  using one = encodeLike(he, like, new Float64Array(degree / 2).fill(1));
  one.setScale(1);
  const saved = Uint8Array.from(one.saveToArray(he.seal.ComprModeType.none) as Uint8Array);
  const values = new BigUint64Array(degree * primes.length);
  for (const [index, prime] of primes.entries()) {
    const root = modularPower(transformRoot(prime, degree), BigInt(degree / 2), prime);
    values.fill(root, index * degree, (index + 1 / 2) * degree);
    values.fill(prime - root, (index + 1 / 2) * degree, (index + 1) * degree);
  }
  saved.set(new Uint8Array(values.buffer), saved.length - values.byteLength);
  const unit = new he.seal.Plaintext();
  unit.loadFromArray(he.context, saved);
  return unit;
}

/** Uniform in (-bound, bound), with all bits that a double has: a coarser grid would show what lies between its points. */
function uniformNumbers(count: number, bound: number): Float64Array {
  const words = randomFillSync(new Uint32Array(2 * count));
  return Float64Array.from({ length: count }, (_, index) => {
    const fraction = ((words[2 * index] ?? 0) + (words[2 * index + 1] ?? 0) / 2 ** 32) / 2 ** 32;
    return (2 * fraction - 1) * bound;
  });
}

/** Normal deviates with variance 1: uniform ones would show the mean by their ends. Box and Muller, 1958. */
function normalNumbers(count: number): Float64Array {
  const radii = uniformNumbers(count, 1);
  return uniformNumbers(count, Math.PI).map(
    (angle, index) => Math.sqrt(-2 * Math.log((1 + (radii[index] ?? 0)) / 2 || 2 ** -54)) * Math.cos(angle),
  );
}
