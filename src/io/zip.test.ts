import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ZipFile } from 'yazl';
import { AppError } from '../core/error.ts';
import { readZip, writeZip } from './zip.ts';

const limits = { maxEntries: 100, maxEntryBytes: 4_000_000, maxTotalBytes: 8_000_000 };
let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zip-'));
  path = join(folder, 'a.zip');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function archiveOf(entries: Readonly<Record<string, Uint8Array>>): Promise<Buffer> {
  await writeZip(path, new Map(Object.entries(entries)));
  return await readFile(path);
}

/** An archive whose names have been exchanged, in both directories, for others of the same length. */
async function renamed(names: Readonly<Record<string, string>>): Promise<Buffer> {
  const archive = await archiveOf(Object.fromEntries(Object.keys(names).map((name) => [name, bytes(name)])));
  let text = archive.toString('latin1');
  for (const [from, to] of Object.entries(names)) text = text.replaceAll(from, to);
  return Buffer.from(text, 'latin1');
}

async function streamed(fill: (zip: ZipFile) => void): Promise<Buffer> {
  const zip = new ZipFile();
  fill(zip);
  zip.end();
  const chunks: Buffer[] = [];
  for await (const chunk of zip.outputStream) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks);
}

/** Changes a field of the first entry in the central directory (offset from its signature). */
function patched(archive: Buffer, change: (directory: Buffer) => void): Buffer {
  const copy = Buffer.from(archive);
  change(copy.subarray(copy.indexOf(Buffer.from([0x50, 0x4b, 1, 2]))));
  return copy;
}

