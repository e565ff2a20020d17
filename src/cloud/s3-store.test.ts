import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { ListMultipartUploadsCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeArtifactStore } from '../../test/contract/artifact-store.ts';
import { freePort, startS3Server, type S3TestServer } from '../../test/servers/versitygw.ts';
import type { ArtifactStore } from '../core/artifact/store.ts';
import type { AppError } from '../core/error.ts';
import { openS3Client } from './s3-client.ts';
import { s3Store } from './s3-store.ts';

const bucket = 'sealpoint-tests';
const { signal } = new AbortController();
const megabytes = (count: number): Uint8Array => Buffer.alloc(count * 1024 * 1024, 'sealpoint');

let server: S3TestServer;
let client: S3Client;
let prefixes = 0;

beforeAll(async () => {
  server = await startS3Server();
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, server.environment);
  client = await openS3Client({ profile: 'owner', endpoint: server.endpoint });
  await server.createBucket(bucket);
}, 300_000);

afterAll(async () => {
  await server.stop();
});

/** A store of its own for each test. */
function freshStore(profile = 'owner'): ArtifactStore {
  expect(server.endpoint, 'an undefined endpoint would mean the real AWS').toMatch(/^http:\/\/127\.0\.0\.1:\d+$/u);
  prefixes += 1;
  return s3Store({ uri: `s3://${bucket}/test-${String(prefixes)}`, profile, endpoint: server.endpoint });
}

async function failure(work: Promise<unknown>): Promise<AppError> {
  return await work.then(
    () => expect.fail('expected a failure'),
    (error: unknown) => error as AppError,
  );
}

async function openUploads(): Promise<number> {
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  return Uploads.length;
}

describeArtifactStore('s3Store', () => Promise.resolve({ store: freshStore(), dispose: () => Promise.resolve() }));

