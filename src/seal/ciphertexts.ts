import type { Ciphertext } from 'node-seal';
import { AppError } from '../core/error.ts';
import type { HeContext } from './context.ts';

/**
 * Parses a ciphertext; SEAL checks its parameters and that every coefficient is below its modulus.
 * @returns owned by the caller
 * @throws {AppError} artifact.unreadable: the bytes are no ciphertext of these parameters
 */
export function loadCiphertext(he: HeContext, bytes: Uint8Array): Ciphertext {
  const ciphertext = new he.seal.Ciphertext();
  try {
    ciphertext.loadFromArray(he.context, bytes);
    return ciphertext;
  } catch (cause) {
    ciphertext.delete();
    throw new AppError(
      'artifact.unreadable',
      `A ciphertext does not belong to the parameters ${he.parameters.id} or was altered.`,
      { cause },
    );
  }
}

/** Compressed: SEAL stores 64-bit words for primes of fewer bits. */
export function saveCompressed(he: HeContext, object: { saveToArray(mode: never): unknown }): Uint8Array {
  return object.saveToArray(he.seal.ComprModeType.zstd as never) as Uint8Array;
}
