import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../test/programs/late-answer.ts', import.meta.url));
/** Answers, and is then busy with something that takes long. */
const worker = `
import { parentPort } from 'node:worker_threads';
parentPort.on('message', ({ input }) => {
  parentPort.postMessage({ output: input });
  if (input > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5000);
});
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealpoint-pool-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('a pool that is closed', () => {
  it('while a late answer comes in waits for its threads, and the program goes on after it', async () => {
    const file = join(folder, 'worker.mjs');
    await writeFile(file, worker);
    const { stdout } = await promisify(execFile)(process.execPath, [program, file]);
    expect(stdout).toBe('closed');
  });
});
