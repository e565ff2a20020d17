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

/** Which of how many equal shares of a block's work: one a thread. */
export interface Share {
  readonly part: number;
  readonly of: number;
}

/** As a key of what is made for a share. */
export function shareName({ part, of }: Share): string {
  return `${String(part)}/${String(of)}`;
}

/** A circuit that spreads one block over threads: shares side by side, then the rest on one of them. */
export interface SplitCircuit extends Circuit {
  /** Encodes the share's numbers ahead of the first query. */
  prepare(share: Share): void;
  /** @returns what {@link finish} wants of this share, as uncompressed ciphertexts */
  partial(share: Share, ciphertexts: readonly Uint8Array[], keys: EvaluationKeySet): Uint8Array[];
  /** @param partials what each share gave, in order. @returns the result block's ciphertexts, re-randomized */
  finish(partials: readonly (readonly Uint8Array[])[], keys: EvaluationKeySet): Uint8Array[];
}

/** The whole block on this thread. */
export function evaluateWhole(
  circuit: Pick<SplitCircuit, 'partial' | 'finish'>,
  ciphertexts: readonly Uint8Array[],
  keys: EvaluationKeySet,
): Uint8Array[] {
  return circuit.finish([circuit.partial({ part: 0, of: 1 }, ciphertexts, keys)], keys);
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
