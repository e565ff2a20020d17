import { bitPlaces, sourceShape, sourceSlots } from '../../core/plan/bits-source.ts';
import { outputMeans } from '../../core/plan/lone-result.ts';
import type { ClientPlanOf } from '../../core/plan/plan.ts';
import { openThermometer, thermometerBits } from '../../core/plan/thermometer.ts';
import { loadCiphertext, neutralScale, saveCompact } from '../ciphertexts.ts';
import type { HeContext } from '../context.ts';
import { callSeal } from '../library.ts';
import type { BlockCodec, CodecOptions } from './block-codec.ts';

/** Trees in the bits packing: the slots hold one record's bits (bits-source.ts), in each copy turned on by a stride; scores as lone-result.ts has them. */
export function bitsCodec(he: HeContext, plan: ClientPlanOf<'trees-bits'>, options: CodecOptions): BlockCodec {
  const encoder = new he.seal.CKKSEncoder(he.context);
  const thermometer = openThermometer(plan.thermometer, options.ranges);
  const places = bitPlaces(thermometer);
  const shape = sourceShape(plan.bits, encoder.slotCount(), plan.stride);
  const encrypt = (slots: Float64Array): Uint8Array =>
    callSeal('encrypt bits', () => {
      using plaintext = new he.seal.Plaintext();
      encoder.encode(slots, 2 ** plan.logBitScale, plaintext);
      using ciphertext = options.encryptor.encryptSymmetricSerializable(plaintext);
      return saveCompact(he, ciphertext);
    });
  return {
    resultCiphertexts: 1,
    encrypt: (records) => {
      const sources = sourceSlots(shape, places, thermometerBits(thermometer, records, 1));
      return sources.flatMap((slots) =>
        Array.from({ length: plan.copies }, (_, copy) => encrypt(turned(slots, copy * plan.stride))),
      );
    },
    decrypt: ([bytes = new Uint8Array(0)]) => {
      using ciphertext = loadCiphertext(he, bytes);
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

/** Turned to the left. */
function turned(slots: Float64Array, turn: number): Float64Array {
  return slots.map((_, slot) => slots[(slot + turn) % slots.length] ?? 0);
}
