import type { Ciphertext, Plaintext } from 'node-seal';
import { chainPrimes } from '../../core/plan/moduli.ts';
import type { HeContext } from '../context.ts';

/** Adds one real number to every slot of a ciphertext. */
export type AddConstant = (ciphertext: Ciphertext, value: number) => void;

/**
 * A constant polynomial has the same value at every point, so its plaintext is one number a prime, repeated: filling a template's bytes
 * spares the encoder's transforms. One template a level, found by its number of primes and its scale.
 */
export function constantAdder(he: HeContext): AddConstant & Disposable {
  const primes = chainPrimes(he.parameters);
  const degree = he.parameters.polyModulusDegree;
  const templates = new Map<string, Uint8Array<ArrayBuffer>>();
  const plaintext = new he.seal.Plaintext();
  const templateOf = (ciphertext: Ciphertext): Uint8Array<ArrayBuffer> => {
    const key = `${String(ciphertext.coeffModulusSize())}/${String(ciphertext.scale())}`;
    const known = templates.get(key) ?? makeTemplate(he, ciphertext);
    templates.set(key, known);
    return known;
  };
  const add = (ciphertext: Ciphertext, value: number): void => {
    if (value === 0) return;
    const template = templateOf(ciphertext);
    const count = ciphertext.coeffModulusSize();
    const words = new BigUint64Array(degree * count);
    const integer = BigInt(Math.round(value * ciphertext.scale()));
    for (const [index, prime] of primes.slice(0, count).entries()) {
      words.fill(((integer % prime) + prime) % prime, index * degree, (index + 1) * degree);
    }
    template.set(new Uint8Array(words.buffer), template.length - words.byteLength);
    plaintext.loadFromArray(he.context, template);
    he.evaluator.addPlainInplace(ciphertext, plaintext);
  };
  return Object.assign(add, {
    [Symbol.dispose]: () => {
      plaintext.delete();
    },
  });
}

function makeTemplate(he: HeContext, like: Ciphertext): Uint8Array<ArrayBuffer> {
  using encoder = new he.seal.CKKSEncoder(he.context);
  using plaintext: Plaintext = new he.seal.Plaintext();
  encoder.encode(new Float64Array(encoder.slotCount()).fill(1), like.scale(), plaintext);
  he.evaluator.plainModSwitchToInplace(plaintext, like.parmsId());
  plaintext.setScale(like.scale());
  return Uint8Array.from(plaintext.saveToArray(he.seal.ComprModeType.none) as Uint8Array);
}
