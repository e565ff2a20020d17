import type { Plaintext } from 'node-seal';
import type { HeContext } from './context.ts';
import { callSeal } from './library.ts';

/**
 * Plaintexts by coefficients. node-seal has no setter for them, but a saved plaintext ends in its coefficients (u64, little-endian) and is
 * checked when loaded, so that a saved full plaintext serves as a template.
 */
export interface PolynomialCodec {
  /** The plaintext modulus t. */
  readonly modulus: number;
  /** N. */
  readonly degree: number;
  /** @param coefficients N integers in (-t, t), |t| < 2^53. @returns owned by the caller */
  encode(coefficients: Float64Array): Plaintext;
  /** @param plaintext borrowed. @returns N integers in (-t/2, t/2] */
  decode(plaintext: Plaintext): Float64Array;
}

const wordBytes = 8;
const twoTo32 = 2 ** 32;

/** The codec of one context; it borrows the context. */
export function polynomialCodec(he: HeContext): PolynomialCodec {
  const { seal, context, parameters } = he;
  const degree = parameters.polyModulusDegree;
  const modulus = plainModulus(he);
  const template = fullPlaintext(he);
  const headBytes = template.length - degree * wordBytes;
  return {
    modulus,
    degree,
    encode: (coefficients) => {
      // Two halves a word: BigInt would cost more than the encryption. WebAssembly and all its hosts are little-endian.
      const halves = new Uint32Array(2 * degree);
      for (const [index, coefficient] of coefficients.entries()) {
        const value = coefficient < 0 ? coefficient + modulus : coefficient;
        halves[2 * index] = value % twoTo32;
        halves[2 * index + 1] = value / twoTo32;
      }
      template.set(new Uint8Array(halves.buffer), headBytes);
      return callSeal('load a plaintext', () => {
        const plaintext = new seal.Plaintext();
        plaintext.loadFromArray(context, template);
        return plaintext;
      });
    },
    decode: (plaintext) => {
      const count = plaintext.coeffCount();
      const saved = plaintext.saveToArray(seal.ComprModeType.none) as Uint8Array;
      // A copy, so that the words are aligned; a plaintext's highest zero coefficients are not saved.
      const halves = new Uint32Array(saved.slice(saved.length - count * wordBytes).buffer);
      const values = new Float64Array(degree);
      for (let index = 0; index < count; index += 1) {
        const value = (halves[2 * index + 1] ?? 0) * twoTo32 + (halves[2 * index] ?? 0);
        values[index] = value > modulus / 2 ? value - modulus : value;
      }
      return values;
    },
  };
}

function plainModulus(he: HeContext): number {
  using data = he.context.firstContextData();
  using parameters = data.parms();
  using modulus = parameters.plainModulus();
  return Number(modulus.value());
}

/** A saved plaintext whose coefficients are all stored; which values they have does not matter. */
function fullPlaintext(he: HeContext): Uint8Array<ArrayBuffer> {
  const { seal, context, parameters } = he;
  return callSeal('make a plaintext template', () => {
    using encoder = new seal.BatchEncoder(context);
    using plaintext = new seal.Plaintext();
    const slots = BigUint64Array.from({ length: parameters.polyModulusDegree }, (_, index) =>
      BigInt(index * index + 1),
    );
    encoder.encode(slots, plaintext);
    return Uint8Array.from(plaintext.saveToArray(seal.ComprModeType.none) as Uint8Array);
  });
}
