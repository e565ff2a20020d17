import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError, errorCodes, toAppError } from '../../core/error.ts';
import { send, sendError } from './answers.ts';
import { readBody } from './body.ts';
import type { Admission, Gate } from './gate.ts';
import { answerInvocation } from './invocation.ts';
import type { EndpointLimits, EndpointOptions } from './options.ts';
import { isJson, parseInvocation, type Invocation } from './protocol.ts';
import { createRequestLog, type RequestLog } from './request-log.ts';
import { checkToken } from './token.ts';

export interface Handler {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** From now on requests, and those that wait for their turn, get this error. */
  refuseNew(error: AppError): void;
  /** Stops the running ones with this error. */
  stop(error: AppError): void;
  /** Resolves when no request is inside. */
  idle(): Promise<void>;
}

interface Context extends EndpointOptions {
  readonly limits: EndpointLimits;
  readonly gate: Gate;
}

/** One request on its way. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly log: RequestLog;
  /** Aborts when the client goes or the server stops. */
  readonly signal: AbortSignal;
}

export function createHandler(
  options: EndpointOptions & { readonly limits: EndpointLimits; readonly gate: Gate },
): Handler {
  const draining = new AbortController();
  const stopping = new AbortController();
  const context: Context = options;
  const active = new Set<Promise<void>>();

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new AppError('cancelled', 'The client went away.'));
    });
    // A connection that breaks is told by 'close'; without a listener it would end the process.
    response.on('error', () => undefined);
    const signal = AbortSignal.any([gone.signal, stopping.signal]);
    const exchange = { request, response, signal, log: createRequestLog(request, options.log) };
    const work = respond(exchange, context, draining.signal).finally(() => active.delete(work));
    active.add(work);
  };
  return {
    handle,
    refuseNew(error) {
      draining.abort(error);
    },
    stop(error) {
      stopping.abort(error);
    },
    async idle() {
      while (active.size > 0) await Promise.all(active);
    },
  };
}

/** Never rejects: every failure becomes an answer and a line in the log. Resolves when the answer is out or the client gone. */
async function respond(exchange: Exchange, context: Context, draining: AbortSignal): Promise<void> {
  const { request, response, log, signal } = exchange;
  try {
    await route(exchange, context, draining);
    log.end(200);
  } catch (error) {
    // Whatever an abort made of itself on the way up, its reason says whether the client went or the server stops.
    const known = toAppError(signal.aborted ? signal.reason : error);
    log.end(response.headersSent ? errorCodes[known.code].http : sendError(request, response, known), known);
  }
  await answered(response);
}

function answered(response: ServerResponse): Promise<void> {
  if (response.writableFinished || response.destroyed || !response.writableEnded) return Promise.resolve();
  return new Promise((resolve) => {
    response.once('finish', resolve).once('close', resolve);
  });
}

async function route(exchange: Exchange, context: Context, draining: AbortSignal): Promise<void> {
  const { request, response } = exchange;
  draining.throwIfAborted();
  const path = request.url?.split('?', 1)[0];
  if (path === '/ping' && (request.method === 'GET' || request.method === 'HEAD')) {
    const body = Buffer.from(JSON.stringify({ status: 'ready', deployment: context.engine.deployment }));
    send(request, response, { status: 200, contentType: 'application/json', body });
    return;
  }
  checkToken(request, context.token);
  if (path !== '/invocations' || request.method !== 'POST') {
    throw new AppError('endpoint.not-found', 'There is only GET /ping and POST /invocations.');
  }
  using admission = context.gate.enter();
  await invoke({ ...exchange, admission }, context, draining);
}

async function invoke(
  { request, response, signal, log, admission }: Exchange & { readonly admission: Admission },
  { engine, sources, limits }: Context,
  draining: AbortSignal,
): Promise<void> {
  const invocation = await receive({ request, response, signal, log }, limits);
  await admission.turn(AbortSignal.any([signal, draining]));
  const answer = await answerInvocation(invocation, {
    engine,
    sources,
    limits,
    signal,
    onQuery: (header, sizeBytes) => {
      log.query(header, sizeBytes);
    },
  });
  log.result(answer);
  signal.throwIfAborted();
  send(request, response, { status: 200, contentType: answer.contentType, body: answer.body });
}

async function receive({ request, response, signal, log }: Exchange, limits: EndpointLimits): Promise<Invocation> {
  const contentType = request.headers['content-type'];
  const maxBytes = isJson(contentType) ? limits.jsonBytes : limits.bodyBytes;
  const bytes = await readBody(request, response, { maxBytes, idleMs: limits.idleMs, signal });
  log.body(bytes.length);
  const invocation = parseInvocation({ contentType, bytes });
  log.kind(invocation.kind);
  return invocation;
}
