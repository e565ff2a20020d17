import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it, describe } from 'vitest';
import { startS3Server, type S3TestServer } from '../../../test/servers/versitygw.ts';
import { encodeContainer } from '../../core/artifact/container.ts';
import type { ArtifactStore } from '../../core/artifact/store.ts';
import type { EndpointEngine } from '../../service/endpoint-engine.ts';
import { openStore } from '../../service/stores.ts';
import { startEndpoint, type RunningEndpoint } from './serve.ts';
import { createSources } from './sources.ts';

const { signal } = new AbortController();
const deployment = 'd'.repeat(64);
const key = 'e'.repeat(64);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const keysBytes = Buffer.alloc(6 * 1024 * 1024, 'evaluation keys');

/** Answers with query and keys: computing has its own tests. */
const engine: EndpointEngine = {
  deployment,
  threads: 1,
  evaluate: async (query, keys, options) => ({
    result: Buffer.concat([query, await keys.load(key, options.signal)]),
    seconds: 0.5,
  }),
  close: () => Promise.resolve(),
};

function queryBytes(changes: object = {}): Uint8Array<ArrayBuffer> {
  const header = {
    format: 'sealpoint.query',
    version: 1,
    deployment,
    plan: 'latency',
    key,
    job: '0'.repeat(32),
    index: 0,
    records: 1,
    ...changes,
  };
  return encodeContainer(header, [{ name: 'input', bytes: new Uint8Array(8) }], sha256);
}

let server: S3TestServer;
let store: ArtifactStore;
let endpoint: RunningEndpoint;

beforeAll(async () => {
  server = await startS3Server();
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, server.environment);
  expect(process.env['AWS_ENDPOINT_URL'], 'an undefined endpoint would mean the real AWS').toMatch(
    /^http:\/\/127\.0\.0\.1:\d+$/u,
  );
  await server.createBucket('sealpoint-endpoint');
  store = openStore('s3://sealpoint-endpoint/team', { profile: 'owner' });
  await store.write('jobs/1/query-00000.spq', queryBytes(), { signal });
  await store.write(`keys/${key}/evaluation-keys.spk`, keysBytes, { signal });
  const sources = createSources({
    store: 's3://sealpoint-endpoint/team',
    openStore: (uri) => openStore(uri, { profile: 'owner' }),
  });
  endpoint = await startEndpoint({ engine, sources, host: '127.0.0.1', port: 0, log: () => undefined });
}, 300_000);

afterAll(async () => {
  await endpoint.close();
  await server.stop();
});

async function post(body: object | Uint8Array<ArrayBuffer>): Promise<Response> {
  const isBytes = body instanceof Uint8Array;
  return await fetch(`http://127.0.0.1:${String(endpoint.port)}/invocations`, {
    method: 'POST',
    headers: { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' },
    body: isBytes ? body : JSON.stringify(body),
  });
}

describe('the endpoint over a real S3 server', () => {
  it('path style: reads from its store and puts the result there', async () => {
    const result_s3_path = 'jobs/1/result-00000.spr';
    const answer = await post({
      query_s3_path: 'jobs/1/query-00000.spq',
      key_s3_path: `keys/${key}/evaluation-keys.spk`,
      result_s3_path,
    });
    expect(await answer.json()).toEqual({ status: 'completed', output_path: result_s3_path, seconds: 0.5 });
    const result = await store.read(result_s3_path, { signal, maxBytes: 2 ** 30 });
    expect(Buffer.compare(result, Buffer.concat([queryBytes(), keysBytes]))).toBe(0);
  });

  it('URI style: reads any bucket that it may read and answers with the result', async () => {
    const answer = await post({
      evaluation_keys_uri: store.uriOf(`keys/${key}/evaluation-keys.spk`),
      encrypted_query_uri: store.uriOf('jobs/1/query-00000.spq'),
    });
    expect(Buffer.compare(Buffer.from(await answer.arrayBuffer()), Buffer.concat([queryBytes(), keysBytes]))).toBe(0);
  });

  it('a query alone: with the URI in its header, or by the key id in the store', async () => {
    for (const query of [
      queryBytes({ evaluationKeys: store.uriOf(`keys/${key}/evaluation-keys.spk`) }),
      queryBytes(),
    ]) {
      const answer = await post(query);
      expect(Buffer.compare(Buffer.from(await answer.arrayBuffer()), Buffer.concat([query, keysBytes]))).toBe(0);
    }
  });

  it('tells a missing object and a missing bucket', async () => {
    for (const encrypted_query_uri of [store.uriOf('jobs/1/none.spq'), 's3://no-such-bucket-here/none.spq']) {
      const answer = await post({ evaluation_keys_uri: 's3://no-such-bucket-here/keys', encrypted_query_uri });
      expect([answer.status, await answer.json()]).toMatchObject([404, { error: { code: 'store.not-found' } }]);
    }
  });

  it('reads no files: it was started without a root', async () => {
    const answer = await post({ evaluation_keys_uri: 'file:///etc/passwd', encrypted_query_uri: 'file:///etc/passwd' });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'endpoint.bad-request' } }]);
  });
});