describe('s3Store against a real S3 server', () => {
  it('never talks to anything but the server on this machine', async () => {
    const endpoint = await client.config.endpoint?.();
    expect(endpoint?.hostname).toBe('127.0.0.1');
    expect(process.env['AWS_ENDPOINT_URL']).toBe(server.endpoint);
  });

  it('gives back the bytes that were written, and their size and URI', async () => {
    const store = freshStore();
    const bytes = megabytes(1);
    expect(await store.write('jobs/1/query-00000.spq', bytes, { signal })).toBe(true);
    expect(await store.stat('jobs/1/query-00000.spq', { signal })).toMatchObject({
      key: 'jobs/1/query-00000.spq',
      sizeBytes: bytes.length,
    });
    expect(Buffer.compare(await store.read('jobs/1/query-00000.spq', { signal, maxBytes: bytes.length }), bytes)).toBe(
      0,
    );
    expect(store.uriOf('jobs/a')).toBe(`${store.uri}jobs/a`);
  });

  it('reads and writes empty objects', async () => {
    const store = freshStore();
    await store.write('empty', new Uint8Array(), { signal });
    expect(await store.read('empty', { signal, maxBytes: 10 })).toHaveLength(0);
  });

  it('refuses an object over the limit without receiving it', async () => {
    const store = freshStore();
    await store.write('large', megabytes(2), { signal });
    let received = 0;
    const reading = store.read('large', { signal, maxBytes: 1000, onBytes: (done) => (received = done) });
    expect(await failure(reading)).toMatchObject({ code: 'store.too-large' });
    expect(received).toBe(0);
  });

  it('lists one level, by pages, without the marks that consoles draw folders with', async () => {
    const store = freshStore();
    const names = Array.from({ length: 1005 }, (_, index) => `many/${String(index).padStart(5, '0')}`);
    for (let start = 0; start < names.length; start += 50) {
      await Promise.all(names.slice(start, start + 50).map((name) => store.write(name, new Uint8Array(1), { signal })));
    }
    await store.write('many/below/x', new Uint8Array(1), { signal });
    await client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: `${store.uri.slice(`s3://${bucket}/`.length)}many/drawn/`,
        Body: new Uint8Array(),
      }),
    );
    const first = await store.list('many/', { signal });
    const second = await store.list('many/', { signal, next: first.next ?? '' });
    const keys = [...first.objects, ...second.objects].map((object) => object.key);
    expect(keys).toEqual(names);
    expect([...first.folders, ...second.folders]).toContain('many/below/');
    expect(second.next).toBeUndefined();
  }, 60_000);

  it('lets one of ten racing writers win with ifAbsent', async () => {
    const store = freshStore();
    const wins = await Promise.all(
      Array.from({ length: 10 }, (_, index) => store.write('one', new Uint8Array([index]), { signal, ifAbsent: true })),
    );
    expect(wins.filter(Boolean)).toHaveLength(1);
  });

  it('does not replace an object that exists, in one request or in parts', async () => {
    const store = freshStore();
    await store.write('kept', new Uint8Array([1]), { signal });
    expect(await store.write('kept', new Uint8Array([2]), { signal, ifAbsent: true })).toBe(false);
    expect(await store.write('kept', megabytes(6), { signal, ifAbsent: true })).toBe(false);
    expect(await store.read('kept', { signal, maxBytes: 10 })).toEqual(new Uint8Array([1]));
    expect(await openUploads()).toBe(0);
  });

  it('deletes more than one request takes, and does not mind absent keys', async () => {
    const store = freshStore();
    await store.write('a', new Uint8Array(1), { signal });
    const absent = Array.from({ length: 1001 }, (_, index) => `absent-${String(index)}`);
    await store.delete([...absent, 'a'], { signal });
    expect(await store.stat('a', { signal })).toBeUndefined();
    await store.delete([], { signal });
  });

  it.each(['', '/a', 'a/', 'a//b', '..', 'a/../b', './a', 'a\u0000b', 'x'.repeat(1025)])(
    'refuses the key %j',
    async (key) => {
      const store = freshStore();
      const calls = [
        store.read(key, { signal, maxBytes: 1 }),
        store.write(key, new Uint8Array(1), { signal }),
        store.stat(key, { signal }),
        store.delete([key], { signal }),
      ];
      for (const error of await Promise.all(calls.map(failure)))
        expect(error).toMatchObject({ code: 'store.outside-root' });
    },
  );
});

describe('large objects', () => {
  it('go in parts and report their progress', async () => {
    const store = freshStore();
    const bytes = megabytes(20);
    const sent: number[] = [];
    await store.write('keys/k/evaluation-keys.spk', bytes, { signal, onBytes: (done) => sent.push(done) });
    expect(sent.length).toBeGreaterThan(2);
    expect(sent).toEqual(sent.toSorted((a, b) => a - b));
    expect(sent.at(-1)).toBe(bytes.length);
    let received = 0;
    const back = await store.read('keys/k/evaluation-keys.spk', {
      signal,
      maxBytes: 2 ** 30,
      onBytes: (done) => (received = done),
    });
    expect(Buffer.compare(back, bytes)).toBe(0);
    expect(received).toBe(bytes.length);
  }, 60_000);

  it('leave neither an object nor an open upload when they are aborted midway', async () => {
    const store = freshStore();
    const stop = new AbortController();
    const reason = new Error('stopped by the test');
    const onBytes = (): void => {
      stop.abort(reason);
    };
    await expect(store.write('gone', megabytes(20), { signal: stop.signal, onBytes })).rejects.toBe(reason);
    expect(await store.stat('gone', { signal })).toBeUndefined();
    expect(await openUploads()).toBe(0);
  }, 60_000);

  it('stop arriving when the reader aborts, with its reason', async () => {
    const store = freshStore();
    await store.write('large', megabytes(20), { signal });
    const stop = new AbortController();
    const reason = new Error('stopped by the test');
    const onBytes = (): void => {
      stop.abort(reason);
    };
    await expect(store.read('large', { signal: stop.signal, maxBytes: 2 ** 30, onBytes })).rejects.toBe(reason);
  }, 60_000);
});

