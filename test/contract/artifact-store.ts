import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../src/core/artifact/store.ts';
import { AppError } from '../../src/core/error.ts';

export interface TestedStore {
  readonly store: ArtifactStore;
  dispose(): Promise<void>;
}

const signal = new AbortController().signal;
const limit = { signal, maxBytes: 64 * 1024 * 1024 };
const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const manyKeys = 1500;
const oddNames = [
  'with space.bin',
  'per%20cent%.bin',
  'plus+and&and=.bin',
  'hash#question?.bin',
  "quote'd.bin",
  'émöjî-🔑.bin',
  '.hidden',
  '~tilde',
  '..dots',
  'colon:semi;.bin',
  '(round)[square]{curly}.bin',
];

async function codeOf(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (error) {
    return error instanceof AppError ? error.code : `not an AppError: ${String(error)}`;
  }
  return 'no error';
}

/** All pages of one level. */
async function listAll(
  store: ArtifactStore,
  prefix: string,
): Promise<{ readonly keys: readonly string[]; readonly folders: readonly string[]; readonly pages: number }> {
  const keys: string[] = [];
  const folders: string[] = [];
  let next: string | undefined;
  let pages = 0;
  do {
    const page = await store.list(prefix, { signal, ...(next === undefined ? {} : { next }) });
    expect(page.objects.length + page.folders.length).toBeLessThanOrEqual(1000);
    keys.push(...page.objects.map(({ key }) => key));
    folders.push(...page.folders);
    next = page.next;
    pages += 1;
  } while (next !== undefined);
  return { keys, folders, pages };
}

async function inGroups<T>(items: readonly T[], action: (item: T) => Promise<unknown>): Promise<void> {
  for (let first = 0; first < items.length; first += 25) await Promise.all(items.slice(first, first + 25).map(action));
}

/** What every store does, whatever it stands on. `makeStore` gives a fresh, empty store; it is called once. */
export function describeArtifactStore(name: string, makeStore: () => Promise<TestedStore>): void {
  describe(`${name} as an artifact store`, { timeout: 120_000 }, () => {
    let made: TestedStore;
    let store: ArtifactStore;
    beforeAll(async () => {
      made = await makeStore();
      store = made.store;
    });
    afterAll(async () => {
      await made.dispose();
    });
    const current = (): ArtifactStore => store;
    describeReading(current);
    describeWriting(current);
    describeListing(current);
    describeDeleting(current);
    describeKeys(current);
    describeAborts(current);
  });
}

function describeReading(store: () => ArtifactStore): void {
  it('reads back what was written, byte for byte', async () => {
    const bytes = randomBytes(300_001);
    expect(await store().write('read/plain.bin', bytes, { signal })).toBe(true);
    expect(Buffer.compare(Buffer.from(await store().read('read/plain.bin', limit)), bytes)).toBe(0);
  });
  it('reads back an object of several megabytes and tells the bytes done', async () => {
    const bytes = randomBytes(12 * 1024 * 1024 + 7);
    const written: number[] = [];
    const seen: number[] = [];
    await store().write('read/large.bin', bytes, { signal, onBytes: (done) => written.push(done) });
    const back = await store().read('read/large.bin', { ...limit, onBytes: (done) => seen.push(done) });
    expect(Buffer.compare(Buffer.from(back), bytes)).toBe(0);
    expect(written.at(-1)).toBe(bytes.length);
    expect(seen.at(-1)).toBe(bytes.length);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });
  it('keeps an empty object', async () => {
    await store().write('read/empty.bin', new Uint8Array(0), { signal });
    expect((await store().read('read/empty.bin', limit)).length).toBe(0);
    expect((await store().stat('read/empty.bin', { signal }))?.sizeBytes).toBe(0);
  });
  it('says store.not-found for a missing object, a missing folder and a folder itself', async () => {
    await store().write('read/here/a.bin', text('a'), { signal });
    expect(await codeOf(() => store().read('read/missing.bin', limit))).toBe('store.not-found');
    expect(await codeOf(() => store().read('nowhere/at/all.bin', limit))).toBe('store.not-found');
    expect(await codeOf(() => store().read('read/here', limit))).toBe('store.not-found');
  });
  it('says store.too-large beyond maxBytes and reads exactly maxBytes', async () => {
    await store().write('read/ten.bin', text('0123456789'), { signal });
    expect(await codeOf(() => store().read('read/ten.bin', { signal, maxBytes: 9 }))).toBe('store.too-large');
    expect((await store().read('read/ten.bin', { signal, maxBytes: 10 })).length).toBe(10);
  });
  it('tells size and time of an object, and undefined where there is none', async () => {
    await store().write('read/stat.bin', text('12345'), { signal });
    const found = await store().stat('read/stat.bin', { signal });
    expect(found).toMatchObject({ key: 'read/stat.bin', sizeBytes: 5 });
    expect(Math.abs(Date.now() - (found?.modified.getTime() ?? 0))).toBeLessThan(3_600_000);
    expect(await store().stat('read/no-such.bin', { signal })).toBeUndefined();
    expect(await store().stat('read', { signal })).toBeUndefined();
  });
}

