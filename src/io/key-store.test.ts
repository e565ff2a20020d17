import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../core/error.ts';
import { exportKeySet, importKeySet } from './key-export.ts';
import { openKeyStore, type KeySet, type KeyStore, type NewKeySet } from './key-store.ts';
import type { SlotVault } from './key-slots.ts';

/** The cheapest work factor that a file may ask for: real scrypt, without its half second a slot. */
const insecureScrypt = { cost: 2 ** 14, blockSize: 8, parallelism: 1 };
const marker = Buffer.from('SECRET-MARKER-0123456789-abcdefghijklmnopqrstuvwxyz', 'latin1');
const passphrase = 'correct horse battery staple';

let home: string;
let store: KeyStore;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sealpoint-keys-'));
  store = openKeyStore(home, { scrypt: insecureScrypt });
});
afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

function memoryVault(): SlotVault & { readonly held: Map<string, Uint8Array> } {
  const own = { fingerprint: randomBytes(32).toString('hex'), key: randomBytes(32) };
  const held = new Map<string, Uint8Array>([[own.fingerprint, own.key]]);
  return { held, get: (fingerprint) => Promise.resolve(held.get(fingerprint)), own: () => Promise.resolve(own) };
}

function newKeySet(change: Partial<NewKeySet> = {}): NewKeySet {
  return {
    key: randomBytes(32).toString('hex'),
    name: 'mine',
    deployment: 'd'.repeat(64),
    created: '2026-01-02T03:04:05.000Z',
    secretKeys: new Map([
      ['bgv-2048', Buffer.concat([marker, randomBytes(100)])],
      ['ckks-4096', Buffer.concat([randomBytes(200), marker])],
    ]),
    evaluationKeys: Buffer.from('evaluation keys are public'),
    slots: { passphrase },
    ...change,
  };
}

const typing = (text: string) => ({ askPassphrase: () => Promise.resolve(text) });

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof AppError) return error.code;
  return error === undefined ? 'none' : 'no AppError';
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

const folderOf = (keySet: KeySet): string => join(home, 'keys', keySet.key);

