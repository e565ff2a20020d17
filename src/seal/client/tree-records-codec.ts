import type { ClientPlanOf } from '../../core/plan/plan.ts';
import { openThermometer, thermometerBits } from '../../core/plan/thermometer.ts';
import { loadCiphertext, saveCompact } from '../ciphertexts.ts';
import type { HeContext } from '../context.ts';
import { callSeal } from '../library.ts';
import type { BlockCodec, CodecOptions } from './block-codec.ts';

/** Trees in the records packing: slot r of ciphertext i holds bit i of record r; slot r of a result its score as an integer. */
export function treeRecordsCodec(
  he: HeContext,
  plan: ClientPlanOf<'trees-records'>,
  options: CodecOptions,
): BlockCodec {
  const encoder = new he.seal.BatchEncoder(he.context);
  const thermometer = openThermometer(plan.thermometer, options.ranges);
  const { outputs, blockRecords } = plan;
  const scale = 2 ** -plan.scoreBits;
  const slots = new BigInt64Array(encoder.slotCount());
  const encryptBit = (truth: Uint8Array, bit: number): Uint8Array =>
    callSeal('encrypt a bit', () => {
      for (let record = 0; record < blockRecords; record += 1)
        slots[record] = truth[record * thermometer.bits + bit] === 1 ? 1n : 0n;
      using plaintext = new he.seal.Plaintext();
      encoder.encode(slots, plaintext);
      using ciphertext = options.encryptor.encryptSymmetricSerializable(plaintext);
      return saveCompact(he, ciphertext);
    });
  return {
    resultCiphertexts: outputs,
    encrypt: (records) => {
      const truth = thermometerBits(thermometer, records, blockRecords);
      return Array.from({ length: thermometer.bits }, (_, bit) => encryptBit(truth, bit));
    },
    decrypt: (ciphertexts) => {
      const scores = new Float64Array(blockRecords * outputs);
      for (const [output, bytes] of ciphertexts.entries()) {
        using ciphertext = loadCiphertext(he, bytes);
        callSeal('decrypt a result', () => {
          using plaintext = new he.seal.Plaintext();
          options.decryptor.decrypt(ciphertext, plaintext);
          const integers = encoder.decodeBigInt64(plaintext) as BigInt64Array;
          for (let record = 0; record < blockRecords; record += 1)
            scores[record * outputs + output] = Number(integers[record]) * scale;
        });
      }
      return scores;
    },
    [Symbol.dispose]: () => {
      encoder.delete();
    },
  };
}
