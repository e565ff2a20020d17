import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { programsOf } from '../app/programs.ts';
import type { ClientDeployment } from '../core/artifact/deployment.ts';
import { openKeyStore } from '../io/key-store.ts';
import type { Environment } from './environment.ts';
import { chooseKeySet } from './unlock.ts';

const id = 'd'.repeat(64);
/** All that choosing looks at. */
const deployment = { id } as ClientDeployment;
const slots = { passphrase: 'open sesame' };
const insecureScrypt = { cost: 2 ** 14, blockSize: 8, parallelism: 1 };

let environment: Environment;
beforeEach(async () => {
  const home = await mkdtemp(join(tmpdir(), 'sealpoint-unlock-'));
  environment = { home, programs: programsOf(), log: () => undefined };
});
afterEach(async () => {
  await rm(environment.home, { recursive: true, force: true });
});

async function storeKeySet(name: string): Promise<string> {
  const { key } = await openKeyStore(environment.home, { scrypt: insecureScrypt }).create({
    key: randomBytes(32).toString('hex'),
    name,
    deployment: id,
    created: '2026-01-02T03:04:05.000Z',
    secretKeys: new Map([['ckks-4096', randomBytes(64)]]),
    evaluationKeys: Buffer.from('evaluation keys'),
    slots,
  });
  return key;
}

describe('the key set of a deployment', () => {
  it('that is damaged is told, where another one would be made in its place', async () => {
    const key = await storeKeySet('mine');
    await writeFile(join(environment.home, 'keys', key, 'key.json'), '{}');
    await expect(chooseKeySet(deployment, undefined, environment)).rejects.toMatchObject({ code: 'key.altered' });
    const whole = await storeKeySet('whole');
    expect((await chooseKeySet(deployment, undefined, environment))?.key).toBe(whole);
  });
});
