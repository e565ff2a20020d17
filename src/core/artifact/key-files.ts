import * as z from 'zod';
import { hexId } from './headers.ts';

/**
 * The files of the key store, `<home>/keys/<key id>/` (docs/formats.md): `key.json`, one `<parameter set>.key` a secret key,
 * `evaluation-keys.spk`; and of an exported key set. Lengths of base64url texts are whole threes of bytes, so each has one spelling.
 */
export const keyFileNames = { manifest: 'key.json', evaluationKeys: 'evaluation-keys.spk' } as const;
export const keyMagic = { secretKey: 'SEALPK01', exported: 'SEALPX01' } as const;

const base64 = (characters: number) => z.string().regex(new RegExp(`^[A-Za-z0-9_-]{${String(characters)}}$`, 'u'));
const count = z.int().nonnegative();

/** Lower case, because a file is named after it and some file systems know no other. */
export const parameterSetId = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}$/u);

export const keySetName = z
  .string()
  .min(1)
  .max(64)
  // Names are printed in tables and typed on command lines: no control characters, no separators of paths, no blanks at the ends.
  .regex(
    /^[^\s\p{C}/\\](?:[^\p{C}\p{Zl}\p{Zp}/\\]*[^\s\p{C}/\\])?$/u,
    'has characters that a name of a key set cannot have',
  );

/** A 32-byte key under AES-256-GCM: 12 bytes of nonce; 32 of ciphertext and 16 of tag. */
export const wrappedKey = z.strictObject({ nonce: base64(16), bytes: base64(64) });
export type WrappedKey = z.infer<typeof wrappedKey>;

/** Bounds for what a file may ask for: at least 16 MiB of work, at most 512 MiB and four lanes. */
const maxScryptBytes = 512 * 2 ** 20;
export const scryptParameters = z
  .strictObject({
    cost: z
      .int()
      .min(2 ** 14)
      .max(2 ** 20),
    blockSize: z.int().min(8).max(32),
    parallelism: z.int().min(1).max(4),
  })
  .refine(({ cost }) => Number.isInteger(Math.log2(cost)), 'the cost is no power of two')
  .refine(({ cost, blockSize }) => 128 * cost * blockSize <= maxScryptBytes, 'the cost needs more than 512 MiB');
export type ScryptParameters = z.infer<typeof scryptParameters>;

export const keySlot = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('passphrase'), salt: base64(32), scrypt: scryptParameters, wrapped: wrappedKey }),
  z.strictObject({ kind: z.literal('editor'), fingerprint: hexId, wrapped: wrappedKey }),
]);
export type KeySlot = z.infer<typeof keySlot>;
export type SlotKind = KeySlot['kind'];

export const keyManifest = z.strictObject({
  format: z.literal('sealpoint.key-set'),
  version: z.literal(1),
  key: hexId,
  name: keySetName,
  deployment: hexId,
  created: z.iso.datetime(),
  parameterSets: z
    .array(z.strictObject({ id: parameterSetId, file: z.string().max(120), sizeBytes: count }))
    .min(1)
    .max(16)
    .refine((sets) => sets.every(({ id, file }) => file === `${id}.key`), 'a file is not named after its parameter set')
    .refine((sets) => new Set(sets.map(({ id }) => id)).size === sets.length, 'a parameter set comes twice'),
  evaluationKeys: z.strictObject({ file: z.literal(keyFileNames.evaluationKeys), sizeBytes: count, sha256: hexId }),
  slots: z
    .array(keySlot)
    .min(1)
    .max(8)
    .refine((slots) => slots.filter(({ kind }) => kind === 'passphrase').length <= 1, 'there are two passphrase slots'),
  /** SHA-256 of the canonical JSON of everything else: damage shows before a passphrase is asked for. */
  digest: hexId,
});
export type KeyManifest = z.infer<typeof keyManifest>;

/** Head of a `.key` file; the ciphertext follows, its tag the last 16 bytes. */
export const secretKeyHeader = z.strictObject({
  format: z.literal('sealpoint.secret-key'),
  version: z.literal(1),
  key: hexId,
  parameterSet: parameterSetId,
  nonce: base64(16),
});
export type SecretKeyHeader = z.infer<typeof secretKeyHeader>;

/** Head of an exported key set; the manifest's secret key files follow in its order, then the evaluation keys. */
export const keyExportHeader = z.strictObject({
  format: z.literal('sealpoint.key-export'),
  version: z.literal(1),
  manifest: keyManifest,
  /** HMAC-SHA-256 of the manifest's canonical JSON under the data key: binds the public parts to the passphrase too. */
  mac: hexId,
});
export type KeyExportHeader = z.infer<typeof keyExportHeader>;
