import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type * as z from 'zod';
import { keyMagic, secretKeyHeader, type SecretKeyHeader, type WrappedKey } from '../core/artifact/key-files.ts';
import { AppError } from '../core/error.ts';

/** AES-256-GCM with a random nonce a message (NIST SP 800-38D): every data key seals fewer than 2^10 messages, far below its limit. */
const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;
const maxHeaderBytes = 1 << 16;

interface Sealed {
  readonly nonce: Buffer;
  /** Ciphertext and tag. */
  readonly bytes: Buffer;
}

function sealBytes(key: Uint8Array, plaintext: Uint8Array, bound: Uint8Array): Sealed {
  const nonce = randomBytes(nonceBytes);
  return { nonce, bytes: sealUnder(key, nonce, { plaintext, bound }) };
}

function sealUnder(
  key: Uint8Array,
  nonce: Uint8Array,
  message: { readonly plaintext: Uint8Array; readonly bound: Uint8Array },
): Buffer {
  const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes }).setAAD(message.bound);
  return Buffer.concat([sealing.update(message.plaintext), sealing.final(), sealing.getAuthTag()]);
}

/** The plaintext, owned by the caller, or undefined where key, nonce, bytes or `bound` are not those that were sealed. */
function openBytes(
  key: Uint8Array,
  sealed: { readonly nonce: Uint8Array; readonly bytes: Uint8Array },
  bound: Uint8Array,
): Buffer | undefined {
  if (sealed.bytes.length < tagBytes) return undefined;
  const split = sealed.bytes.length - tagBytes;
  const opening = createDecipheriv(cipher, key, sealed.nonce, { authTagLength: tagBytes }).setAAD(bound);
  opening.setAuthTag(sealed.bytes.subarray(split));
  const plaintext = opening.update(sealed.bytes.subarray(0, split));
  try {
    // GCM adds nothing at the end: the plaintext is whole, `final` only checks the tag.
    opening.final();
    return plaintext;
  } catch {
    plaintext.fill(0);
    return undefined;
  }
}

/** What a wrapped data key is bound to: a slot copied to another key set does not open. */
function slotBound(key: string): Buffer {
  return Buffer.from(`sealpoint.key-slot 1 ${key}`, 'utf8');
}

export function wrapKey(wrapping: Uint8Array, dataKey: Uint8Array, key: string): WrappedKey {
  const { nonce, bytes } = sealBytes(wrapping, dataKey, slotBound(key));
  return { nonce: nonce.toString('base64url'), bytes: bytes.toString('base64url') };
}

export function unwrapKey(wrapping: Uint8Array, wrapped: WrappedKey, key: string): Buffer | undefined {
  const sealed = { nonce: Buffer.from(wrapped.nonce, 'base64url'), bytes: Buffer.from(wrapped.bytes, 'base64url') };
  return openBytes(wrapping, sealed, slotBound(key));
}

export interface SecretKeyPlace {
  readonly key: string;
  readonly parameterSet: string;
  readonly deployment: string;
}

/** A `.key` file: magic, header length (u32, little-endian), JSON header, ciphertext and tag. Bound to its header and the deployment. */
export function encodeSecretKey(dataKey: Uint8Array, plaintext: Uint8Array, place: SecretKeyPlace): Buffer {
  const nonce = randomBytes(nonceBytes);
  const header: SecretKeyHeader = {
    format: 'sealpoint.secret-key',
    version: 1,
    key: place.key,
    parameterSet: place.parameterSet,
    nonce: nonce.toString('base64url'),
  };
  const head = encodeHead(keyMagic.secretKey, header);
  const bytes = sealUnder(dataKey, nonce, { plaintext, bound: boundTo(head, place) });
  return Buffer.concat([head, bytes]);
}

/** @throws {AppError} key.altered where the file is not, byte by byte, the one that was written for this place */
export function decodeSecretKey(
  dataKey: Uint8Array,
  file: Uint8Array,
  place: SecretKeyPlace & { readonly file: string },
): Buffer {
  const { header, length } = decodeHead(keyMagic.secretKey, { schema: secretKeyHeader, bytes: file, file: place.file });
  if (header.key !== place.key || header.parameterSet !== place.parameterSet) throw alteredKey(place.file);
  const sealed = { nonce: Buffer.from(header.nonce, 'base64url'), bytes: file.subarray(length) };
  const plaintext = openBytes(dataKey, sealed, boundTo(file.subarray(0, length), place));
  if (plaintext === undefined) throw alteredKey(place.file);
  return plaintext;
}

function boundTo(head: Uint8Array, place: SecretKeyPlace): Buffer {
  return Buffer.concat([head, Buffer.from(place.deployment, 'utf8')]);
}

/** Magic, header length and JSON header, as every binary file of the key store begins. */
export function encodeHead(magic: string, header: object): Buffer {
  const json = Buffer.from(JSON.stringify(header), 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([Buffer.from(magic, 'latin1'), length, json]);
}

/** The header and its whole length in bytes, magic included. @throws {AppError} key.altered */
export function decodeHead<Header>(
  magic: string,
  from: { readonly schema: z.ZodType<Header>; readonly bytes: Uint8Array; readonly file: string },
): { readonly header: Header; readonly length: number } {
  const bytes = Buffer.from(from.bytes.buffer, from.bytes.byteOffset, from.bytes.length);
  const start = magic.length + 4;
  if (bytes.length < start || bytes.toString('latin1', 0, magic.length) !== magic) throw alteredKey(from.file);
  const length = start + bytes.readUInt32LE(magic.length);
  if (length - start > maxHeaderBytes || bytes.length < length) throw alteredKey(from.file);
  return { header: parseJson(from.schema, bytes.subarray(start, length), from.file), length };
}

/** @throws {AppError} key.altered where the bytes are no JSON or not as the schema wants them */
export function parseJson<Value>(schema: z.ZodType<Value>, bytes: Uint8Array, file: string): Value {
  try {
    return schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch (cause) {
    throw alteredKey(file, cause);
  }
}

export function alteredKey(file: string, cause?: unknown): AppError {
  return new AppError(
    'key.altered',
    'This file of the key store is not as it was written: altered, cut off or of another key set.',
    {
      file,
      hint: 'Restore it from a backup, or delete the key set by its id (sealpoint keys delete) and import an exported copy; what is encrypted stays closed without it.',
      cause,
    },
  );
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** HMAC-SHA-256 under a key derived from the data key, so that no key serves two purposes. */
export function manifestMac(dataKey: Uint8Array, text: string): string {
  const macKey = Buffer.from(hkdfSync('sha256', dataKey, Buffer.alloc(0), 'sealpoint.key-export mac', 32));
  const mac = createHmac('sha256', macKey).update(text, 'utf8').digest('hex');
  macKey.fill(0);
  return mac;
}
