import { keySection } from '../../core/artifact/key-sections.ts';
import type { ParameterSet } from '../../core/plan/parameters.ts';
import type { KeyNeeds } from '../../core/plan/plan.ts';
import { saveCompact } from '../ciphertexts.ts';
import { makeContext } from '../context.ts';
import { callSeal, type Seal } from '../library.ts';

/** One parameter set's keys, as SEAL saves them. */
export interface GeneratedKeys {
  readonly parameters: string;
  readonly secretKey: Uint8Array;
  /** What the endpoint gets: sections of the .spk file. */
  readonly evaluationKeys: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

/** An independent secret key and exactly what the plans need of it. Seeded, which halves the bytes. */
export function generateKeys(seal: Seal, parameters: ParameterSet, needs: KeyNeeds): GeneratedKeys {
  using he = makeContext(seal, parameters);
  return callSeal('generate keys', () => {
    using generator = new seal.KeyGenerator(he.context);
    using secretKey = generator.secretKey();
    using publicKey = generator.createPublicKeySerializable();
    const evaluationKeys = [{ name: keySection.publicKey(parameters.id), bytes: saveCompact(he, publicKey) }];
    if (needs.relinearization) {
      using keys = generator.createRelinKeysSerializable();
      evaluationKeys.push({ name: keySection.relinearization(parameters.id), bytes: saveCompact(he, keys) });
    }
    if (needs.galoisSteps.length > 0) {
      using keys = generator.createGaloisKeysSerializableWithSteps(Int32Array.from(needs.galoisSteps));
      evaluationKeys.push({ name: keySection.galois(parameters.id), bytes: saveCompact(he, keys) });
    }
    return {
      parameters: parameters.id,
      secretKey: Uint8Array.from(secretKey.saveToArray(seal.ComprModeType.none) as Uint8Array),
      evaluationKeys,
    };
  });
}