function describeWriting(store: () => ArtifactStore): void {
  it('replaces an object', async () => {
    await store().write('write/twice.bin', text('first and longer'), { signal });
    expect(await store().write('write/twice.bin', text('second'), { signal })).toBe(true);
    expect(Buffer.from(await store().read('write/twice.bin', limit)).toString()).toBe('second');
  });
  it("does not let a later change of the caller's buffer reach the object", async () => {
    const bytes = text('before');
    await store().write('write/mine.bin', bytes, { signal });
    bytes.fill(0);
    expect(Buffer.from(await store().read('write/mine.bin', limit)).toString()).toBe('before');
  });
  it('writes if absent once, and leaves an existing object alone', async () => {
    expect(await store().write('write/once.bin', text('one'), { signal, ifAbsent: true })).toBe(true);
    expect(await store().write('write/once.bin', text('two'), { signal, ifAbsent: true })).toBe(false);
    expect(Buffer.from(await store().read('write/once.bin', limit)).toString()).toBe('one');
  });
  it('lets exactly one of ten racing writers win if absent, and keeps the winner whole', async () => {
    const writers = Array.from({ length: 10 }, (_, index) => new Uint8Array(50_000).fill(index));
    const won = await Promise.all(
      writers.map((bytes) => store().write('write/race.bin', bytes, { signal, ifAbsent: true })),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    const kept = await store().read('write/race.bin', limit);
    expect(kept.length).toBe(50_000);
    expect(new Set(kept)).toEqual(new Set([won.indexOf(true)]));
  });
  it('keeps one whole version when ten writers replace an object at the same time', async () => {
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        store().write('write/clash.bin', new Uint8Array(50_000).fill(index), { signal }),
      ),
    );
    const kept = await store().read('write/clash.bin', limit);
    expect(kept.length).toBe(50_000);
    expect(new Set(kept).size).toBe(1);
  });
  it('writes if absent again after a delete', async () => {
    await store().write('write/again.bin', text('one'), { signal, ifAbsent: true });
    await store().delete(['write/again.bin'], { signal });
    expect(await store().write('write/again.bin', text('two'), { signal, ifAbsent: true })).toBe(true);
  });
}

