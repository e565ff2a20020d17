import { AppError } from '../error.ts';

/**
 * The envelope of queries, results and evaluation keys (docs/formats.md): magic, header length (u32, little-endian), a UTF-8 JSON header,
 * then sections, each at a multiple of 8 bytes from the file's start. Offsets in the header count from the start of the first section.
 */
const magic = new TextEncoder().encode('SEALPT01');
const maxHeaderBytes = 1 << 20;
const alignment = 8;

/** SHA-256 of bytes as 64 hexadecimal digits; handed in, so that core stays free of any runtime. */
export type Sha256 = (bytes: Uint8Array) => string;

export interface SectionEntry {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly sha256: string;
}

export interface Section {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Given where it is known already, so that large sections are hashed once. */
  readonly sha256?: string;
}

/** One file of a header and its sections. @throws {AppError} artifact.too-large where the header is over 1 MiB */
export function encodeContainer(header: object, sections: readonly Section[], sha256: Sha256): Uint8Array<ArrayBuffer> {
  let offset = 0;
  const entries = sections.map((section): SectionEntry => {
    const entry = {
      name: section.name,
      offset,
      length: section.bytes.length,
      sha256: section.sha256 ?? sha256(section.bytes),
    };
    offset += aligned(section.bytes.length);
    return entry;
  });
  const headerBytes = new TextEncoder().encode(JSON.stringify({ ...header, sections: entries }));
  if (headerBytes.length > maxHeaderBytes)
    throw new AppError('artifact.too-large', 'The header would be larger than 1 MiB.');
  const base = aligned(magic.length + 4 + headerBytes.length);
  const file = new Uint8Array(base + offset);
  file.set(magic);
  new DataView(file.buffer).setUint32(magic.length, headerBytes.length, true);
  file.set(headerBytes, magic.length + 4);
  for (const [index, section] of sections.entries()) file.set(section.bytes, base + (entries[index]?.offset ?? 0));
  return file;
}

export interface DecodedContainer {
  /** The header as parsed JSON, its schema not checked yet. */
  readonly header: unknown;
  /** Offset of the first section in the file. */
  readonly base: number;
}

/** Reads magic and header only; `file` names the artifact in errors. */
export function decodeHeader(bytes: Uint8Array, file: string): DecodedContainer {
  if (bytes.length < magic.length + 4 || !magic.every((byte, index) => bytes[index] === byte)) {
    throw new AppError('artifact.unreadable', 'This is no Sealpoint query, result or evaluation keys file.', {
      file,
      hint: 'Files that Sealpoint wrote begin with SEALPT01; this one was altered, cut off or is of another kind.',
    });
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(magic.length, true);
  if (length > maxHeaderBytes)
    throw new AppError('artifact.unreadable', 'The header claims more than 1 MiB.', { file });
  const end = magic.length + 4 + length;
  if (bytes.length < end) throw cutOff(file);
  checkPadding(bytes, end, file);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(magic.length + 4, end));
    return { header: JSON.parse(text) as unknown, base: aligned(end) };
  } catch (cause) {
    throw new AppError('artifact.unreadable', 'The header is no JSON.', { file, cause });
  }
}

/**
 * The sections as views on the file, in header order.
 * @throws {AppError} artifact.unreadable where sections overlap, leave gaps or run past the end: nothing may hide in a file.
 */
export function sectionViews(
  bytes: Uint8Array,
  layout: { readonly base: number; readonly entries: readonly SectionEntry[] },
  file: string,
): Uint8Array[] {
  const { base, entries } = layout;
  let expected = 0;
  const views = entries.map((entry) => {
    if (entry.offset !== expected)
      throw new AppError('artifact.unreadable', `Section ${entry.name} is out of place.`, { file });
    checkPadding(bytes, base + entry.offset + entry.length, file);
    expected += aligned(entry.length);
    return bytes.subarray(base + entry.offset, base + entry.offset + entry.length);
  });
  if (bytes.length < base + expected) throw cutOff(file);
  if (bytes.length > base + expected)
    throw new AppError('artifact.altered', 'There are bytes behind the last section.', { file });
  return views;
}

/** The bytes that fill up to the next multiple of eight have no hash: they are zero. */
function checkPadding(bytes: Uint8Array, end: number, file: string): void {
  if (bytes.subarray(end, aligned(end)).every((byte) => byte === 0)) return;
  throw new AppError('artifact.altered', 'There are bytes between the sections.', { file });
}

/** @throws {AppError} artifact.altered where a section's bytes do not have the hash that the header states. */
export function verifySection(
  entry: SectionEntry,
  bytes: Uint8Array,
  context: { readonly sha256: Sha256; readonly file: string },
): void {
  if (context.sha256(bytes) === entry.sha256) return;
  throw new AppError('artifact.altered', `Section ${entry.name} does not have the SHA-256 that the header states.`, {
    file: context.file,
    hint: 'The file was changed or damaged on its way; get it again.',
  });
}

function cutOff(file: string): AppError {
  return new AppError('artifact.unreadable', 'The file is cut off.', {
    file,
    hint: 'Get it again from where it was made.',
  });
}

function aligned(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}
