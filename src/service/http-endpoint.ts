import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { AppError, errorCodes, type ErrorCode } from '../core/error.ts';

/** Keys below the store that both sides use. */
export interface Invocation {
  readonly query: string;
  readonly evaluationKeys: string;
  readonly result: string;
}

/** Whatever evaluates queries: it reads query and keys from the store and puts the result there. */
export interface Endpoint extends AsyncDisposable {
  invoke(invocation: Invocation, signal: AbortSignal): Promise<void>;
}

const failure = z.looseObject({ error: z.looseObject({ code: z.string(), message: z.string() }) });
const attempts = 5;

/** An endpoint that speaks the path-style protocol over HTTP. Busy answers are tried again after the time they name. */
export function httpEndpoint(url: string, options: { readonly token?: string | undefined }): Endpoint {
  const headers = {
    'content-type': 'application/json',
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
  };
  return {
    invoke: async (invocation, signal) => {
      const body = JSON.stringify({
        query_s3_path: invocation.query,
        key_s3_path: invocation.evaluationKeys,
        result_s3_path: invocation.result,
      });
      for (let attempt = 1; ; attempt += 1) {
        const response = await post(`${url}/invocations`, { headers, body, signal });
        const text = await response.text();
        if (response.ok) return;
        const busy = response.status === 429 || response.status === 503;
        if (!busy || attempt === attempts) throw failureOf(response.status, text);
        await sleep(1000 * Math.min(10, Number(response.headers.get('retry-after')) || 1), undefined, { signal });
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function post(
  url: string,
  request: { readonly headers: Record<string, string>; readonly body: string; readonly signal: AbortSignal },
): Promise<Response> {
  try {
    return await fetch(url, { method: 'POST', ...request });
  } catch (cause) {
    request.signal.throwIfAborted();
    throw new AppError('endpoint.unavailable', `The endpoint at ${new URL(url).origin} does not answer.`, {
      cause,
      hint: 'See whether it runs and listens there.',
    });
  }
}

function failureOf(status: number, text: string): AppError {
  const parsed = failure.safeParse(parseJson(text));
  if (!parsed.success) return new AppError('endpoint.failed', `The endpoint answered with status ${String(status)}.`);
  const { code, message } = parsed.data.error;
  const known = code in errorCodes ? (code as ErrorCode) : 'endpoint.failed';
  return new AppError(known, `The endpoint refused: ${message}`, { hint: hintOf(known) });
}

function hintOf(code: ErrorCode): string | undefined {
  if (code === 'endpoint.unauthorized') return 'Set SEALPOINT_TOKEN to the token that the endpoint was started with.';
  return code === 'io.no-space' ? 'Free some space there.' : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
