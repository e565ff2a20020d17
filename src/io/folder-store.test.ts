import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeArtifactStore } from '../../test/contract/artifact-store.ts';
import { temporaryPath } from './atomic.ts';
import { folderStore } from './folder-store.ts';

describeArtifactStore('a folder', async () => {
  const root = await mkdtemp(join(tmpdir(), 'store-'));
  return { store: folderStore(join(root, 'not', 'made yet')), dispose: () => rm(root, { recursive: true }) };
});

describe('a folder store', () => {
  const signal = new AbortController().signal;
  const some = new TextEncoder().encode('some');
  let base: string;
  let root: string;
  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'store-'));
    root = join(base, 'root');
    await mkdir(root);
  });
  afterEach(() => rm(base, { recursive: true, force: true }));

  it('follows no symbolic link out of its root, to read, write, list or delete', async () => {
    await mkdir(join(base, 'outside'));
    await writeFile(join(base, 'outside', 'secret'), 'secret');
    await symlink(join(base, 'outside'), join(root, 'way'));
    await symlink(join(base, 'outside', 'secret'), join(root, 'file'));
    const store = folderStore(root);
    for (const key of ['way/secret', 'file']) {
      await expect(store.read(key, { signal, maxBytes: 100 })).rejects.toMatchObject({ code: 'store.outside-root' });
      await expect(store.write(key, some, { signal })).rejects.toMatchObject({ code: 'store.outside-root' });
      await expect(store.delete([key], { signal })).rejects.toMatchObject({ code: 'store.outside-root' });
    }
    await expect(store.write('way/deeper/new', some, { signal })).rejects.toMatchObject({ code: 'store.outside-root' });
    await expect(store.list('way/', { signal })).rejects.toMatchObject({ code: 'store.outside-root' });
    expect(await store.list('', { signal })).toEqual({ objects: [], folders: [] });
    expect(await readdir(join(base, 'outside'))).toEqual(['secret']);
    expect(await readFile(join(base, 'outside', 'secret'), 'utf8')).toBe('secret');
  });

  it('works below a root that is itself a symbolic link', async () => {
    await symlink(root, join(base, 'link'));
    const store = folderStore(join(base, 'link'));
    await store.write('a/b', some, { signal });
    expect((await store.read('a/b', { signal, maxBytes: 10 })).length).toBe(4);
  });

  it('does not mistake a sibling folder whose name begins like the root for the root', async () => {
    await mkdir(join(base, 'root2'));
    await writeFile(join(base, 'root2', 'x'), 'x');
    await symlink(join(base, 'root2'), join(root, 'twin'));
    await expect(folderStore(root).read('twin/x', { signal, maxBytes: 10 })).rejects.toMatchObject({
      code: 'store.outside-root',
    });
  });

  it('lists files of other programs and leaves them and their folders alone', async () => {
    await mkdir(join(root, 'jobs', 'theirs'), { recursive: true });
    await writeFile(join(root, 'jobs', 'notes.txt'), 'notes');
    const store = folderStore(root);
    await store.write('jobs/ours/job.json', some, { signal });
    await store.delete(['jobs/ours/job.json'], { signal });
    const { objects, folders } = await store.list('jobs/', { signal });
    expect(objects.map(({ key }) => key)).toEqual(['jobs/notes.txt']);
    expect(folders).toEqual(['jobs/theirs/']);
  });

  it('neither lists nor hands out unfinished files', async () => {
    const unfinished = temporaryPath(root);
    await writeFile(unfinished, 'half');
    const store = folderStore(root);
    expect((await store.list('', { signal })).objects).toEqual([]);
    const key = unfinished.slice(root.length + 1);
    await expect(store.read(key, { signal, maxBytes: 10 })).rejects.toMatchObject({ code: 'store.outside-root' });
  });

  it('says what is wrong when a file stands where a folder is needed', async () => {
    await writeFile(join(root, 'file'), 'x');
    const store = folderStore(root);
    await expect(store.write('file/below', some, { signal })).rejects.toMatchObject({ code: 'store.unavailable' });
    await expect(store.read('file/below', { signal, maxBytes: 10 })).rejects.toMatchObject({ code: 'store.not-found' });
    expect(await readdir(root)).toEqual(['file']);
  });

  it.runIf(existsSync('/proc/self'))('says store.unavailable where no folder can be made', async () => {
    await expect(folderStore('/proc/self').write('keys/x', some, { signal })).rejects.toMatchObject({
      code: 'store.unavailable',
    });
  });

  it('refuses a named pipe without waiting for it', async () => {
    execFileSync('mkfifo', [join(root, 'pipe')]);
    await expect(folderStore(root).read('pipe', { signal, maxBytes: 10 })).rejects.toMatchObject({
      code: 'store.not-found',
    });
  });

  it('names objects by file URIs that lead to them, odd characters included', async () => {
    const store = folderStore(root);
    await store.write('a b/50%#?.bin', some, { signal });
    expect(await readFile(fileURLToPath(store.uriOf('a b/50%#?.bin')), 'utf8')).toBe('some');
  });
});
