import { lstat, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReportDocument } from '../core/artifact/report.ts';
import { checkOutputFolder, writeDeployment } from './write-deployment.ts';

const names = ['client.zip', 'report.json', 'server.zip'];
const entries = new Map([['entry', Buffer.from('content')]]);
const archives = { id: 'd'.repeat(64), client: entries, server: entries };
const { signal } = new AbortController();

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealpoint-write-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function write(path: string): Promise<void> {
  const report = { deployment: archives.id } as ReportDocument;
  await checkOutputFolder(path);
  await writeDeployment(path, { archives, report, home: join(folder, 'home') }, signal);
}

describe("a deployment's folder", () => {
  it('has the rights that any new folder has', async () => {
    await write(join(folder, 'made', 'deployment'));
    await mkdir(join(folder, 'plain'));
    const modes = await Promise.all(
      ['made/deployment', 'plain'].map(async (name) => (await stat(join(folder, name))).mode),
    );
    expect(modes[0]).toBe(modes[1]);
    expect((await readdir(join(folder, 'made'))).sort()).toEqual(['deployment']);
  });

  it('that is there already stays the same folder, also behind a link', async () => {
    const there = join(folder, 'there');
    await mkdir(there);
    const link = join(folder, 'link');
    await symlink(there, link);
    const before = await stat(there);
    await write(there);
    await write(link);
    expect((await stat(there)).ino).toBe(before.ino);
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect((await readdir(there)).sort()).toEqual(names);
  });

  it('takes the place of an older deployment, whole, from two at once too', async () => {
    const path = join(folder, 'deployment');
    await Promise.all([write(path), write(path)]);
    await writeFile(join(path, 'client.zip'), 'older');
    await write(path);
    expect((await readdir(path)).sort()).toEqual(names);
    expect(await readFile(join(path, 'client.zip'), 'utf8')).not.toBe('older');
  });

  it('is refused before long work where it holds other files, or cannot be', async () => {
    await writeFile(join(folder, 'letter.txt'), 'dear');
    await expect(checkOutputFolder(folder)).rejects.toMatchObject({ code: 'io.exists' });
    await expect(checkOutputFolder(join(folder, 'letter.txt', 'deployment'))).rejects.toMatchObject({
      code: 'io.failed',
    });
  });
});
