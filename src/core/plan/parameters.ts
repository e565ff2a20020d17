import * as z from 'zod';

/** The degrees that are used: smaller ones leave no room, larger ones no memory (a Galois key set at 32768 does not fit WebAssembly). */
export const polyModulusDegrees = [2048, 4096, 8192, 16384] as const;
export type PolyModulusDegree = (typeof polyModulusDegrees)[number];

/**
 * Largest log2 Q (special prime included) for 128-bit security with ternary secrets: the stricter, at each degree, of the
 * HomomorphicEncryption.org standard (2018, table 1: 54, 109, 218, 438) and of Bossuat et al., eprint 2024/463.
 */
export const maxCoeffModulusBits: Readonly<Record<PolyModulusDegree, number>> = {
  2048: 53,
  4096: 106,
  8192: 214,
  16384: 430,
};

/** One choice of scheme and moduli; each has a secret key of its own in a key set. */
export const parameterSet = z.strictObject({
  id: z.string().regex(/^(?:ckks|bgv)-\d+(?:-\d+)+(?:-t\d+)?$/u),
  scheme: z.enum(['ckks', 'bgv']),
  polyModulusDegree: z.union(polyModulusDegrees.map((degree) => z.literal(degree))),
  /** Bits of each prime in order; the last is the special prime (key switching) where there are two or more. */
  coeffModulusBits: z.array(z.int().min(14).max(60)).min(1),
  /** BGV: bits of the plaintext modulus, a prime that is 1 modulo 2N. */
  plainModulusBits: z.int().min(14).max(60).optional(),
});
export type ParameterSet = z.infer<typeof parameterSet>;

/** @returns the set, named by its content, so that two plans with equal parameters share one secret key */
export function makeParameterSet(set: Omit<ParameterSet, 'id'>): ParameterSet {
  const plain = set.plainModulusBits === undefined ? '' : `-t${String(set.plainModulusBits)}`;
  return { id: `${set.scheme}-${[set.polyModulusDegree, ...set.coeffModulusBits].join('-')}${plain}`, ...set };
}

/** Where a parameter set stands in the tables that fix {@link maxCoeffModulusBits}. */
export interface Security {
  readonly bits: 128;
  readonly scheme: ParameterSet['scheme'];
  readonly polyModulusDegree: PolyModulusDegree;
  /** log2 Q, special prime included, and the most that each table allows at this degree. */
  readonly logQ: number;
  readonly table: string;
  readonly mostLogQ: number;
}

/** @returns what a set's security rests on: the stricter table, which is that of 2024 at every degree used */
export function securityOf(set: ParameterSet): Security {
  const { scheme, polyModulusDegree, coeffModulusBits } = set;
  return {
    bits: 128,
    scheme,
    polyModulusDegree,
    logQ: totalBits(coeffModulusBits),
    table: 'eprint 2024/463, ternary secrets; stricter than HomomorphicEncryption.org 2018',
    mostLogQ: maxCoeffModulusBits[polyModulusDegree],
  };
}

/** Whether the moduli stay within {@link maxCoeffModulusBits}. */
export function isSecure(set: ParameterSet): boolean {
  return totalBits(set.coeffModulusBits) <= maxCoeffModulusBits[set.polyModulusDegree];
}

/** log2 of the modulus that fresh ciphertexts have: all primes but the special one. */
export function dataModulusBits(set: ParameterSet): number {
  const bits = set.coeffModulusBits;
  return totalBits(bits.length > 1 ? bits.slice(0, -1) : bits);
}

function totalBits(bits: readonly number[]): number {
  return bits.reduce((sum, item) => sum + item, 0);
}
