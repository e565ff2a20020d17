import { randomFillSync } from 'node:crypto';
import type { Ciphertext } from 'node-seal';
import { floodFactors } from '../../core/plan/tree-records.ts';
import type { HeContext } from '../context.ts';
import type { PolynomialCodec } from '../polynomials.ts';
import { encryptZero } from './circuit.ts';
import type { EvaluationKeySet } from './evaluation-keys.ts';

/**
 * An encryption of zero with as much noise as decryption bears (BGV): a fresh one times random plaintexts. Added to a result it covers the
 * noise of the computation, which would tell of the model.
 * @returns owned; size 2, all data primes
 */
export function floodedZero(he: HeContext, keys: EvaluationKeySet, polynomials: PolynomialCodec): Ciphertext {
  const zero = encryptZero(he, keys, 1);
  for (const bits of floodFactors(he.parameters)) {
    using factor = polynomials.encode(randomCoefficients(he.parameters.polyModulusDegree, bits, polynomials.modulus));
    he.evaluator.multiplyPlainInplace(zero, factor);
  }
  return zero;
}

/** Nearly uniform in (-2^(bits - 1), 2^(bits - 1)), at most half of the modulus in size. */
function randomCoefficients(count: number, bits: number, modulus: number): Float64Array {
  const words = randomFillSync(new Uint32Array(count));
  const half = Math.min(2 ** (bits - 1), (modulus - 1) / 2);
  return Float64Array.from(words, (word) => Math.trunc((word / 2 ** 31 - 1) * half) + 0);
}
