import { pathToFileURL } from 'node:url';
import { openWorkerPool } from '../../src/seal/worker-pool.ts';

/** Closes a pool whose thread has answered already, to a question that nobody asks any more; says so when it is closed. */
const [, , worker = ''] = process.argv;
const pool = openWorkerPool<{ ask: { input: number; output: number } }>(pathToFileURL(worker), {
  threads: 1,
  data: {},
});
await pool.run('ask', 0, { signal: new AbortController().signal });
const abort = new AbortController();
const asked = pool.run('ask', 1, { signal: abort.signal });
// Blocked, so that the answer waits until the thread is told to end.
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
abort.abort();
await Promise.allSettled([asked, pool[Symbol.asyncDispose]()]);
process.stdout.write('closed');
