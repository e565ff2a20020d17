import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  deployment,
  job,
  key,
  keysBytes,
  queryBytes,
  standInEngine,
  type StandIn,
} from '../../../test/programs/stand-in-engine.ts';
import { AppError, type ErrorCode } from '../../core/error.ts';
import { openStore } from '../../service/stores.ts';
import type { EndpointLimits } from './options.ts';
import { startEndpoint, type RunningEndpoint } from './serve.ts';
import { createSources } from './sources.ts';

let root: string;
let engine: StandIn;
let endpoint: RunningEndpoint;
let lines: string[];

async function start(
  options: { readonly limits?: Partial<EndpointLimits>; readonly token?: string; readonly withoutRoot?: boolean } = {},
): Promise<void> {
  const sources = createSources({ root: options.withoutRoot === true ? undefined : root, openStore });
  endpoint = await startEndpoint({
    engine,
    sources,
    host: '127.0.0.1',
    port: 0,
    token: options.token,
    limits: { drainMs: 2_000, ...options.limits },
    log: (line) => lines.push(line),
  });
}

const url = (path = '/invocations'): string => `http://127.0.0.1:${String(endpoint.port)}${path}`;
const uriOf = (path: string): string => pathToFileURL(join(root, path)).href;

async function post(
  body: object | string | Uint8Array<ArrayBuffer>,
  init: { readonly type?: string; readonly headers?: Record<string, string>; readonly signal?: AbortSignal } = {},
): Promise<Response> {
  const isBytes = body instanceof Uint8Array;
  const type = init.type ?? (isBytes ? 'application/octet-stream' : 'application/json');
  return await fetch(url(), {
    method: 'POST',
    headers: { 'content-type': type, ...init.headers },
    body: isBytes || typeof body === 'string' ? body : JSON.stringify(body),
    ...(init.signal === undefined ? {} : { signal: init.signal }),
  });
}

async function expectError(answer: Response, status: number, code: ErrorCode): Promise<string> {
  const document = (await answer.json()) as { readonly error: { readonly code: string; readonly message: string } };
  expect([answer.status, document.error.code]).toEqual([status, code]);
  expect(Object.keys(document.error)).toEqual(['code', 'message']);
  expect(document.error.message).not.toContain(root);
  return document.error.message;
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const pathRequest = {
  query_s3_path: 'jobs/1/query-00000.spq',
  key_s3_path: 'keys/k/evaluation-keys.spk',
  result_s3_path: 'jobs/1/result-00000.spr',
};

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sealpoint-endpoint-'));
  engine = standInEngine();
  lines = [];
  await mkdir(join(root, 'jobs/1'), { recursive: true });
  await mkdir(join(root, 'keys/k'), { recursive: true });
  await writeFile(join(root, 'jobs/1/query-00000.spq'), queryBytes());
  await writeFile(join(root, 'keys/k/evaluation-keys.spk'), keysBytes);
});

afterEach(async () => {
  await endpoint.abort();
  await rm(root, { recursive: true, force: true });
});

describe('the protocols', () => {
  it('answers the health check with its deployment', async () => {
    await start();
    const answer = await fetch(url('/ping'));
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ready', deployment }]);
  });

  it('path style: puts the result into the store and says where', async () => {
    await start();
    const answer = await post(pathRequest);
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { status: 'completed', output_path: pathRequest.result_s3_path, seconds: 0.25 },
    ]);
    const result = await readFile(join(root, pathRequest.result_s3_path));
    expect(Buffer.compare(result, Buffer.concat([queryBytes(), keysBytes]))).toBe(0);
  });

  it('URI style: answers with the result itself', async () => {
    await start();
    const answer = await post({
      evaluation_keys_uri: uriOf('keys/k/evaluation-keys.spk'),
      encrypted_query_uri: uriOf('jobs/1/query-00000.spq'),
    });
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(Buffer.compare(Buffer.from(await answer.arrayBuffer()), Buffer.concat([queryBytes(), keysBytes]))).toBe(0);
  });

  it.each(['application/octet-stream', 'application/x-whatever'])(
    'a query alone, as %s: its header names the keys',
    async (type) => {
      await start();
      const query = queryBytes({ evaluationKeys: uriOf('keys/k/evaluation-keys.spk') });
      const answer = await post(query, { type });
      expect(Buffer.compare(Buffer.from(await answer.arrayBuffer()), Buffer.concat([query, keysBytes]))).toBe(0);
    },
  );

  it('a query alone without a URI: the keys lie where the store keeps them', async () => {
    await mkdir(join(root, 'keys', key));
    await writeFile(join(root, 'keys', key, 'evaluation-keys.spk'), keysBytes);
    await start();
    expect((await post(queryBytes())).status).toBe(200);
  });

  it('lets a result replace a result but nothing else', async () => {
    await start();
    expect((await post(pathRequest)).status).toBe(200);
    expect((await post(pathRequest)).status).toBe(200);
    await writeFile(join(root, 'jobs/1/job.json'), '{}');
    await expectError(await post({ ...pathRequest, result_s3_path: 'jobs/1/job.json' }), 409, 'io.exists');
    expect(await readFile(join(root, 'jobs/1/job.json'), 'utf8')).toBe('{}');
  });

  it.each(['models/m/server/server.zip', 'keys/k/evaluation-keys.spk', pathRequest.query_s3_path])(
    'writes no result to %s',
    async (path) => {
      await start();
      await expectError(await post({ ...pathRequest, result_s3_path: path }), 400, 'endpoint.bad-request');
      expect(engine.started()).toBe(0);
    },
  );
});

