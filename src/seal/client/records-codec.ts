import type { ClientPlanOf } from '../../core/plan/plan.ts';
import { loadCiphertext, neutralScale, saveCompact } from '../ciphertexts.ts';
import type { HeContext } from '../context.ts';
import { callSeal } from '../library.ts';
import { scaleFeatures } from '../../core/plan/ranges.ts';
import type { BlockCodec, CodecOptions } from './block-codec.ts';

/** The records packing on the client: slot r of ciphertext j holds feature j of record r. */
export function recordsCodec(
  he: HeContext,
  plan: ClientPlanOf<'affine-records' | 'network-records'>,
  options: CodecOptions,
): BlockCodec {
  const encoder = new he.seal.CKKSEncoder(he.context);
  const { inputs, outputs, blockRecords } = plan;
  const scoreScale = plan.circuit === 'affine-records' ? 2 ** plan.logScoreScale : plan.resultScale;
  const encryptFeature = (slots: Float64Array): Uint8Array =>
    callSeal('encrypt a feature', () => {
      using plaintext = new he.seal.Plaintext();
      encoder.encode(slots, 2 ** plan.logScale, plaintext);
      using ciphertext = options.encryptor.encryptSymmetricSerializable(plaintext);
      return saveCompact(he, ciphertext);
    });
  const decryptScores = (bytes: Uint8Array): Float64Array => {
    using ciphertext = loadCiphertext(he, bytes);
    return callSeal('decrypt a result', () => {
      // Not the scale that the server wrote.
      ciphertext.setScale(neutralScale);
      using plaintext = new he.seal.Plaintext();
      options.decryptor.decrypt(ciphertext, plaintext);
      return encoder.decodeFloat64(plaintext) as Float64Array;
    });
  };
  return {
    resultCiphertexts: outputs,
    encrypt: (records) => {
      const scaled = scaleFeatures(records, options.ranges);
      return Array.from({ length: inputs }, (_, feature) => encryptFeature(column(scaled, feature, inputs)));
    },
    decrypt: (ciphertexts) => {
      const scores = new Float64Array(blockRecords * outputs);
      for (const [output, bytes] of ciphertexts.entries()) {
        const slots = decryptScores(bytes);
        for (let record = 0; record < blockRecords; record += 1)
          scores[record * outputs + output] = (slots[record] ?? Number.NaN) * (neutralScale / scoreScale);
      }
      return scores;
    },
    [Symbol.dispose]: () => {
      encoder.delete();
    },
  };
}

function column(rows: Float64Array, index: number, width: number): Float64Array {
  return Float64Array.from({ length: rows.length / width }, (_, row) => rows[row * width + index] ?? 0);
}
