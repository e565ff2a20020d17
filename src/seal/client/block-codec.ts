import type { Decryptor, Encryptor } from 'node-seal';
import type { PlannedRanges } from '../../core/table/range.ts';

/** Borrowed by a codec: the secret session owns them. */
export interface CodecOptions {
  readonly encryptor: Encryptor;
  readonly decryptor: Decryptor;
  readonly ranges: PlannedRanges;
}

/** Encrypts and decrypts the blocks of one plan; owned by the secret session. */
export interface BlockCodec extends Disposable {
  /**
   * @param records blockRecords x inputs, preprocessed features, row by row
   * @returns the block's ciphertexts, seeded and compressed
   */
  encrypt(records: Float64Array): Uint8Array[];
  /** Ciphertexts in a result's block. */
  readonly resultCiphertexts: number;
  /** @returns blockRecords x outputs scores */
  decrypt(ciphertexts: readonly Uint8Array[]): Float64Array;
}