describe('refusals', () => {
  it.each([
    ['no JSON', '{"query_s3_path"'],
    ['an array', '[]'],
    ['nothing', ''],
    ['a number', '7'],
    ['no field of any protocol', '{}'],
    ['a missing field', JSON.stringify({ query_s3_path: 'a', key_s3_path: 'b' })],
    ['a field that is no text', JSON.stringify({ evaluation_keys_uri: 1, encrypted_query_uri: 's3://b/k' })],
    ['fields of both', JSON.stringify({ ...pathRequest, evaluation_keys_uri: 's3://b/k' })],
    [
      'a URI of another kind',
      JSON.stringify({ evaluation_keys_uri: 's3://b/k', encrypted_query_uri: 'http://169.254.169.254/latest' }),
    ],
    ['a bucket without a key', JSON.stringify({ evaluation_keys_uri: 's3://b/k', encrypted_query_uri: 's3://b' })],
  ])('400 for %s', async (_, body) => {
    await start();
    await expectError(await post(body), 400, 'endpoint.bad-request');
  });

  it.each(['jobs/1/../../../etc/passwd', '../outside', '/etc/passwd', 'jobs//1', ''])(
    'refuses the key %j on both sides',
    async (path) => {
      await start();
      expect((await post({ ...pathRequest, query_s3_path: path })).status).toBe(400);
      expect((await post({ ...pathRequest, result_s3_path: path })).status).toBe(400);
    },
  );

  it('refuses URIs that leave the root by "..", by encoding, by a neighbour or by a link', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'sealpoint-outside-'));
    await writeFile(join(outside, 'query'), queryBytes());
    await symlink(outside, join(root, 'link'));
    await symlink(join(outside, 'query'), join(root, 'file'));
    await start();
    const base = pathToFileURL(root).href;
    const uris = [
      `${base}/../${outside.split('/').at(-1) ?? ''}/query`,
      `${base}/%2e%2e/x`,
      `${base}/a/.%2E/x`,
      `${base}-other/x`,
      pathToFileURL(join(outside, 'query')).href,
      `${base}/link/query`,
      `${base}/file`,
      base,
    ];
    for (const encrypted_query_uri of uris) {
      const answer = await post({ evaluation_keys_uri: uriOf('keys/k/evaluation-keys.spk'), encrypted_query_uri });
      await expectError(answer, 400, 'store.outside-root');
    }
    for (const uri of [`${base}/a%2fb`, 'file://elsewhere/share/x', `${base}/%00`]) {
      expect((await post({ evaluation_keys_uri: uri, encrypted_query_uri: uri })).status).toBe(400);
    }
    await expectError(await post({ ...pathRequest, query_s3_path: 'link/query' }), 400, 'store.outside-root');
    await expectError(await post({ ...pathRequest, result_s3_path: 'link/new.spr' }), 400, 'store.outside-root');
    expect(engine.started()).toBe(1); // only the last request got as far as computing, and could not write
    await rm(outside, { recursive: true });
  });

  it('refuses files and keys where no root was given', async () => {
    await start({ withoutRoot: true });
    await expectError(
      await post({ evaluation_keys_uri: 'file:///a', encrypted_query_uri: 'file:///b' }),
      400,
      'endpoint.bad-request',
    );
    await expectError(await post(pathRequest), 400, 'endpoint.bad-request');
  });

  it('404 for missing objects, saying which, and for other paths and methods', async () => {
    await start();
    expect(
      await expectError(await post({ ...pathRequest, query_s3_path: 'jobs/1/no.spq' }), 404, 'store.not-found'),
    ).toContain('query');
    expect(
      await expectError(await post({ ...pathRequest, key_s3_path: 'keys/no.spk' }), 404, 'store.not-found'),
    ).toContain('evaluation keys');
    await expectError(await fetch(url('/'), { method: 'POST' }), 404, 'endpoint.not-found');
    await expectError(await fetch(url()), 404, 'endpoint.not-found');
    await expectError(await fetch(url('/ping'), { method: 'POST' }), 404, 'endpoint.not-found');
  });

  it.each([
    ['artifact.other-deployment', 409],
    ['artifact.other-key', 409],
    ['artifact.altered', 400],
    ['seal.failed', 500],
    ['store.unavailable', 500],
  ] as const)('gives the status of the registry for %s', async (code, status) => {
    engine.fail = new AppError(code, 'about it');
    await start();
    await expectError(await post(pathRequest), status, code);
  });

  it('tells nothing of an unforeseen failure to the client, and all to the log', async () => {
    engine.fail = new Error(`/secret/path in ${root}`);
    await start();
    expect(await expectError(await post(pathRequest), 500, 'internal')).not.toContain('secret');
    await until(() => lines.length > 0);
    expect(lines.join('')).toContain('/secret/path');
  });

  it('400 for a query that is none', async () => {
    await start();
    await expectError(await post(new Uint8Array([1, 2, 3])), 400, 'artifact.unreadable');
    await expectError(await post(queryBytes().slice(0, 40)), 400, 'artifact.unreadable');
    await expectError(await post(queryBytes({ version: 2 })), 400, 'artifact.version');
  });

  it('413 for bodies and objects over the limit, announced or not', async () => {
    await start({ limits: { bodyBytes: 1000, jsonBytes: 500, queryBytes: 100 } });
    await expectError(await post(new Uint8Array(1001)), 413, 'artifact.too-large');
    await expectError(await post(`{"x":"${'y'.repeat(500)}"}`), 413, 'artifact.too-large');
    await expectError(await post(pathRequest), 413, 'store.too-large');
    const chunked = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(
        url(),
        { method: 'POST', headers: { 'content-type': 'application/octet-stream' } },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        },
      );
      request.on('error', reject);
      request.write(Buffer.alloc(600));
      request.write(Buffer.alloc(600));
    });
    expect(chunked).toBe(413);
  });

  it('refuses encoded bodies', async () => {
    await start();
    await expectError(
      await post(queryBytes(), { headers: { 'content-encoding': 'gzip' } }),
      400,
      'endpoint.bad-request',
    );
  });
});

