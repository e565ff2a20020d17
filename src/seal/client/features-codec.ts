import { outputMeans } from '../../core/plan/lone-result.ts';
import type { ClientPlanOf } from '../../core/plan/plan.ts';
import { scaleFeatures } from '../../core/plan/ranges.ts';
import { inputSlots } from '../../core/plan/slot-layers.ts';
import { loadCiphertext, neutralScale, saveCompact } from '../ciphertexts.ts';
import type { HeContext } from '../context.ts';
import { callSeal } from '../library.ts';
import type { BlockCodec, CodecOptions } from './block-codec.ts';

/** One record's features in the slots of one ciphertext, and in rotated copies of it; scores as lone-result.ts has them. */
export function featuresCodec(
  he: HeContext,
  plan: ClientPlanOf<'network-features'>,
  options: CodecOptions,
): BlockCodec {
  const encoder = new he.seal.CKKSEncoder(he.context);
  const slots = encoder.slotCount();
  const map = inputSlots(plan.input, plan.inputs, slots);
  const encryptRotated = (record: Float64Array, rotation: number): Uint8Array =>
    callSeal('encrypt a record', () => {
      const values = Float64Array.from({ length: slots }, (_, slot) => {
        const feature = map[(slot + rotation) % slots] ?? -1;
        return feature < 0 ? 0 : (record[feature] ?? 0);
      });
      using plaintext = new he.seal.Plaintext();
      encoder.encode(values, 2 ** plan.logScale, plaintext);
      using ciphertext = options.encryptor.encryptSymmetricSerializable(plaintext);
      return saveCompact(he, ciphertext);
    });
  return {
    resultCiphertexts: 1,
    encrypt: (records) => {
      const scaled = scaleFeatures(records, options.ranges);
      return plan.rotations.map((rotation) => encryptRotated(scaled, rotation));
    },
    decrypt: ([bytes]) => {
      using ciphertext = loadCiphertext(he, bytes ?? new Uint8Array(0));
      return callSeal('decrypt a result', () => {
        // Not the scale that the server wrote.
        ciphertext.setScale(neutralScale);
        using plaintext = new he.seal.Plaintext();
        options.decryptor.decrypt(ciphertext, plaintext);
        const means = outputMeans(encoder.decodeFloat64(plaintext) as Float64Array, plan.outputs);
        return means.map((mean) => mean * (neutralScale / plan.resultScale));
      });
    },
    [Symbol.dispose]: () => {
      encoder.delete();
    },
  };
}