describe('a key set in the store', () => {
  it('gives back the secret keys that were put in, and zeroes them when they are disposed of', async () => {
    const made = newKeySet();
    const keySet = await store.create(made);
    let kept: Uint8Array | undefined;
    {
      using opened = await store.unlock(await store.find('mine'), typing(passphrase));
      expect([...opened].map(([id, bytes]) => [id, Buffer.from(bytes).toString('hex')])).toEqual(
        [...made.secretKeys].map(([id, bytes]) => [id, Buffer.from(bytes).toString('hex')]),
      );
      kept = opened.get('bgv-2048');
    }
    expect(kept?.every((byte) => byte === 0)).toBe(true);
    expect(await readFile(store.evaluationKeysPath(keySet), 'utf8')).toBe('evaluation keys are public');
  });

  it('lies in files only its owner can read, in folders only its owner can enter', async () => {
    const keySet = await store.create(newKeySet());
    await store.rename(keySet, 'renamed');
    expect((await stat(join(home, 'keys'))).mode & 0o777).toBe(0o700);
    expect((await stat(folderOf(keySet))).mode & 0o777).toBe(0o700);
    for (const file of await filesBelow(folderOf(keySet))) expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('leaves no plaintext of a secret key in any file, not even while it is renamed, exported and imported', async () => {
    const keySet = await store.create(newKeySet());
    const file = join(home, 'copy.sealpoint-keys');
    const vault = memoryVault();
    await exportKeySet(store, keySet, {
      file,
      passphrase: 'other',
      openers: typing(passphrase),
      scrypt: insecureScrypt,
    });
    await store.rename(keySet, 'renamed');
    await store.addSlot(keySet, { vault }, typing(passphrase));
    await store.remove(keySet);
    await importKeySet(store, { file, openers: typing('other'), slots: () => ({ vault }) });
    const files = await filesBelow(home);
    expect(files.length).toBeGreaterThan(4);
    for (const path of files) {
      const bytes = await readFile(path);
      // Both ends of a secret key hold the marker: whole, or as any run of twelve of its bytes.
      for (let at = 0; at + 12 <= marker.length; at += 1)
        expect(bytes.includes(marker.subarray(at, at + 12))).toBe(false);
    }
  });

  it('is found by name, by id and by the beginning of its id', async () => {
    const made = newKeySet({ key: `abcd${'0'.repeat(60)}` });
    await store.create(made);
    await store.create(newKeySet({ key: `abce${'0'.repeat(60)}`, name: undefined }));
    expect((await store.find('mine')).key).toBe(made.key);
    expect((await store.find('abcd')).key).toBe(made.key);
    expect((await store.find('key-1')).key).toMatch(/^abce/u);
    expect(await codeOf(store.find('abc'))).toBe('key.not-found');
    expect(await codeOf(store.find('yours'))).toBe('key.not-found');
    await store.create(newKeySet({ key: `abcd1${'0'.repeat(59)}`, name: 'third' }));
    expect(await codeOf(store.find('abcd'))).toBe('usage.ambiguous');
  });

  it('keeps its name to itself, at creation and when another is renamed', async () => {
    const first = await store.create(newKeySet());
    expect(await codeOf(store.create(newKeySet()))).toBe('key.exists');
    expect(await codeOf(store.create(newKeySet({ key: first.key, name: 'other' })))).toBe('key.exists');
    const second = await store.create(newKeySet({ name: 'other' }));
    expect(await codeOf(store.rename(second, 'mine'))).toBe('key.exists');
    expect((await store.list()).map(({ name }) => name)).toEqual(['mine', 'other']);
  });

  it.each(['', ' blank', 'blank ', 'a/b', 'a\\b', 'line\nbreak', '\u001b[31mred', 'x'.repeat(65)])(
    'refuses the name %j',
    async (name) => {
      expect(await codeOf(store.create(newKeySet({ name })))).toBe('usage.arguments');
    },
  );

  it('is gone with all its files once it is removed', async () => {
    const keySet = await store.create(newKeySet());
    await store.remove(keySet);
    expect(await store.list()).toEqual([]);
    expect(await filesBelow(join(home, 'keys'))).toEqual([]);
    expect(await codeOf(store.remove(keySet))).toBe('io.not-found');
  });
});

describe('slots', () => {
  it('tell a wrong passphrase from a damaged file', async () => {
    const keySet = await store.create(newKeySet());
    expect(await codeOf(store.unlock(keySet, typing('wrong')))).toBe('key.wrong-passphrase');
    expect(await codeOf(store.unlock(keySet, {}))).toBe('usage.no-passphrase');
  });

  it('open for the same passphrase in another Unicode spelling', async () => {
    const keySet = await store.create(newKeySet({ slots: { passphrase: 'caf\u00e9' } }));
    using opened = await store.unlock(keySet, typing('cafe\u0301'));
    expect(opened.size).toBe(2);
  });

  it('of the editor open without a question, and name the way out when the editor lost its key', async () => {
    const vault = memoryVault();
    const keySet = await store.create(newKeySet({ slots: { vault } }));
    using opened = await store.unlock(keySet, { vault, askPassphrase: () => Promise.reject(new Error('asked')) });
    expect(opened.size).toBe(2);
    expect(await codeOf(store.unlock(keySet, typing(passphrase)))).toBe('key.no-slot');
    vault.held.clear();
    const lost = await store.unlock(keySet, { vault }).catch((error: unknown) => error);
    expect(lost).toMatchObject({ code: 'key.no-slot', hint: expect.stringContaining('exported') as string });
    // Nothing was made anew in its place.
    expect(vault.held.size).toBe(0);
    vault.held.set((await vault.own()).fingerprint, randomBytes(32));
    expect(await codeOf(store.unlock(keySet, { vault }))).toBe('key.no-slot');
  });

  it('fall back to the passphrase where the editor lost its key', async () => {
    const vault = memoryVault();
    const keySet = await store.create(newKeySet({ slots: { vault, passphrase } }));
    vault.held.clear();
    using opened = await store.unlock(keySet, { vault, ...typing(passphrase) });
    expect(opened.size).toBe(2);
  });

  it('can be added, replaced and removed, but never the last one', async () => {
    const vault = memoryVault();
    const first = await store.create(newKeySet());
    const both = await store.addSlot(first, { vault }, typing(passphrase));
    expect(both.slots.map(({ kind }) => kind).sort()).toEqual(['editor', 'passphrase']);
    const changed = await store.addSlot(both, { passphrase: 'new one' }, { vault });
    expect(changed.slots).toHaveLength(2);
    expect(await codeOf(store.unlock(changed, typing(passphrase)))).toBe('key.wrong-passphrase');
    (await store.unlock(changed, typing('new one')))[Symbol.dispose]();
    const editorOnly = await store.removeSlot(changed, 'passphrase');
    expect(await codeOf(store.removeSlot(editorOnly, 'editor'))).toBe('key.no-slot');
    expect(await codeOf(store.create(newKeySet({ name: 'none', slots: {} })))).toBe('usage.no-passphrase');
    expect(await codeOf(store.create(newKeySet({ name: 'none', slots: { passphrase: '' } })))).toBe(
      'usage.no-passphrase',
    );
    expect(await readdir(join(home, 'keys'))).toEqual([first.key]);
  });
});

describe('damage', () => {
  it('of one bit anywhere in any file is refused before a key comes out', async () => {
    const vault = memoryVault();
    const keySet = await store.create(newKeySet({ slots: { vault, passphrase } }));
    const files = await filesBelow(folderOf(keySet));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), fc.nat(), fc.integer({ min: 0, max: 7 }), async (file, seed, bit) => {
        const original = await readFile(file);
        const altered = Buffer.from(original);
        const at = seed % altered.length;
        altered.writeUInt8(altered.readUInt8(at) ^ (1 << bit), at);
        await writeFile(file, altered);
        const read = async (): Promise<void> => {
          const found = await store.find(keySet.key);
          await store.readEvaluationKeys(found);
          (await store.unlock(found, { vault }))[Symbol.dispose]();
        };
        expect(await codeOf(read())).toBe('key.altered');
        await writeFile(file, original);
      }),
      { numRuns: 300 },
    );
  });

  it('by cutting a file off is refused', async () => {
    const vault = memoryVault();
    const keySet = await store.create(newKeySet({ slots: { vault } }));
    for (const name of ['bgv-2048.key', 'evaluation-keys.spk', 'key.json']) {
      const path = join(folderOf(keySet), name);
      const whole = await readFile(path);
      for (const length of [0, 7, 12, whole.length - 1]) {
        await truncate(path, length);
        const read = async (): Promise<void> => {
          const found = await store.find(keySet.key);
          await store.readEvaluationKeys(found);
          await store.unlock(found, { vault });
        };
        expect(await codeOf(read())).toBe('key.altered');
      }
      await writeFile(path, whole);
    }
  });

  it('by swapping files between key sets or parameter sets is refused', async () => {
    const vault = memoryVault();
    const first = await store.create(newKeySet({ slots: { vault } }));
    const second = await store.create(newKeySet({ slots: { vault }, name: 'second' }));
    const third = await store.create(newKeySet({ slots: { vault }, name: 'third' }));
    await copyFile(join(folderOf(second), 'bgv-2048.key'), join(folderOf(first), 'bgv-2048.key'));
    expect(await codeOf(store.unlock(first, { vault }))).toBe('key.altered');
    await copyFile(join(folderOf(second), 'ckks-4096.key'), join(folderOf(second), 'bgv-2048.key'));
    expect(await codeOf(store.unlock(second, { vault }))).toBe('key.altered');
    await copyFile(join(folderOf(second), 'key.json'), join(folderOf(third), 'key.json'));
    expect(await codeOf(store.find(third.key))).toBe('key.altered');
  });

  it('of one key set is reported, and the others stay usable', async () => {
    const broken = await store.create(newKeySet());
    await store.create(newKeySet({ name: 'whole' }));
    await writeFile(join(folderOf(broken), 'key.json'), '{}');
    const unreadable: AppError[] = [];
    expect((await store.list((error) => unreadable.push(error))).map(({ name }) => name)).toEqual(['whole']);
    expect(unreadable.map(({ code, place }) => [code, place.file])).toEqual([
      ['key.altered', join(folderOf(broken), 'key.json')],
    ]);
  });

  it('by the loss of a file is told as damage', async () => {
    const keySet = await store.create(newKeySet());
    await rm(join(folderOf(keySet), 'bgv-2048.key'));
    expect(await codeOf(store.unlock(keySet, typing(passphrase)))).toBe('key.altered');
    await rm(join(folderOf(keySet), 'evaluation-keys.spk'));
    expect(await codeOf(store.readEvaluationKeys(keySet))).toBe('key.altered');
  });

  it('never makes scrypt work beyond its bounds', async () => {
    const keySet = await store.create(newKeySet());
    const path = join(folderOf(keySet), 'key.json');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"cost": 16384', '"cost": 1099511627776'));
    expect(await codeOf(store.find('mine'))).toBe('key.altered');
  });
});