describe('the token', () => {
  it('is wanted for everything but the health check', async () => {
    await start({ token: 'a-long-enough-token' });
    for (const authorization of [
      undefined,
      '',
      'Bearer',
      'Bearer wrong',
      'Basic a-long-enough-token',
      'Bearer a-long-enough-token2',
      'a-long-enough-token',
    ]) {
      const answer = await post(pathRequest, authorization === undefined ? {} : { headers: { authorization } });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      await expectError(answer, 401, 'endpoint.unauthorized');
    }
    expect((await post(pathRequest, { headers: { authorization: 'Bearer a-long-enough-token' } })).status).toBe(200);
    expect((await fetch(url('/ping'))).status).toBe(200);
    expect(engine.started()).toBe(1);
  });
});

describe('load', () => {
  it('computes a bounded number at once, lets a bounded number wait, and sends the rest away with a time to come back', async () => {
    const release = engine.hold();
    await start({ limits: { running: 2, waiting: 3 } });
    const inside = Array.from({ length: 5 }, () =>
      post(queryBytes({ evaluationKeys: uriOf('keys/k/evaluation-keys.spk') })),
    );
    await until(() => engine.started() === 2);
    // Bodies of the waiting ones may still be arriving: they are inside as soon as their headers are.
    let busy = await post(pathRequest);
    while (busy.status !== 429) busy = await post(pathRequest, { signal: AbortSignal.timeout(50) }).catch(() => busy);
    expect(Number(busy.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    await expectError(busy, 429, 'endpoint.busy');
    expect((await fetch(url('/ping'))).status).toBe(200);
    expect(engine.started()).toBe(2);
    release();
    expect((await Promise.all(inside)).map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200]);
    expect((await post(pathRequest)).status).toBe(200);
  });

  it('stops the work of a client that goes away, and gives its place to the next', async () => {
    const release = engine.hold();
    await start({ limits: { running: 1, waiting: 1 } });
    const stop = new AbortController();
    const first = post(pathRequest, { signal: stop.signal });
    await until(() => engine.started() === 1);
    const second = post(pathRequest);
    stop.abort();
    await expect(first).rejects.toThrow();
    await until(() => engine.aborted() === 1);
    release();
    expect((await second).status).toBe(200);
    await until(() => lines.length === 2);
    expect(lines.map((line) => (JSON.parse(line) as { status: number }).status).toSorted((a, b) => a - b)).toEqual([
      200, 499,
    ]);
  });

  it('does not wait for a client that stops in the middle of its body or of its headers', async () => {
    await start({ limits: { idleMs: 100, headersMs: 300, requestMs: 2_000 } });
    const answers = await Promise.all(
      [
        'POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf',
        'POST /invocations HTTP/1.1\r\nhost:',
        'NONSENSE\r\n\r\n',
      ].map(
        (text) =>
          new Promise<string>((resolve) => {
            const socket = connect(endpoint.port, '127.0.0.1', () => socket.write(text));
            let received = '';
            socket.on('data', (chunk) => (received += chunk.toString()));
            socket.on('close', () => {
              resolve(received);
            });
          }),
      ),
    );
    for (const answer of answers) {
      expect(answer).toMatch(/^HTTP\/1\.1 400 /u);
      expect(answer).toContain('endpoint.bad-request');
    }
  });

  it('asks for a body only after letting the request in', async () => {
    await start({ token: 'a-long-enough-token' });
    const exchange = (authorization: string): Promise<readonly [boolean, number | undefined]> =>
      new Promise((resolve, reject) => {
        const body = queryBytes({ evaluationKeys: uriOf('keys/k/evaluation-keys.spk') });
        const headers = {
          expect: '100-continue',
          authorization,
          'content-type': 'application/octet-stream',
          'content-length': body.length,
        };
        let isAsked = false;
        const request = httpRequest(url(), { method: 'POST', headers }, (answer) => {
          answer.resume();
          resolve([isAsked, answer.statusCode]);
        });
        request.on('continue', () => {
          isAsked = true;
          request.end(body);
        });
        request.on('error', reject);
        request.flushHeaders();
      });
    expect(await exchange('Bearer wrong')).toEqual([false, 401]);
    expect(await exchange('Bearer a-long-enough-token')).toEqual([true, 200]);
  });

  it('keeps a connection open over many requests', async () => {
    await start();
    const answer = await fetch(url('/ping'));
    expect(answer.headers.get('connection')).toBe('keep-alive');
    expect((await post(pathRequest)).headers.get('connection')).toBe('keep-alive');
  });
});

describe('the end', () => {
  it('lets running requests finish while new and waiting ones get 503', async () => {
    const release = engine.hold();
    await start({ limits: { running: 1, waiting: 2 } });
    const running = post(pathRequest);
    await until(() => engine.started() === 1);
    const waiting = post(pathRequest);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closing = endpoint.close();
    const refused = await waiting;
    expect(refused.headers.get('retry-after')).toBe('5');
    await expectError(refused, 503, 'endpoint.unavailable');
    await expectError(await post(pathRequest), 503, 'endpoint.unavailable');
    expect((await fetch(url('/ping'))).status).toBe(503);
    release();
    expect((await running).status).toBe(200);
    await closing;
    await expect(fetch(url('/ping'))).rejects.toThrow();
  });

  it('stops what is still running after the time it has', async () => {
    engine.hold();
    await start({ limits: { drainMs: 50 } });
    const running = post(pathRequest);
    await until(() => engine.started() === 1);
    await endpoint.close();
    await expectError(await running, 503, 'endpoint.unavailable');
    expect(engine.aborted()).toBe(1);
  });

  it('says when the port is taken', async () => {
    await start();
    const again = startEndpoint({
      engine,
      sources: createSources({ openStore }),
      host: '127.0.0.1',
      port: endpoint.port,
      log: () => undefined,
    });
    await expect(again).rejects.toMatchObject({ code: 'endpoint.unavailable' });
  });
});

describe('the log', () => {
  it('has ids, sizes and durations, and nothing of bodies, URIs and tokens', async () => {
    const marker = randomBytes(16).toString('hex');
    await mkdir(join(root, marker));
    await writeFile(join(root, marker, 'q.spq'), queryBytes());
    await start({ token: `token-${marker}` });
    await post(
      { ...pathRequest, query_s3_path: `${marker}/q.spq` },
      { headers: { authorization: `Bearer token-${marker}` } },
    );
    await post({ [marker]: marker });
    await fetch(url(`/${marker}?${marker}`));
    await until(() => lines.length === 3);
    expect(lines.join('')).not.toContain(marker);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      method: 'POST',
      path: '/invocations',
      kind: 'paths',
      job,
      index: 0,
      key,
      records: 1,
      status: 200,
      evaluateSeconds: 0.25,
    });
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ status: 401, code: 'endpoint.unauthorized' });
  });
});