describe('failures', () => {
  it('a call after an abort does not begin', async () => {
    const reason = new Error('before');
    await expect(freshStore().write('never', new Uint8Array(1), { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
  });

  it('says that an object is missing', async () => {
    const error = await failure(freshStore().read('absent', { signal, maxBytes: 1 }));
    expect(error).toMatchObject({ name: 'AppError', code: 'store.not-found' });
    expect(error.message).toContain('absent');
  });

  it('says that a bucket is missing, also where S3 would only say 404', async () => {
    const store = s3Store({ uri: 's3://no-such-bucket-here', profile: 'owner', endpoint: server.endpoint });
    const calls = [
      store.read('a', { signal, maxBytes: 1 }),
      store.stat('a', { signal }),
      store.list('', { signal }),
      store.write('a', new Uint8Array(1), { signal }),
    ];
    for (const error of await Promise.all(calls.map(failure))) {
      expect(error.code).toBe('store.not-found');
      expect(error.message).toContain('no such bucket');
    }
  });

  it.each(['wrong-secret', 'unknown-key'])(
    'says that the credentials are not accepted, with a hint: %s',
    async (profile) => {
      const error = await failure(freshStore(profile).list('', { signal }));
      expect(error).toMatchObject({ code: 'store.forbidden' });
      expect(error.hint).toContain('aws');
      expect(JSON.stringify([error, error.cause, error.stack])).not.toContain('xxxxxxxx');
    },
  );

  it('says that a user without rights is refused', async () => {
    const mine = freshStore();
    await mine.write('a', new Uint8Array(1), { signal });
    const theirs = s3Store({ uri: mine.uri, profile: 'reader', endpoint: server.endpoint });
    const calls = [
      theirs.read('a', { signal, maxBytes: 1 }),
      theirs.list('', { signal }),
      theirs.write('b', megabytes(6), { signal }),
      theirs.delete(['a'], { signal }),
    ];
    for (const error of await Promise.all(calls.map(failure))) expect(error).toMatchObject({ code: 'store.forbidden' });
    expect(await mine.stat('a', { signal })).toBeDefined();
  });

  it('says that nobody answers, after a bounded number of attempts', async () => {
    const store = s3Store({
      uri: `s3://${bucket}`,
      profile: 'owner',
      endpoint: `http://127.0.0.1:${String(await freePort())}`,
    });
    const error = await failure(store.list('', { signal }));
    expect(error).toMatchObject({ code: 'store.unavailable' });
    expect(error.hint).toContain('endpoint');
  }, 30_000);

  it('names a profile that does not exist', async () => {
    expect(await failure(freshStore('nobody').list('', { signal }))).toMatchObject({ code: 'usage.arguments' });
  });

  it('takes a truncated answer for a failure of the server, not for the object', async () => {
    const half = createServer((_, answer) => {
      answer.writeHead(206, { 'content-length': '1000', 'content-range': 'bytes 0-999/1000' });
      answer.write(Buffer.alloc(500), () => answer.destroy());
    }).listen(0, '127.0.0.1');
    await once(half, 'listening');
    const { port } = half.address() as AddressInfo;
    const store = s3Store({ uri: `s3://${bucket}`, profile: 'owner', endpoint: `http://127.0.0.1:${String(port)}` });
    expect(await failure(store.read('a', { signal, maxBytes: 5000 }))).toMatchObject({ code: 'store.unavailable' });
    half.close();
  });

  it('leaves nothing under a prefix after all kinds of failures', async () => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'never' }));
    expect(Contents).toEqual([]);
    expect(await openUploads()).toBe(0);
  });

  it.each(['s3:/x', 's3://', 's3://UPPER', 's3://a/b/../c', 'https://bucket', 's3://bucket//x'])(
    'refuses the URI %s',
    (uri) => {
      expect(() => s3Store({ uri })).toThrow(expect.objectContaining({ name: 'AppError' }));
    },
  );
});
