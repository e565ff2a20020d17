import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { programsOf } from '../app/programs.ts';
import type { Environment, Running } from './environment.ts';
import { startLocalEndpoint } from './local-endpoint.ts';

const standIn = new URL('../../test/programs/stand-in-endpoint.ts', import.meta.url);
const running: Running = { signal: new AbortController().signal, onProgress: () => undefined };
const invocation = { query: 'jobs/q.spq', evaluationKeys: 'keys/k.spk', result: 'jobs/r.spr' };

let folder: string;
let environment: Environment;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealpoint-local-'));
  environment = { home: folder, programs: { ...programsOf(), endpoint: standIn }, log: () => undefined };
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const serving = { args: [], environmentVariables: {} };

describe('the local endpoint', () => {
  it('lets go of a query that is called off without waiting for how its process is', async () => {
    const started = await startLocalEndpoint(
      { folder, deployment: 'd'.repeat(64), serving: { ...serving, args: ['--root', folder] } },
      environment,
      running,
    );
    await using endpoint = started;
    const abort = new AbortController();
    let settled = false;
    const invoked = endpoint.invoke(invocation, abort.signal).catch(() => {
      settled = true;
    });
    abort.abort();
    // A few turns of the loop, as an abort takes; no timer ends within them.
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    expect(settled).toBe(true);
    await invoked;
  });

  it('that serves another deployment is refused before a query is sent', async () => {
    const started = startLocalEndpoint({ folder, deployment: 'c'.repeat(64), serving }, environment, running);
    await expect(started).rejects.toMatchObject({
      code: 'artifact.other-deployment',
      place: { file: join(folder, 'server.zip') },
    });
  });

  it('that cannot start says why, with the code and the place of its own error', async () => {
    const real = { ...environment, programs: programsOf() };
    const started = startLocalEndpoint({ folder, deployment: 'd'.repeat(64), serving }, real, running);
    await expect(started).rejects.toMatchObject({ code: 'artifact.not-found', place: { file: folder } });
  });
});