describe('the first key set of a deployment', () => {
  it('made by two at once is one, and both get it', async () => {
    const made = await Promise.all([1, 2, 3].map(() => store.create(newKeySet({ isFirst: true, name: undefined }))));
    expect(new Set(made.map(({ key }) => key)).size).toBe(1);
    expect(await store.list()).toHaveLength(1);
    const other = await store.create(newKeySet({ isFirst: true, name: undefined, deployment: 'e'.repeat(64) }));
    expect(other.name).toBe('key-2');
  });
});

describe('an exported key set', () => {
  const file = (): string => join(home, 'copy.sealpoint-keys');

  async function exported(): Promise<KeySet> {
    const keySet = await store.create(newKeySet());
    await exportKeySet(store, keySet, {
      file: file(),
      passphrase: 'other',
      openers: typing(passphrase),
      scrypt: insecureScrypt,
    });
    return keySet;
  }

  it('comes back whole on another machine, under its own passphrase', async () => {
    const keySet = await exported();
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    const elsewhere = openKeyStore(join(home, 'elsewhere'), { scrypt: insecureScrypt });
    const imported = await importKeySet(elsewhere, {
      file: file(),
      openers: typing('other'),
      slots: () => ({ passphrase: 'third' }),
    });
    expect(imported).toMatchObject({
      key: keySet.key,
      name: 'mine',
      deployment: keySet.deployment,
      created: keySet.created,
    });
    using before = await store.unlock(keySet, typing(passphrase));
    using after = await elsewhere.unlock(imported, typing('third'));
    expect([...after]).toEqual([...before]);
    expect(Buffer.from(await elsewhere.readEvaluationKeys(imported))).toEqual(
      Buffer.from(await store.readEvaluationKeys(keySet)),
    );
  });

  it('is refused with a wrong passphrase, and where the key set is there already', async () => {
    await exported();
    const slots = () => ({ passphrase });
    expect(await codeOf(importKeySet(store, { file: file(), openers: typing('wrong'), slots }))).toBe(
      'key.wrong-passphrase',
    );
    expect(await codeOf(importKeySet(store, { file: file(), openers: typing('other'), slots }))).toBe('key.exists');
    await writeFile(file(), 'name,age\n');
    expect(await codeOf(importKeySet(store, { file: file(), openers: typing('other'), slots }))).toBe(
      'artifact.unreadable',
    );
  });

  it('is refused with one bit flipped anywhere, and nothing is stored', async () => {
    await exported();
    const whole = await readFile(file());
    const elsewhere = openKeyStore(join(home, 'elsewhere'), { scrypt: insecureScrypt });
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: whole.length * 8 - 1 }), async (at) => {
        const altered = Buffer.from(whole);
        altered.writeUInt8(altered.readUInt8(at >> 3) ^ (1 << (at & 7)), at >> 3);
        await writeFile(file(), altered);
        const code = await codeOf(
          importKeySet(elsewhere, { file: file(), openers: typing('other'), slots: () => ({ passphrase }) }),
        );
        expect(['key.altered', 'artifact.unreadable']).toContain(code);
      }),
      { numRuns: 100 },
    );
    expect(await elsewhere.list()).toEqual([]);
  });
});

