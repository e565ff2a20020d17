import type { ParameterSet } from '../../core/plan/parameters.ts';
import { saveCompressed } from '../ciphertexts.ts';
import { makeContext } from '../context.ts';
import { callSeal, type Seal } from '../library.ts';

/** One parameter set's keys, as SEAL saves them. */
export interface GeneratedKeys {
  readonly parameters: string;
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** An independent secret key and what the endpoint needs of it. Seeded where SEAL can, which halves the bytes. */
export function generateKeys(seal: Seal, parameters: ParameterSet): GeneratedKeys {
  using he = makeContext(seal, parameters);
  return callSeal('generate keys', () => {
    using generator = new seal.KeyGenerator(he.context);
    using secretKey = generator.secretKey();
    using publicKey = generator.createPublicKeySerializable();
    return {
      parameters: parameters.id,
      secretKey: Uint8Array.from(secretKey.saveToArray(seal.ComprModeType.none) as Uint8Array),
      publicKey: saveCompressed(he, publicKey),
    };
  });
}
