import { createHash } from 'node:crypto';
import { encodeContainer } from '../../src/core/artifact/container.ts';
import type { AppError } from '../../src/core/error.ts';
import type { EndpointEngine } from '../../src/service/endpoint-engine.ts';

export const deployment = 'd'.repeat(64);
export const key = 'e'.repeat(64);
export const job = '0'.repeat(32);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const keysBytes = Buffer.from('evaluation keys');

export function queryBytes(changes: object = {}): Uint8Array<ArrayBuffer> {
  const header = {
    format: 'sealpoint.query',
    version: 1,
    deployment,
    plan: 'latency',
    key,
    job,
    index: 0,
    records: 1,
    ...changes,
  };
  return encodeContainer(header, [{ name: 'input', bytes: new Uint8Array([1, 2, 3]) }], sha256);
}

/** Answers with the query and the keys, one behind the other, so that tests see what reached it. */
export interface StandIn extends EndpointEngine {
  /** Requests inside wait until it is called. */
  hold(): () => void;
  fail: AppError | Error | undefined;
  readonly started: () => number;
  readonly aborted: () => number;
}

export function standInEngine(): StandIn {
  let gate: Promise<void> = Promise.resolve();
  let started = 0;
  let aborted = 0;
  const engine: StandIn = {
    deployment,
    threads: 1,
    fail: undefined,
    started: () => started,
    aborted: () => aborted,
    hold() {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      gate = promise;
      return () => {
        resolve(undefined);
      };
    },
    async evaluate(query, keys, { signal }) {
      started += 1;
      const stop = Promise.withResolvers<never>();
      const onAbort = (): void => {
        aborted += 1;
        stop.reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort);
      stop.promise.catch(() => undefined);
      await Promise.race([gate, stop.promise]);
      signal.removeEventListener('abort', onAbort);
      if (engine.fail !== undefined) throw engine.fail;
      const loaded = await keys.load(key, signal);
      return { result: Buffer.concat([query, loaded]), seconds: 0.25 };
    },
    close: () => Promise.resolve(),
  };
  return engine;
}
