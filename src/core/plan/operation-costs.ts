import type { ParameterSet } from './parameters.ts';

/**
 * The built-in cost table of the deeper packings: milliseconds of one thread of a 2.x GHz server core, node-seal 7, at N = 8192 and for each
 * prime of the modulus (measured over the models of test/fixtures; `npm run bench` shows how far predictions are off).
 */
export const operationMs = {
  /** A fresh symmetric encryption, encoded and saved. */
  encrypt: 1.05,
  /** A ciphertext parsed and checked. */
  load: 0.22,
  /** Two ciphertexts, of which one streams from memory in half the cases (digits.ts). */
  addition: 0.0081,
  /** A ciphertext times a plaintext in the transformed domain. */
  product: 0.125,
  /** Two ciphertexts. */
  multiply: 0.25,
  rescale: 0.29,
  /** A fresh public-key encryption of zero. */
  zero: 0.6,
} as const;

/** A rotation or relinearization grows faster than with the primes: each of them is switched under all. */
export function keySwitchMs(primes: number): number {
  return 0.86 * primes + 0.12 * primes * primes;
}

/** How much longer an operation takes than at N = 8192: transforms grow a little faster than the ring. */
export function ringSize({ polyModulusDegree }: Pick<ParameterSet, 'polyModulusDegree'>): number {
  return (polyModulusDegree / 8192) ** 1.07;
}

/**
 * Bytes of a polynomial as it is saved: a 64-bit word a coefficient and prime, compressed where primes are small (ciphertexts.ts). Seven
 * random bytes of eight are not compressed; of fewer, the last is in part.
 * @param primes how many there are left
 */
export function savedPolynomialBytes(
  { coeffModulusBits, polyModulusDegree }: ParameterSet,
  primes = Math.max(1, coeffModulusBits.length - 1),
): number {
  const mean = coeffModulusBits.reduce((sum, bits) => sum + bits, 0) / coeffModulusBits.length;
  const coefficient = (bits: number): number => {
    const bytes = Math.ceil(bits / 8);
    return mean > 50 || bytes > 6 ? 8 : bytes * (bytes === 6 ? 1.12 : 1.06);
  };
  return coeffModulusBits.slice(0, primes).reduce((sum, bits) => sum + coefficient(bits), 0) * polyModulusDegree;
}
