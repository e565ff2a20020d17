import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../error.ts';
import { encodeContainer, verifySection } from './container.ts';
import { readArtifact } from './headers.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const ids = { deployment: 'a'.repeat(64), key: 'b'.repeat(64), job: 'c'.repeat(32) };
const header = { format: 'sealpoint.query', version: 1, plan: 'latency', index: 0, records: 1, ...ids };
const section = fc.uint8Array({ maxLength: 50 }).map((bytes) => ({ name: 'block', bytes }));

/** What reading a file ends in: its sections, or the code of the refusal. */
function read(bytes: Uint8Array): readonly Uint8Array[] | string {
  try {
    const { header: found, sections } = readArtifact('sealpoint.query', bytes, 'f');
    for (const [index, entry] of found.sections.entries())
      verifySection(entry, sections[index] ?? new Uint8Array(0), { sha256, file: 'f' });
    return sections;
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

describe('the container', () => {
  it('gives back the sections it was given, each at a multiple of eight bytes', () => {
    fc.assert(
      fc.property(fc.array(section, { maxLength: 6 }), (sections) => {
        const file = encodeContainer(header, sections, sha256);
        const views = read(file);
        expect(views).toEqual(sections.map(({ bytes }) => bytes));
        for (const view of views as readonly Uint8Array[]) expect(view.byteOffset % 8).toBe(0);
      }),
    );
  });

  it('never gives sections of a file in which any bit was changed', () => {
    fc.assert(
      fc.property(
        fc.array(section, { minLength: 1, maxLength: 3 }),
        fc.nat(),
        fc.integer({ min: 0, max: 7 }),
        (sections, place, bit) => {
          const file = encodeContainer(header, sections, sha256);
          const at = place % file.length;
          file[at] = (file[at] ?? 0) ^ (1 << bit);
          const outcome = read(file);
          // A header field may change into another valid one: ids and counts are checked by whoever expects them.
          if (typeof outcome !== 'string') expect(outcome).toEqual(sections.map(({ bytes }) => bytes));
        },
      ),
    );
  });

  it('refuses a file in whose padding something hides', () => {
    const file = encodeContainer(header, [{ name: 'block', bytes: new Uint8Array(21).fill(7) }], sha256);
    const headerEnd = 12 + new DataView(file.buffer).getUint32(8, true);
    const padding = [
      ...Array.from({ length: -headerEnd & 7 }, (_, at) => headerEnd + at),
      file.length - 3,
      file.length - 1,
    ];
    for (const at of padding) expect(read(file.with(at, 1))).toBe('artifact.altered');
  });

  it('refuses every file that is cut off or has bytes behind', () => {
    const file = encodeContainer(header, [{ name: 'block', bytes: new Uint8Array(21).fill(7) }], sha256);
    for (let length = 0; length < file.length; length += 1)
      expect(read(file.subarray(0, length))).toMatch(/^artifact\./u);
    expect(read(Uint8Array.from([...file, 0]))).toBe('artifact.altered');
  });

  it('refuses garbage without throwing anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, magic) => {
        const file = magic ? Uint8Array.from([...new TextEncoder().encode('SEALPT01'), ...bytes]) : bytes;
        expect(read(file)).toMatch(/^artifact\./u);
      }),
    );
  });

  it('refuses a version of the future by its own code', () => {
    expect(read(encodeContainer({ ...header, version: 2 }, [], sha256))).toBe('artifact.version');
  });
});