function describeListing(store: () => ArtifactStore): void {
  it('lists one level: objects with sizes, folders with a slash', async () => {
    for (const key of ['list/a.bin', 'list/b/c.bin', 'list/b/d.bin', 'list/e/f/g.bin'])
      await store().write(key, text(key), { signal });
    const page = await store().list('list/', { signal });
    expect(page.objects.map(({ key, sizeBytes }) => [key, sizeBytes])).toEqual([['list/a.bin', 10]]);
    expect([...page.folders].sort()).toEqual(['list/b/', 'list/e/']);
    expect(page.next).toBeUndefined();
    expect((await listAll(store(), 'list/e/')).folders).toEqual(['list/e/f/']);
  });
  it('lists the top level under the empty prefix', async () => {
    await store().write('top.bin', text('t'), { signal });
    await store().write('topfolder/x.bin', text('t'), { signal });
    const { keys, folders } = await listAll(store(), '');
    expect(keys).toContain('top.bin');
    expect(folders).toContain('topfolder/');
  });
  it('lists nothing where nothing is', async () => {
    expect(await store().list('no/such/prefix/', { signal })).toEqual({ objects: [], folders: [] });
  });
  it('does not list the neighbours of a prefix that it begins', async () => {
    await store().write('near/job-1/a.bin', text('a'), { signal });
    await store().write('near/job-10/b.bin', text('b'), { signal });
    expect((await listAll(store(), 'near/job-1/')).keys).toEqual(['near/job-1/a.bin']);
  });
  it('gives 1,500 keys in pages of at most 1,000, each once', async () => {
    const keys = Array.from({ length: manyKeys }, (_, index) => `many/query-${String(index).padStart(5, '0')}.spq`);
    await inGroups(keys, (key) => store().write(key, text('q'), { signal }));
    const { keys: found, pages } = await listAll(store(), 'many/');
    expect(found).toEqual(keys);
    expect(pages).toBe(2);
  });
  it('pages through folders too', async () => {
    const names = Array.from({ length: 1100 }, (_, index) => `jobs/${String(index).padStart(4, '0')}/`);
    await inGroups(names, (folder) => store().write(`${folder}job.json`, text('{}'), { signal }));
    const { folders, keys } = await listAll(store(), 'jobs/');
    expect(folders).toEqual(names);
    expect(keys).toEqual([]);
  });
}

function describeDeleting(store: () => ArtifactStore): void {
  it('deletes what exists of the keys and passes over the rest', async () => {
    await store().write('del/a.bin', text('a'), { signal });
    await store().write('del/b.bin', text('b'), { signal });
    await store().delete(['del/a.bin', 'del/missing.bin', 'del/missing/too.bin'], { signal });
    expect((await listAll(store(), 'del/')).keys).toEqual(['del/b.bin']);
  });
  it('deletes nothing when there is nothing to delete', async () => {
    await store().delete([], { signal });
    expect(await store().stat('del/none.bin', { signal })).toBeUndefined();
  });
  it('shows no folder once its last object is deleted', async () => {
    await store().write('gone/deep/er/a.bin', text('a'), { signal });
    await store().delete(['gone/deep/er/a.bin'], { signal });
    expect((await listAll(store(), '')).folders).not.toContain('gone/');
  });
  it('deletes 1,200 keys in one call', async () => {
    const keys = Array.from({ length: 1200 }, (_, index) => `bulk/${String(index)}.bin`);
    await inGroups(keys, (key) => store().write(key, text('x'), { signal }));
    await store().delete(keys, { signal });
    expect((await listAll(store(), 'bulk/')).keys).toEqual([]);
  });
  it('keeps the neighbours when an object goes whose name begins theirs', async () => {
    await store().write('pre/a', text('1'), { signal });
    await store().write('pre/ab', text('2'), { signal });
    await store().delete(['pre/a'], { signal });
    expect((await listAll(store(), 'pre/')).keys).toEqual(['pre/ab']);
  });
}

