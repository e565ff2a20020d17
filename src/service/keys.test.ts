import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { storeKeys } from '../core/artifact/layout.ts';
import { keyListOutcome, keySetOutcome as keySetSchema } from '../core/artifact/outcomes.ts';
import { openKeyStore } from '../io/key-store.ts';
import { programsOf } from '../app/programs.ts';
import type { Environment } from './environment.ts';
import {
  deleteKeySet,
  exportKeySet,
  importKeySet,
  listKeySets,
  pickKeySet,
  renameKeySet,
  saveEvaluationKeys,
} from './keys.ts';
import { inspectArtifact } from './inspect.ts';
import { addProfile } from './profiles.ts';

const insecureScrypt = { cost: 2 ** 14, blockSize: 8, parallelism: 1 };
const deployments = { a: 'a'.repeat(64), b: 'b'.repeat(64) };
const running = { signal: new AbortController().signal, onProgress: () => undefined };

let environment: Environment;
let logged: string[];
beforeEach(async () => {
  logged = [];
  environment = {
    home: await mkdtemp(join(tmpdir(), 'sealpoint-service-')),
    programs: programsOf(),
    askPassphrase: () => Promise.resolve('open sesame'),
    log: (message) => logged.push(message),
  };
});
afterEach(async () => {
  await rm(environment.home, { recursive: true, force: true });
});

async function storeKeySet(name: string, deployment = deployments.a): Promise<string> {
  const key = randomBytes(32).toString('hex');
  const evaluationKeys = Buffer.from(`evaluation keys of ${name}`);
  const secretKeys = new Map([['ckks-4096', randomBytes(64)]]);
  const created = '2026-01-02T03:04:05.000Z';
  await openKeyStore(environment.home, { scrypt: insecureScrypt }).create({
    key,
    name,
    deployment,
    created,
    secretKeys,
    evaluationKeys,
    slots: { passphrase: 'open sesame' },
  });
  return key;
}

describe('the key set that a verb works with', () => {
  it('is the only one of its deployment, and a question where there are several', async () => {
    await expect(pickKeySet({}, environment)).rejects.toMatchObject({ code: 'key.not-found' });
    const first = await storeKeySet('first');
    expect((await pickKeySet({}, environment)).key).toBe(first);
    const other = await storeKeySet('other', deployments.b);
    await expect(pickKeySet({}, environment)).rejects.toMatchObject({
      code: 'usage.ambiguous',
      message: expect.stringContaining('first, other'),
    });
    expect((await pickKeySet({ deployment: deployments.b }, environment)).key).toBe(other);
    await expect(pickKeySet({ key: 'first', deployment: deployments.b }, environment)).rejects.toMatchObject({
      code: 'key.other-deployment',
    });
  });
});

describe('the verbs of key sets', () => {
  it('give the documents that the command line promises', async () => {
    await storeKeySet('first');
    expect(keySetSchema.parse(await renameKeySet({ key: 'first', name: 'second' }, environment))).toMatchObject({
      name: 'second',
    });
    expect(keyListOutcome.parse(await listKeySets({}, environment)).keys).toHaveLength(1);
    const output = join(environment.home, 'public.spk');
    expect(await saveEvaluationKeys({ key: 'second', output }, environment)).toMatchObject({
      name: 'second',
      file: output,
      bytes: 24,
    });
    expect(await readFile(output, 'utf8')).toBe('evaluation keys of first');
  });

  it('leave nothing where they are cancelled while the passphrase is worked on', async () => {
    await storeKeySet('first');
    const file = join(environment.home, 'copy');
    const abort = new AbortController();
    const cancelling = {
      signal: abort.signal,
      onProgress: () => {
        setImmediate(() => {
          abort.abort();
        });
      },
    };
    await expect(exportKeySet({ key: 'first', file }, environment, cancelling)).rejects.toThrow('abort');
    expect(await readdir(environment.home)).toEqual(['keys']);
  });

  it('export a file that inspect knows without its passphrase', async () => {
    const key = await storeKeySet('first');
    const file = join(environment.home, 'copy');
    await exportKeySet({ key, file }, environment, running);
    expect(await inspectArtifact({ target: file }, environment, running)).toMatchObject({
      kind: 'sealpoint.key-export',
      key,
      name: 'first',
      deployment: deployments.a,
    });
  });

  it('wrap an imported key set by the editor where there is one', async () => {
    const key = await storeKeySet('first');
    const file = join(environment.home, 'copy');
    await exportKeySet({ key, file }, environment, running);
    const own = { fingerprint: randomBytes(32).toString('hex'), key: randomBytes(32) };
    const vault = { get: () => Promise.resolve(own.key), own: () => Promise.resolve(own) };
    const editor = { ...environment, home: join(environment.home, 'editor'), vault };
    expect((await importKeySet({ file }, editor, running)).slots).toEqual(['editor']);
  });

  it('name a damaged key set in the log and go on', async () => {
    const key = await storeKeySet('broken');
    await storeKeySet('whole');
    await writeFile(join(environment.home, 'keys', key, 'key.json'), '{}');
    expect((await listKeySets({}, environment)).keys.map(({ name }) => name)).toEqual(['whole']);
    expect(logged.join()).toContain(key);
  });

  it('delete a damaged key set by its id, so that an exported copy can take its place', async () => {
    const key = await storeKeySet('mine');
    const file = join(environment.home, 'copy');
    await exportKeySet({ key, file }, environment, running);
    await writeFile(join(environment.home, 'keys', key, 'key.json'), '{}');
    await expect(deleteKeySet({ key: 'mine' }, environment, running)).rejects.toMatchObject({ code: 'key.altered' });
    await expect(importKeySet({ file }, environment, running)).rejects.toMatchObject({
      code: 'key.exists',
      hint: expect.stringContaining(`keys delete ${key.slice(0, 8)}`) as string,
    });
    expect(await deleteKeySet({ key: key.slice(0, 8) }, environment, running)).toMatchObject({ key });
    expect((await importKeySet({ file }, environment, running)).name).toBe('mine');
  });

  it('tell where evaluation keys are published when a key set is deleted, and remove them if asked to', async () => {
    const folder = join(environment.home, 'team store');
    const store = pathToFileURL(folder).href;
    await addProfile({ name: 'team', store }, environment);
    for (const published of [false, true]) {
      const key = await storeKeySet('first');
      const file = join(folder, storeKeys.evaluationKeys(key));
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, 'published');
      const deleted = await deleteKeySet({ key, published }, environment, running);
      expect(deleted).toMatchObject({
        name: 'first',
        published: [pathToFileURL(file).href],
        publishedRemoved: published,
        unchecked: [],
      });
      expect(
        await stat(file).then(
          () => true,
          () => false,
        ),
      ).toBe(!published);
      expect((await listKeySets({}, environment)).keys).toEqual([]);
    }
  });
});
