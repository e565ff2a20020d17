import { availableParallelism } from 'node:os';
import type { EndpointEngine } from '../../service/endpoint-engine.ts';
import type { InvocationLimits } from './invocation.ts';
import type { Sources } from './sources.ts';

export interface EndpointLimits extends InvocationLimits {
  /** Most requests computing at once. */
  readonly running: number;
  /** Most requests waiting behind them; one more gets 429. */
  readonly waiting: number;
  /** A query sent as the body. */
  readonly bodyBytes: number;
  readonly jsonBytes: number;
  /** Longest silence while a body arrives. */
  readonly idleMs: number;
  /** Longest that headers may take. */
  readonly headersMs: number;
  /** Longest that a whole request may take to arrive. */
  readonly requestMs: number;
  /** How long `close` waits for running requests before it stops them. SageMaker kills 30 s after SIGTERM. */
  readonly drainMs: number;
}

export const defaultLimits: EndpointLimits = {
  running: availableParallelism(),
  waiting: 32,
  bodyBytes: 128 * 1024 * 1024,
  jsonBytes: 64 * 1024,
  queryBytes: 1536 * 1024 * 1024,
  evaluationKeysBytes: 1024 * 1024 * 1024,
  idleMs: 20_000,
  headersMs: 10_000,
  requestMs: 300_000,
  drainMs: 25_000,
};

export interface EndpointOptions {
  /** Borrowed: closing it is the caller's. */
  readonly engine: EndpointEngine;
  readonly sources: Sources;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Requests to everything but /ping must bear it. */
  readonly token?: string | undefined;
  readonly limits?: Partial<EndpointLimits>;
  /** One line a request: ids, sizes, durations. */
  readonly log: (line: string) => void;
}
