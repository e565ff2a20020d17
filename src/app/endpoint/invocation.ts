import { storeKeys } from '../../core/artifact/layout.ts';
import type { QueryHeader } from '../../core/artifact/headers.ts';
import { AppError, type ErrorCode } from '../../core/error.ts';
import type { EndpointEngine } from '../../service/endpoint-engine.ts';
import { readQueryHeader, type Invocation } from './protocol.ts';
import type { Sources } from './sources.ts';

export interface InvocationLimits {
  readonly queryBytes: number;
  readonly evaluationKeysBytes: number;
}

export interface InvocationContext {
  readonly engine: EndpointEngine;
  readonly sources: Sources;
  readonly limits: InvocationLimits;
  readonly signal: AbortSignal;
  /** Told as soon as the query is read: for the log. */
  readonly onQuery: (header: QueryHeader, sizeBytes: number) => void;
}

export interface Answer {
  readonly contentType: 'application/json' | 'application/octet-stream';
  readonly body: Uint8Array;
  /** Seconds that the engine took. */
  readonly seconds: number;
}

/** Gets the query, has it evaluated, delivers the result as the protocol wants it. @throws {AppError} */
export async function answerInvocation(invocation: Invocation, context: InvocationContext): Promise<Answer> {
  if (invocation.kind === 'paths') checkResultKey(invocation);
  const query = await getQuery(invocation, context);
  const header = readQueryHeader(query);
  context.onQuery(header, query.length);
  const load = keyLoader(invocation, header, context);
  const { result, seconds } = await context.engine.evaluate(query, { load }, { signal: context.signal });
  if (invocation.kind !== 'paths') return { contentType: 'application/octet-stream', body: result, seconds };
  await putResult(invocation.result, result, context);
  const document = { status: 'completed', output_path: invocation.result, seconds };
  return { contentType: 'application/json', body: Buffer.from(JSON.stringify(document)), seconds };
}

async function getQuery(invocation: Invocation, { sources, limits, signal }: InvocationContext): Promise<Uint8Array> {
  const transfer = { signal, maxBytes: limits.queryBytes };
  switch (invocation.kind) {
    case 'body':
      return invocation.query;
    case 'paths':
      return await naming('The query', () => sources.store().read(invocation.query, transfer));
    case 'uris':
      return await naming('The query', () => sources.readUri(invocation.query, transfer));
  }
}

/** Called by the engine only when it does not hold the keys: a URI that is not read is not checked either. */
function keyLoader(
  invocation: Invocation,
  header: QueryHeader,
  { sources, limits }: InvocationContext,
): (keyId: string, signal: AbortSignal) => Promise<Uint8Array> {
  const read = (keyId: string, signal: AbortSignal): Promise<Uint8Array> => {
    const transfer = { signal, maxBytes: limits.evaluationKeysBytes };
    if (invocation.kind === 'paths') return sources.store().read(invocation.evaluationKeys, transfer);
    const uri = invocation.kind === 'uris' ? invocation.evaluationKeys : header.evaluationKeys;
    if (uri !== undefined) return sources.readUri(uri, transfer);
    return sources.store().read(storeKeys.evaluationKeys(keyId), transfer);
  };
  return (keyId, signal) => naming('The evaluation keys', () => Promise.resolve().then(() => read(keyId, signal)));
}

const storeWords: Readonly<Partial<Record<ErrorCode, string>>> = {
  'store.not-found': 'there is no such object.',
  'store.forbidden': 'the endpoint has no right to the object.',
  'store.unavailable': 'the store does not answer.',
  'store.too-large': 'the object is larger than the endpoint takes.',
  'store.outside-root': 'the name lies outside what the endpoint may use.',
  'io.no-space': 'the store is full.',
};

/** Says to the client which object it was, without the server's own paths; the store's full message stays as the cause, for the log. */
async function naming<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const words = error instanceof AppError ? storeWords[error.code] : undefined;
    if (!(error instanceof AppError) || words === undefined) throw error;
    throw new AppError(error.code, `${what}: ${words}`, { cause: error });
  }
}

/**
 * Models and keys belong to other parties, and a client chooses the name of its result: it must not be one of theirs.
 * @throws {AppError} endpoint.bad-request
 */
function checkResultKey({ query, evaluationKeys, result }: Extract<Invocation, { kind: 'paths' }>): void {
  const isReserved = /^(?:models|keys)\//u.test(result) || result === query || result === evaluationKeys;
  if (isReserved) throw new AppError('endpoint.bad-request', 'result_s3_path names an object that is no result.');
}

/** A result may replace a result (a job that is resumed), never anything else. */
async function putResult(key: string, result: Uint8Array, { sources, signal }: InvocationContext): Promise<void> {
  const options = { signal, ifAbsent: !key.endsWith('.spr') };
  const written = await naming('The result', () => sources.store().write(key, result, options));
  if (!written)
    throw new AppError('io.exists', 'There is an object at result_s3_path already, and its name does not end in .spr.');
}
