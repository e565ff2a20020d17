/** Encrypts and decrypts the blocks of one plan; owned by the secret session. */
export interface BlockCodec extends Disposable {
  /**
   * @param records blockRecords x inputs, features scaled to [-1, 1], row by row
   * @returns the block's ciphertexts, seeded and compressed
   */
  encrypt(records: Float64Array): Uint8Array[];
  /** Ciphertexts in a result's block. */
  readonly resultCiphertexts: number;
  /** @returns blockRecords x outputs scores */
  decrypt(ciphertexts: readonly Uint8Array[]): Float64Array;
}
