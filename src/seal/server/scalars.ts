import type { Plaintext } from 'node-seal';
import type { HeContext } from '../context.ts';
import type { PolynomialCodec } from '../polynomials.ts';

/** An integer in every slot is a constant polynomial. */
export function constantPlaintext(polynomials: PolynomialCodec, value: number): Plaintext {
  const coefficients = new Float64Array(polynomials.degree);
  coefficients[0] = value % polynomials.modulus;
  return polynomials.encode(coefficients);
}

/** Integers that ciphertexts are multiplied by, transformed once. */
export interface ScalarCache extends Disposable {
  /** An integer as a sum of at most three digits, each with its transformed plaintext (borrowed). */
  of(factor: number): { readonly plaintext: Plaintext; readonly negative: boolean }[];
}

/** Digits of 2^9 keep the cache below some 300 plaintexts a place, where whole factors would want one each. */
const digitBase = 512;

/** @returns owned by the caller */
export function scalarCache(he: HeContext, polynomials: PolynomialCodec): ScalarCache {
  const transformed = new Map<number, Plaintext>();
  const plaintextOf = (magnitude: number): Plaintext =>
    remembered(transformed, magnitude, () => {
      const plaintext = constantPlaintext(polynomials, magnitude);
      he.evaluator.plainTransformToNttInplace(plaintext, he.context.firstParmsId());
      return plaintext;
    });
  return {
    of: (factor) => {
      const digits = [];
      let rest = factor;
      for (let place = 1; rest !== 0; place *= digitBase) {
        // The digit nearest to zero.
        const digit = rest - digitBase * Math.round(rest / digitBase);
        if (digit !== 0) digits.push({ plaintext: plaintextOf(Math.abs(digit) * place), negative: digit < 0 });
        rest = (rest - digit) / digitBase;
      }
      return digits;
    },
    [Symbol.dispose]: () => {
      for (const plaintext of transformed.values()) plaintext.delete();
    },
  };
}

/** The value of a key, made at its first use. */
export function remembered<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
