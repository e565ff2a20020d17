import { packCoefficients, resultCiphertexts, unpackScores } from '../../core/plan/coefficients.ts';
import type { ClientPlanOf } from '../../core/plan/plan.ts';
import { loadCiphertext, saveCompact } from '../ciphertexts.ts';
import type { HeContext } from '../context.ts';
import { callSeal } from '../library.ts';
import { polynomialCodec } from '../polynomials.ts';
import { scaleFeatures } from '../../core/plan/ranges.ts';
import type { BlockCodec, CodecOptions } from './block-codec.ts';

/** The coefficients packing on the client: round, place, encrypt; decrypt, pick, scale. */
export function coefficientsCodec(
  he: HeContext,
  plan: ClientPlanOf<'affine-coefficients'>,
  options: CodecOptions,
): BlockCodec {
  const polynomials = polynomialCodec(he);
  const inputScale = 2 ** plan.inputBits;
  const scoreScale = 2 ** -plan.scoreBits;
  return {
    resultCiphertexts: resultCiphertexts(plan),
    encrypt: (records) => {
      const integers = scaleFeatures(records, options.ranges).map((value) => Math.round(value * inputScale));
      return packCoefficients(plan, integers, he.parameters.polyModulusDegree).map((polynomial) =>
        callSeal('encrypt a polynomial', () => {
          using plaintext = polynomials.encode(polynomial);
          using ciphertext = options.encryptor.encryptSymmetricSerializable(plaintext);
          return saveCompact(he, ciphertext);
        }),
      );
    },
    decrypt: (ciphertexts) => {
      const decoded = ciphertexts.map((bytes) => {
        using ciphertext = loadCiphertext(he, bytes);
        using plaintext = new he.seal.Plaintext();
        callSeal('decrypt a result', () => {
          options.decryptor.decrypt(ciphertext, plaintext);
        });
        return polynomials.decode(plaintext);
      });
      return unpackScores(plan, decoded).map((integer) => integer * scoreScale);
    },
    [Symbol.dispose]: () => undefined,
  };
}