async function codeOf(archive: Uint8Array | string, over: Partial<typeof limits> = {}): Promise<string> {
  try {
    await readZip(archive, { ...limits, ...over });
    return 'no error';
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
}

describe('writeZip and readZip', () => {
  it('give back any entries, from a file and from memory', async () => {
    const name = fc
      .stringMatching(/^[a-zA-Z0-9 äß日_.-]{1,20}$/u)
      .filter((text) => !/^\.+$/u.test(text))
      .map((text) => text.normalize('NFC').toLowerCase());
    const entries = fc.dictionary(name, fc.uint8Array({ maxLength: 2000 }), { maxKeys: 8, noNullPrototype: true });
    await fc.assert(
      fc.asyncProperty(entries, async (wanted) => {
        const prefixed = new Map(Object.entries(wanted).map(([key, value]) => [`folder/${key}`, value]));
        await writeZip(path, prefixed);
        for (const source of [path, new Uint8Array(await readFile(path))]) {
          const found = await readZip(source, limits);
          expect(new Map([...found].sort())).toEqual(new Map([...prefixed].sort()));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('make the same bytes of the same entries, whatever their order, the time and the time zone', async () => {
    const [one, two] = [
      ['b.json', bytes('{}')],
      ['a.bin', bytes('a'.repeat(5000))],
    ] as const;
    await writeZip(path, new Map([one, two]));
    const first = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
    const script = `import { writeZip } from ${JSON.stringify(new URL('./zip.ts', import.meta.url).href)};
      await writeZip(${JSON.stringify(join(folder, 'b.zip'))}, new Map([['a.bin', new TextEncoder().encode('a'.repeat(5000))], ['b.json', new TextEncoder().encode('{}')]]));`;
    execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      env: { ...process.env, TZ: 'Asia/Kathmandu' },
    });
    expect(
      createHash('sha256')
        .update(await readFile(join(folder, 'b.zip')))
        .digest('hex'),
    ).toBe(first);
    expect([...(await readZip(path, limits)).keys()]).toEqual(['a.bin', 'b.json']);
  });

  it('make archives that Python reads', async () => {
    await archiveOf({ 'client.specs.json': bytes('{"a":1}'), 'empty.bin': new Uint8Array(0) });
    const script =
      'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.testzip(), [(i.filename, i.file_size, i.date_time[0]) for i in z.infolist()])';
    const said = execFileSync('python3', ['-c', script, path], { encoding: 'utf8' });
    expect(said.trim()).toBe("None [('client.specs.json', 7, 1980), ('empty.bin', 0, 1980)]");
  });

  it('leave nothing when aborted, and the older archive untouched', async () => {
    await archiveOf({ a: bytes('old') });
    const before = await readFile(path);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(writeZip(path, new Map([['a', bytes('new')]]), { signal })).rejects.toThrow('enough');
    await expect(readZip(path, { ...limits, signal })).rejects.toThrow('enough');
    const abort = new AbortController();
    const writing = writeZip(path, new Map([['a', new Uint8Array(3_000_000)]]), { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(writing).rejects.toThrow('enough');
    expect(await readFile(path)).toEqual(before);
    expect(await readdir(folder)).toEqual(['a.zip']);
  });

  it('leave nothing when an entry has an impossible name', async () => {
    await expect(writeZip(path, new Map([['../up', bytes('x')]]))).rejects.toBeInstanceOf(AppError);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('readZip', () => {
  it.each([
    ['..', '../x.txt'],
    ['a .. in the middle', 'a/../b.t'],
    ['an absolute name', '/etc/pwd'],
    ['a backslash', 'a\\b\\cc.t'],
    ['a drive letter', 'C:/x.txt'],
    ['a drive letter without slash', 'C:xx.txt'],
    ['a NUL', 'ab\0c.txt'],
    ['a newline', 'ab\nc.txt'],
    ['a single dot', './ab.txt'],
    ['an empty segment', 'a//b.txt'],
  ])('refuses a name with %s as unsafe', async (_, evil) => {
    expect(await codeOf(await renamed({ QQQQQQQQ: evil }))).toBe('archive.unsafe');
  });

  it('refuses two entries of one name, also in another case', async () => {
    expect(await codeOf(await renamed({ QQQQ: 'same', RRRR: 'same' }))).toBe('archive.unsafe');
    expect(await codeOf(await renamed({ QQQQ: 'same', RRRR: 'SAME' }))).toBe('archive.unsafe');
  });

  it('refuses symbolic links and encrypted entries', async () => {
    const link = await streamed((zip) => {
      zip.addBuffer(Buffer.from('/etc/passwd'), 'link', { mode: 0o120777 });
    });
    expect(await codeOf(link)).toBe('archive.unsafe');
    const plain = await archiveOf({ a: bytes('secret') });
    const encrypted = patched(plain, (directory) => directory.writeUInt16LE(directory.readUInt16LE(8) | 1, 8));
    expect(await codeOf(encrypted)).toBe('archive.unsafe');
  });

  it('refuses too many entries, one too large, and too much in all', async () => {
    const archive = await archiveOf({ a: new Uint8Array(1000), b: new Uint8Array(1000), c: new Uint8Array(1000) });
    expect(await codeOf(archive, { maxEntries: 2 })).toBe('archive.unsafe');
    expect(await codeOf(archive, { maxEntryBytes: 999 })).toBe('archive.unsafe');
    expect(await codeOf(archive, { maxTotalBytes: 2999 })).toBe('archive.unsafe');
    expect(await codeOf(archive, { maxEntries: 3, maxEntryBytes: 1000, maxTotalBytes: 3000 })).toBe('no error');
  });

  it('refuses a bomb by what it declares and by what it really holds', async () => {
    const honest = await archiveOf({ bomb: new Uint8Array(3_900_000) });
    expect(honest.length).toBeLessThan(10_000);
    expect(await codeOf(honest, { maxEntryBytes: 1_000_000 })).toBe('archive.unsafe');
    const lying = patched(honest, (directory) => directory.writeUInt32LE(1000, 24));
    expect(await codeOf(lying)).toBe('archive.unsafe');
    const modest = patched(honest, (directory) => directory.writeUInt32LE(3_999_999, 24));
    expect(await codeOf(modest)).toBe('artifact.unreadable');
  });

  it('refuses an archive cut anywhere, and one that is none', async () => {
    const archive = await archiveOf({ a: bytes('content '.repeat(50)), b: bytes('more') });
    for (let length = 0; length < archive.length; length += 7)
      expect(await codeOf(archive.subarray(0, length))).toBe('artifact.unreadable');
    expect(await codeOf(bytes('no archive'))).toBe('artifact.unreadable');
  });

  it('never gives other content when a byte is changed, and never fails but by its own errors', async () => {
    const wanted = { a: bytes('content '.repeat(20)), b: bytes('more') };
    const archive = await archiveOf(wanted);
    for (let at = 0; at < archive.length; at += 1) {
      const copy = Buffer.from(archive);
      copy[at] = (copy[at] ?? 0) ^ 0x41;
      const found = await readZip(copy, limits).catch((error: unknown) => error);
      if (found instanceof Error)
        expect(found).toMatchObject({ code: expect.stringMatching(/^(?:archive\.unsafe|artifact\.unreadable)$/u) });
      else
        for (const [name, content] of found as ReadonlyMap<string, Uint8Array>)
          if (name in wanted) expect(content).toEqual(wanted[name as 'a' | 'b']);
    }
  });

  it('refuses content that does not fit its CRC', async () => {
    const archive = await archiveOf({ a: bytes('x') });
    expect(await codeOf(patched(archive, (directory) => directory.writeUInt32LE(1, 16)))).toBe('artifact.unreadable');
  });

  it("refuses an entry whose local name differs from the directory's", async () => {
    const archive = await archiveOf({ QQQQ: bytes('x') });
    archive.write('ZZZZ', archive.indexOf('QQQQ'));
    expect(await codeOf(archive)).toBe('artifact.unreadable');
  });

  it('passes over folders and reads an empty archive', async () => {
    const archive = await streamed((zip) => {
      zip.addEmptyDirectory('folder/');
      zip.addBuffer(Buffer.from('x'), 'folder/a');
    });
    expect([...(await readZip(archive, limits)).keys()]).toEqual(['folder/a']);
    expect((await readZip(await archiveOf({}), limits)).size).toBe(0);
  });

  it('says io.* for files that are not there or are folders', async () => {
    expect(await codeOf(join(folder, 'none.zip'))).toBe('io.not-found');
    expect(await codeOf(folder)).toBe('io.failed');
  });

  it('reads a subarray of a larger buffer as what it is', async () => {
    const archive = await archiveOf({ a: deflateRawSync(bytes('abc')) });
    const inside = new Uint8Array(archive.length + 20);
    inside.set(archive, 10);
    expect((await readZip(inside.subarray(10, 10 + archive.length), limits)).size).toBe(1);
  });
});
