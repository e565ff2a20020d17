import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queryBytes, standInEngine } from '../../../test/programs/stand-in-engine.ts';
import { openStore } from '../../service/stores.ts';
import { startEndpoint, type RunningEndpoint } from './serve.ts';
import { createSources } from './sources.ts';

let endpoint: RunningEndpoint;
let base: string;

beforeAll(async () => {
  endpoint = await startEndpoint({
    engine: standInEngine(),
    sources: createSources({ openStore }),
    host: '127.0.0.1',
    port: 0,
    log: () => undefined,
  });
  base = `http://127.0.0.1:${String(endpoint.port)}`;
});

afterAll(async () => {
  await endpoint.close();
});

describe('the endpoint', () => {
  it('survives any body, and answers each with JSON and a status of the client', async () => {
    const bytes = fc.uint8Array({ maxLength: 300 }).map((value) => new Uint8Array(value));
    const withMagic = bytes.map((value) => new Uint8Array(Buffer.concat([Buffer.from('SEALPT01'), value])));
    const altered = fc.tuple(fc.nat(), fc.nat(255)).map(([at, value]) => {
      const query = queryBytes();
      query[at % (query.length - 8)] = value;
      return query.slice(0, query.length - (at % 9));
    });
    const types = fc.constantFrom('application/json', 'application/octet-stream', 'text/plain', ';;;');
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          bytes,
          withMagic,
          altered,
          fc.json().map((text) => new Uint8Array(Buffer.from(text))),
        ),
        types,
        async (body, type) => {
          const answer = await fetch(`${base}/invocations`, {
            method: 'POST',
            headers: { 'content-type': type },
            body,
          });
          const text = await answer.text();
          expect(answer.status === 200 || [400, 404].includes(answer.status)).toBe(true);
          if (answer.status !== 200) expect(JSON.parse(text)).toHaveProperty('error.code');
        },
      ),
      { numRuns: 150 },
    );
    expect((await fetch(`${base}/ping`)).status).toBe(200);
  }, 60_000);
});
