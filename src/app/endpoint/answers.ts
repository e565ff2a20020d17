import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorCodes, type AppError } from '../../core/error.ts';
import { BusyError } from './gate.ts';

const unavailableRetrySeconds = 5;

export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** Sends a whole answer. A body that was not read to its end is not waited for: the connection closes. */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply & { readonly headers?: Readonly<Record<string, string>> },
): void {
  if (response.headersSent || response.destroyed) return;
  if (!request.complete && hasBody(request)) {
    response.setHeader('connection', 'close');
    // The client may still be sending; reading on, for a moment and into nothing, lets it see the answer instead of a reset.
    request.resume();
    response.once('finish', () => setTimeout(() => request.socket.destroy(), 500).unref());
  }
  response.writeHead(reply.status, {
    'content-type': reply.contentType,
    'content-length': String(reply.body.length),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...reply.headers,
  });
  response.end(request.method === 'HEAD' ? undefined : reply.body);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** `{error: {code, message}}` with the registry's status; the cause, the hint and the place are for this machine's people, not for the client. */
export function sendError(request: IncomingMessage, response: ServerResponse, error: AppError): number {
  const status = errorCodes[error.code].http;
  const body = Buffer.from(JSON.stringify({ error: { code: error.code, message: publicMessage(error, status) } }));
  send(request, response, { status, contentType: 'application/json', body, headers: errorHeaders(error, status) });
  return status;
}

function publicMessage(error: AppError, status: number): string {
  if (status !== 500 || error.code.startsWith('store.') || error.code.startsWith('endpoint.')) return error.message;
  if (error.code === 'io.no-space') return "The disk of the endpoint's store is full.";
  // Paths, stack frames and the words of other libraries stay in the log.
  return 'The endpoint failed; its log says more.';
}

function errorHeaders(error: AppError, status: number): Readonly<Record<string, string>> {
  if (error instanceof BusyError) return { 'retry-after': String(error.retryAfterSeconds) };
  if (status === 503) return { 'retry-after': String(unavailableRetrySeconds) };
  if (status === 401) return { 'www-authenticate': 'Bearer' };
  return {};
}
