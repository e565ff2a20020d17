import type { ParameterSet } from './parameters.ts';

/** What the evaluator holds at one time while it evaluates a block; sizes as they are before compression. */
export interface Holdings {
  /** Ciphertexts of two polynomials with all data primes: the block's inputs and whatever waits beside them. */
  readonly ciphertexts: number;
  /** Encoded plaintexts with all data primes. */
  readonly plaintexts: number;
  /** Relinearization and Galois keys together. */
  readonly switchingKeys: number;
  readonly queryBytes: number;
  readonly resultBytes: number;
}

/** WebAssembly gives each thread 4 GB, of which this is for ciphertexts, plaintexts and keys. */
export const largestHeapBytes = 3e9;

/** Predicted, of a plan's query, which is held several times over; endpoints take a fifth more (app/endpoint/options.ts). */
export const largestQueryBytes = 1280 * 2 ** 20;

/** Node with two threads and SEAL loaded; measured with `sealpoint serve` and a model of 30 weights. */
const baseBytes = 125e6;
/** A query is held by the thread that received it, by the one that evaluates it, and its frames on their way into SEAL's memory. */
const queryCopies = 3;
/** The result on both sides of the threads; a key parsed, and at half its size in the seeded file, which threads share. */
const [resultCopies, keyCopies] = [2, 1.5];

/**
 * Predicted resident memory of the evaluator with one block on the way, in bytes. A number fills eight bytes, a polynomial of a modulus
 * with p primes N p of them, and a switching key 2 p polynomials with one prime more (the special one).
 */
export function evaluatorMemory(parameters: ParameterSet, holdings: Holdings): number {
  const { polyModulusDegree: degree, coeffModulusBits } = parameters;
  const primes = Math.max(1, coeffModulusBits.length - 1);
  const polynomial = 8 * degree * primes;
  const key = 2 * primes * 8 * degree * (primes + 1);
  return Math.ceil(
    baseBytes +
      holdings.ciphertexts * 2 * polynomial +
      holdings.plaintexts * polynomial +
      holdings.switchingKeys * keyCopies * key +
      holdings.queryBytes * queryCopies +
      holdings.resultBytes * resultCopies,
  );
}
