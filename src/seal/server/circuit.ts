import type { Ciphertext } from 'node-seal';
import type { HeContext } from '../context.ts';
import type { EvaluationKeySet } from './evaluation-keys.ts';

/** A plan ready to evaluate: weights encoded once; owned by the server session. */
export interface Circuit extends Disposable {
  /** Ciphertexts in a query's block. */
  readonly inputCiphertexts: number;
  /** @param ciphertexts a block's, as bytes. @returns the result block's, re-randomized */
  evaluate(ciphertexts: readonly Uint8Array[], keys: EvaluationKeySet): Uint8Array[];
}

/**
 * A fresh public-key encryption of zero. Added to a result, its noise and mask are not those of the computation.
 * @returns owned; size 2, all data primes, scale as given (CKKS)
 */
export function encryptZero(he: HeContext, keys: EvaluationKeySet, scale: number): Ciphertext {
  const zero = new he.seal.Ciphertext();
  keys.encryptor.encryptZero(zero);
  if (he.parameters.scheme === 'ckks') zero.setScale(scale);
  return zero;
}
