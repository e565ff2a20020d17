import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError } from '../../core/error.ts';
import { createGate } from './gate.ts';
import { createHandler, type Handler } from './handler.ts';
import { defaultLimits, type EndpointOptions } from './options.ts';

export interface RunningEndpoint {
  readonly port: number;
  /** Drains: new requests get 503, waiting ones too, running ones finish; after `drainMs` they are stopped. */
  close(): Promise<void>;
  /** Stops running requests at once. */
  abort(): Promise<void>;
}

const maxConnections = 512;
const abortGraceMs = 2_000;

/**
 * Starts the container's server: GET /ping, POST /invocations.
 * @throws {AppError} endpoint.unavailable where the port cannot be had
 */
export async function startEndpoint(options: EndpointOptions): Promise<RunningEndpoint> {
  const limits = { ...defaultLimits, ...options.limits };
  const gate = createGate(limits);
  const handler = createHandler({ ...options, limits, gate });
  const server = createServer({
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: Math.min(limits.headersMs, 2_000),
    keepAliveTimeout: 75_000,
    maxHeaderSize: 16 * 1024,
  });
  server.maxConnections = maxConnections;
  server.on('request', handler.handle);
  // The handler itself says "100 Continue", once it wants the body.
  server.on('checkContinue', handler.handle);
  server.on('clientError', refuse);
  await listen(server, options);
  let closed: Promise<void> | undefined;
  const close = (drainMs: number): Promise<void> => (closed ??= drain(server, handler, drainMs));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => close(limits.drainMs),
    abort: async () => {
      handler.stop(new AppError('endpoint.unavailable', 'The endpoint was stopped.'));
      await close(0);
    },
  };
}

async function listen(server: Server, { host, port }: EndpointOptions): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new AppError('endpoint.unavailable', `Cannot listen on ${host}:${String(port)}.`, {
      cause,
      hint: 'Another program may use the port; choose another one with --port, or 0 for any.',
    });
  }
}

/** Stays reachable while requests run, so that newcomers get a 503 that they understand rather than a refused connection. */
async function drain(server: Server, handler: Handler, drainMs: number): Promise<void> {
  handler.refuseNew(new AppError('endpoint.unavailable', 'The endpoint is shutting down.'));
  const stop = setTimeout(() => {
    handler.stop(new AppError('endpoint.unavailable', 'The endpoint shut down before the request was done.'));
  }, drainMs);
  const giveUp = setTimeout(() => {
    server.closeAllConnections();
  }, drainMs + abortGraceMs);
  await Promise.race([handler.idle(), new Promise((resolve) => setTimeout(resolve, drainMs + abortGraceMs).unref())]);
  clearTimeout(stop);
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  // Connections whose answer is being sent close behind it; whoever keeps one half open does not hold up the end.
  const cut = setTimeout(() => {
    server.closeAllConnections();
  }, 1_000);
  await closed;
  clearTimeout(giveUp);
  clearTimeout(cut);
}

/** What Node's parser refuses never becomes a request; it gets the same kind of answer. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const body = JSON.stringify({
    error: {
      code: 'endpoint.bad-request',
      message: isLate ? 'The request took too long to arrive.' : 'This is no HTTP request.',
    },
  });
  const head = `HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${String(Buffer.byteLength(body))}\r\n\r\n`;
  socket.end(head + body, () => socket.destroy());
}