function describeKeys(store: () => ArtifactStore): void {
  it.each(oddNames)('writes, lists, reads and deletes the name %j', async (odd) => {
    const key = `odd/${odd}`;
    await store().write(key, text(odd), { signal });
    expect((await listAll(store(), 'odd/')).keys).toContain(key);
    expect(Buffer.from(await store().read(key, limit)).toString()).toBe(odd);
    await store().delete([key], { signal });
    expect(await store().stat(key, { signal })).toBeUndefined();
  });
  it.each(['', '/', '/a', 'a/', 'a//b', '..', '../a', 'a/../b', 'a/..', '.', './a', 'a/./b'])(
    'refuses the key %j',
    async (key) => {
      expect(await codeOf(() => store().read(key, limit))).toBe('store.outside-root');
      expect(await codeOf(() => store().write(key, text('x'), { signal }))).toBe('store.outside-root');
      expect(await codeOf(() => store().stat(key, { signal }))).toBe('store.outside-root');
      expect(await codeOf(() => store().delete([key], { signal }))).toBe('store.outside-root');
    },
  );
  it('deletes nothing when one of the keys is refused', async () => {
    await store().write('both/a.bin', text('a'), { signal });
    expect(await codeOf(() => store().delete(['both/a.bin', '../b'], { signal }))).toBe('store.outside-root');
    expect(await store().stat('both/a.bin', { signal })).toBeDefined();
  });
  it('refuses a prefix with ".."', async () => {
    expect(await codeOf(() => store().list('../', { signal }))).toBe('store.outside-root');
  });
  it("makes URIs that begin with the store's own", () => {
    expect(store().uri.endsWith('/')).toBe(true);
    expect(store().uriOf('jobs/1/query-00000.spq')).toBe(`${store().uri}jobs/1/query-00000.spq`);
  });
}

function describeAborts(store: () => ArtifactStore): void {
  const aborted = AbortSignal.abort(new Error('enough'));
  it("does nothing once aborted and gives the abort's own reason", async () => {
    await store().write('abort/there.bin', text('x'), { signal });
    await expect(store().write('abort/new.bin', text('x'), { signal: aborted })).rejects.toThrow('enough');
    await expect(store().read('abort/there.bin', { signal: aborted, maxBytes: 10 })).rejects.toThrow('enough');
    await expect(store().list('abort/', { signal: aborted })).rejects.toThrow('enough');
    await expect(store().stat('abort/there.bin', { signal: aborted })).rejects.toThrow('enough');
    await expect(store().delete(['abort/there.bin'], { signal: aborted })).rejects.toThrow('enough');
    expect((await listAll(store(), 'abort/')).keys).toEqual(['abort/there.bin']);
  });
  it('leaves nothing of a write that is aborted in the middle, and the older version of one that replaces', async () => {
    const bytes = new Uint8Array(24 * 1024 * 1024);
    await store().write('middle/old.bin', text('old'), { signal });
    for (const key of ['middle/new.bin', 'middle/old.bin']) {
      const abort = new AbortController();
      const writing = store().write(key, bytes, {
        signal: abort.signal,
        onBytes: () => {
          abort.abort(new Error('enough'));
        },
      });
      await expect(writing).rejects.toThrow('enough');
    }
    expect((await listAll(store(), 'middle/')).keys).toEqual(['middle/old.bin']);
    expect(Buffer.from(await store().read('middle/old.bin', limit)).toString()).toBe('old');
  });
  it('stops a read in the middle', async () => {
    await store().write('middle/big.bin', new Uint8Array(24 * 1024 * 1024), { signal });
    const abort = new AbortController();
    const reading = store().read('middle/big.bin', {
      signal: abort.signal,
      maxBytes: 1e9,
      onBytes: () => {
        abort.abort(new Error('enough'));
      },
    });
    await expect(reading).rejects.toThrow('enough');
  });
  it('leaves no folder behind where an aborted write made one', async () => {
    const abort = new AbortController();
    const writing = store().write('fresh/folder/new.bin', new Uint8Array(12 * 1024 * 1024), {
      signal: abort.signal,
      onBytes: () => {
        abort.abort(new Error('enough'));
      },
    });
    await expect(writing).rejects.toThrow('enough');
    expect((await listAll(store(), '')).folders).not.toContain('fresh/');
  });
}