describe('several processes', () => {
  const program = (body: string): string => `
    import { openKeyStore } from ${JSON.stringify(new URL('key-store.ts', import.meta.url).href)};
    const [home, key, name] = process.argv.slice(1);
    const store = openKeyStore(home, { scrypt: { cost: 16384, blockSize: 8, parallelism: 1 } });
    const keySet = { key, name, deployment: 'd'.repeat(64), created: '2026-01-02T03:04:05.000Z',
      secretKeys: new Map([['ckks-4096', Buffer.alloc(1_000_000, 7)]]), evaluationKeys: Buffer.alloc(8_000_000, 1), slots: { passphrase: 'p' } };
    ${body}`;
  const start = (body: string, ...args: string[]) =>
    spawn(process.execPath, ['--input-type=module', '-e', program(body), home, ...args], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });

  it('that create the same name at once leave one key set', async () => {
    const body = `console.log(await store.create(keySet).then(() => 'made', (error) => error.code));`;
    const answers = await Promise.all(
      ['a', 'b', 'c'].map(async (letter) => {
        const child = start(body, letter.repeat(64), 'same');
        const said = await child.stdout.toArray();
        return Buffer.concat(said as Buffer[])
          .toString('utf8')
          .trim();
      }),
    );
    expect(answers.sort()).toEqual(['key.exists', 'key.exists', 'made']);
    expect(await store.list()).toHaveLength(1);
  });

  it('that are killed while they create leave a whole key set or none', async () => {
    const body = `console.log('ready'); for (;;) { await store.remove(await store.create(keySet)); }`;
    for (const delayMs of [5, 40, 80, 120]) {
      const child = start(body, 'e'.repeat(64), 'killed');
      await once(child.stdout, 'data');
      await sleep(delayMs);
      child.kill('SIGKILL');
      await once(child, 'close');
      const unreadable: AppError[] = [];
      for (const keySet of await store.list((error) => unreadable.push(error))) {
        using opened = await store.unlock(keySet, typing('p'));
        expect(opened.get('ckks-4096')?.every((byte) => byte === 7)).toBe(true);
        await store.readEvaluationKeys(keySet);
        await store.remove(keySet);
      }
      expect(unreadable).toEqual([]);
    }
    await store.create(newKeySet());
    expect((await readdir(join(home, 'keys'))).filter((name) => name.startsWith('.'))).toEqual([]);
  }, 60_000);
});
