import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../core/error.ts';
import { isTemporaryName, openAtomicFile, temporaryPath, toIoError, writeFileAtomic } from './atomic.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atomic-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const systemError = (code: string): Error => Object.assign(new Error(`${code}: something`), { code });

describe('writeFileAtomic', () => {
  it('writes a file with the asked mode and leaves nothing else', async () => {
    await writeFileAtomic(join(folder, 'a.bin'), new Uint8Array([1, 2, 3]), { mode: 0o600 });
    expect([...(await readFile(join(folder, 'a.bin')))]).toEqual([1, 2, 3]);
    expect((await stat(join(folder, 'a.bin'))).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['a.bin']);
  });

  it('writes empty files and names of the greatest length', async () => {
    const name = 'n'.repeat(255);
    await writeFileAtomic(join(folder, name), new Uint8Array(0));
    expect(await readdir(folder)).toEqual([name]);
  });

  it('replaces what a symbolic link points to and keeps the link', async () => {
    await writeFile(join(folder, 'real'), 'old');
    await symlink('real', join(folder, 'link'));
    await writeFileAtomic(join(folder, 'link'), 'new');
    expect(await readFile(join(folder, 'real'), 'utf8')).toBe('new');
    expect(await readlink(join(folder, 'link'))).toBe('real');
  });

  it.each([
    ['a missing folder', 'missing/a', 'io.not-found'],
    ['a file where a folder is expected', 'file/a', 'io.failed'],
    ['a folder', 'sub', 'io.failed'],
    ['a name that ends in a slash', 'new/', 'io.failed'],
    ['a name that is too long', 'x'.repeat(300), 'io.failed'],
  ])('refuses %s, naming the path and leaving nothing', async (_, name, code) => {
    await writeFile(join(folder, 'file'), 'x');
    await mkdir(join(folder, 'sub'));
    const path = `${folder}/${name}`;
    await expect(writeFileAtomic(path, 'x')).rejects.toMatchObject({
      name: 'AppError',
      code,
      place: { file: path },
      hint: expect.any(String),
    });
    expect((await readdir(folder)).sort()).toEqual(['file', 'sub']);
  });

  it('refuses a device instead of replacing it', async () => {
    await expect(writeFileAtomic('/dev/null', 'x')).rejects.toMatchObject({ code: 'io.failed' });
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  it.runIf(existsSync('/proc/self'))('says so where nobody may write', async () => {
    await expect(writeFileAtomic('/proc/self/new', 'x')).rejects.toBeInstanceOf(AppError);
  });

  it('leaves one whole version when many write at once', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        writeFileAtomic(join(folder, 'a'), String.fromCharCode(97 + index).repeat(100_000)),
      ),
    );
    const text = await readFile(join(folder, 'a'), 'utf8');
    expect(text).toBe(text.charAt(0).repeat(100_000));
    expect(await readdir(folder)).toEqual(['a']);
  });
});

describe('openAtomicFile', () => {
  it('shows the file only at commit, whole', async () => {
    const file = await openAtomicFile(join(folder, 'a.txt'));
    await file.write('one,');
    await file.write(new TextEncoder().encode('two'));
    expect((await readdir(folder)).filter((name) => !isTemporaryName(name))).toEqual([]);
    await file.commit();
    expect(await readFile(join(folder, 'a.txt'), 'utf8')).toBe('one,two');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  it('leaves nothing of a discarded file, and the older version untouched', async () => {
    await writeFile(join(folder, 'a.txt'), 'old');
    const file = await openAtomicFile(join(folder, 'a.txt'));
    await file.write('new');
    await file.discard();
    await file.discard();
    expect(await readdir(folder)).toEqual(['a.txt']);
    expect(await readFile(join(folder, 'a.txt'), 'utf8')).toBe('old');
    await expect(file.write('more')).rejects.toMatchObject({ code: 'io.failed' });
    await expect(file.commit()).rejects.toMatchObject({ code: 'io.failed' });
  });

  it('keeps a committed file when it is discarded or committed again', async () => {
    const file = await openAtomicFile(join(folder, 'a.txt'));
    await file.commit();
    await file.commit();
    await file.discard();
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  it('removes the temporary file when the folder turns the name into a folder meanwhile', async () => {
    const file = await openAtomicFile(join(folder, 'a'));
    await mkdir(join(folder, 'a', 'b'), { recursive: true });
    await expect(file.commit()).rejects.toMatchObject({ code: 'io.failed' });
    expect(await readdir(folder)).toEqual(['a']);
  });

  it('removes leftovers that are older than a day, and only those', async () => {
    const [old, young] = [temporaryPath(folder), temporaryPath(folder)];
    for (const path of [old, young, join(folder, '.sealpoint-notes.tmp')]) await writeFile(path, 'half');
    const twoDaysAgo = new Date(Date.now() - 48 * 3600 * 1000);
    await utimes(old, twoDaysAgo, twoDaysAgo);
    await utimes(join(folder, '.sealpoint-notes.tmp'), twoDaysAgo, twoDaysAgo);
    await (await openAtomicFile(join(folder, 'a'))).commit();
    expect(existsSync(old)).toBe(false);
    expect(existsSync(young)).toBe(true);
    expect(existsSync(join(folder, '.sealpoint-notes.tmp'))).toBe(true);
  });

  it('leaves the older version when the process is killed in the middle, and the next write succeeds', async () => {
    const target = join(folder, 'a.bin');
    await writeFile(target, 'old');
    const script = `
      import { openAtomicFile } from ${JSON.stringify(new URL('./atomic.ts', import.meta.url).href)};
      const file = await openAtomicFile(${JSON.stringify(target)});
      await file.write(new Uint8Array(1_000_000));
      process.stdout.write('written');
      for (;;) await file.write(new Uint8Array(1000)).then(() => new Promise((done) => setTimeout(done, 1)));`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script]);
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await readFile(target, 'utf8')).toBe('old');
    expect((await readdir(folder)).filter((name) => !isTemporaryName(name))).toEqual(['a.bin']);
    await writeFileAtomic(target, 'new');
    expect(await readFile(target, 'utf8')).toBe('new');
  });
});

describe('toIoError', () => {
  it.each([
    ['ENOENT', 'io.not-found'],
    ['EACCES', 'io.forbidden'],
    ['EPERM', 'io.forbidden'],
    ['EROFS', 'io.forbidden'],
    ['ENOSPC', 'io.no-space'],
    ['EDQUOT', 'io.no-space'],
    ['EEXIST', 'io.exists'],
    ['EISDIR', 'io.failed'],
    ['ENOTDIR', 'io.failed'],
    ['EMFILE', 'io.failed'],
    ['EBUSY', 'io.failed'],
  ])('turns %s into %s with the place, a hint and its cause', (code, expected) => {
    const cause = systemError(code);
    expect(toIoError(cause, 'write', '/a/b')).toMatchObject({
      code: expected,
      place: { file: '/a/b' },
      hint: expect.any(String),
      cause,
    });
  });

  it('names an unknown failure by its code and passes AppErrors and aborts through', () => {
    expect(toIoError(systemError('EWEIRD'), 'read', 'f')).toMatchObject({
      code: 'io.failed',
      message: 'Cannot read f: EWEIRD.',
    });
    const known = new AppError('data.empty', 'Empty.');
    expect(toIoError(known, 'read', 'f')).toBe(known);
    const abort = new DOMException('stop', 'AbortError');
    expect(toIoError(abort, 'read', 'f')).toBe(abort);
    expect(toIoError('odd', 'read', 'f')).toMatchObject({ code: 'io.failed' });
  });
});
