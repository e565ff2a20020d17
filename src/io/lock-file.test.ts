import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withLock } from './lock-file.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lock-'));
  path = join(folder, 'key.lock');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const module = JSON.stringify(new URL('./lock-file.ts', import.meta.url).href);
const started = new Date().toISOString();

function holdInChild(): ReturnType<typeof spawn> {
  const script = `import { withLock } from ${module};
    await withLock(${JSON.stringify(path)}, async () => { process.stdout.write('held'); await new Promise((done) => setTimeout(done, 60_000)); });`;
  return spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid ?? 0;
}

describe('withLock', () => {
  it('runs the action, gives its value and removes the file', async () => {
    expect(JSON.parse(await withLock(path, () => readFile(path, 'utf8')))).toMatchObject({ pid: process.pid });
    expect(await readdir(folder)).toEqual([]);
  });

  it('removes the file when the action fails', async () => {
    await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await readdir(folder)).toEqual([]);
  });

  it('lets one at a time in, of many in this process', async () => {
    let inside = 0;
    let most = 0;
    const work = Array.from({ length: 12 }, () =>
      withLock(path, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await sleep(5);
        inside -= 1;
      }),
    );
    await Promise.all(work);
    expect(most).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });

  it("says key.locked with the holder's pid when a living process holds it, and takes over once that is killed", async () => {
    const child = holdInChild();
    await once(child.stdout ?? child, 'data');
    await expect(withLock(path, () => Promise.resolve(), { waitMs: 100 })).rejects.toMatchObject({
      code: 'key.locked',
      message: expect.stringContaining(String(child.pid)),
      place: { file: path },
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await withLock(path, () => Promise.resolve('mine'))).toBe('mine');
    expect(await readdir(folder)).toEqual([]);
  });

  it('lets exactly one of many in at a time when all find the same dead lock', async () => {
    await writeFile(path, JSON.stringify({ pid: await deadPid(), host: hostname(), started, nonce: 'gone' }));
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 10 }, () =>
        withLock(path, async () => {
          inside += 1;
          most = Math.max(most, inside);
          await sleep(3);
          inside -= 1;
        }),
      ),
    );
    expect(most).toBe(1);
  });

  it.runIf(process.platform === 'linux')('takes over a lock whose pid belongs to another process now', async () => {
    await writeFile(
      path,
      JSON.stringify({ pid: process.pid, host: hostname(), started, processStart: '1', nonce: 'gone' }),
    );
    expect(await withLock(path, () => Promise.resolve(1), { waitMs: 1000 })).toBe(1);
  });

  it('respects a lock of another host, dead pid or not', async () => {
    await writeFile(path, JSON.stringify({ pid: await deadPid(), host: 'elsewhere', started, nonce: 'theirs' }));
    await expect(withLock(path, () => Promise.resolve(), { waitMs: 50 })).rejects.toMatchObject({
      code: 'key.locked',
      message: expect.stringContaining('elsewhere'),
    });
    expect(await readdir(folder)).toEqual(['key.lock']);
  });

  it('waits for a lock without a readable holder while it is young, and takes it over when it is old', async () => {
    await writeFile(path, '{"pid":');
    await expect(withLock(path, () => Promise.resolve(), { waitMs: 50 })).rejects.toMatchObject({ code: 'key.locked' });
    await utimes(path, new Date(0), new Date(0));
    expect(await withLock(path, () => Promise.resolve(1))).toBe(1);
  });

  it('gets past the leftover of a takeover that was killed', async () => {
    await writeFile(path, JSON.stringify({ pid: await deadPid(), host: hostname(), started, nonce: 'gone' }));
    await writeFile(`${path}.takeover`, '');
    await utimes(`${path}.takeover`, new Date(0), new Date(0));
    expect(await withLock(path, () => Promise.resolve(1))).toBe(1);
  });

  it('does not remove a lock that another has put in its place', async () => {
    const other = JSON.stringify({ pid: process.pid, host: hostname(), started, nonce: 'other' });
    await withLock(path, () => writeFile(path, other));
    expect(await readFile(path, 'utf8')).toBe(other);
  });

  it("stops waiting when aborted, with the abort's reason", async () => {
    const abort = new AbortController();
    await withLock(path, async () => {
      const waiting = withLock(path, () => Promise.resolve(), { signal: abort.signal });
      abort.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
    });
  });

  it('names the path where the folder is missing', async () => {
    await expect(withLock(join(folder, 'no', 'key.lock'), () => Promise.resolve())).rejects.toMatchObject({
      code: 'io.not-found',
    });
  });
});
