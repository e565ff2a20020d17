import type { Ciphertext } from 'node-seal';
import { AppError } from '../core/error.ts';
import type { HeContext } from './context.ts';
import { leavesSomething } from './library.ts';

/**
 * A scale that every modulus bears, for ciphertexts that hold scores. SEAL refuses a scale beyond the modulus; but scores have a unit of
 * their own, and where that is small (returns of a day, metres in kilometres) what a slot is of a score has no such bound.
 */
export const neutralScale = 2 ** 20;

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

/**
 * SEAL stores a 64-bit word a coefficient. Compression takes as long as encrypting and saves what the primes leave unused: worth it for
 * small primes; for one of 53 bits it saves 6 % of the bytes and costs a tenth of a record's time.
 */
export function saveCompact(he: HeContext, object: { saveToArray(mode: never): unknown }): Uint8Array {
  const bits = he.parameters.coeffModulusBits;
  const mean = bits.reduce((sum, prime) => sum + prime, 0) / bits.length;
  const mode = mean > 50 ? he.seal.ComprModeType.none : he.seal.ComprModeType.zstd;
  return object.saveToArray(mode as never) as Uint8Array;
}

/** As it is, for another thread. @returns not a view into SEAL's memory */
export function saveWhole(he: HeContext, ciphertext: Ciphertext): Uint8Array {
  return Uint8Array.from(ciphertext.saveToArray(he.seal.ComprModeType.none) as Uint8Array);
}

/** a + b; both are consumed. @returns owned; undefined where there is nothing or all cancels */
export function absorb(he: HeContext, a: Ciphertext | undefined, b: Ciphertext | undefined): Ciphertext | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  using added = b;
  if (leavesSomething(() => he.evaluator.addInplace(a, added))) return a;
  a.delete();
  return undefined;
}

/** @param saved what threads found; empty where one found nothing. @returns owned: the sum; undefined where there is none */
export function addSaved(he: HeContext, saved: readonly Uint8Array[]): Ciphertext | undefined {
  let total: Ciphertext | undefined;
  for (const bytes of saved) if (bytes.length > 0) total = absorb(he, total, loadCiphertext(he, bytes));
  return total;
}
