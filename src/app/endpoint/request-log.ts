import type { IncomingMessage } from 'node:http';
import type { QueryHeader } from '../../core/artifact/headers.ts';
import type { AppError } from '../../core/error.ts';
import type { Answer } from './invocation.ts';
import type { Invocation } from './protocol.ts';

/** Collects what is known of a request and writes it as one JSON line: ids, sizes and durations, never bodies, URIs or tokens. */
export interface RequestLog {
  body(sizeBytes: number): void;
  kind(kind: Invocation['kind']): void;
  query(header: QueryHeader, sizeBytes: number): void;
  result(answer: Answer): void;
  end(status: number, error?: AppError): void;
}

const knownPaths = new Set(['/ping', '/invocations']);
let requests = 0;

export function createRequestLog(request: IncomingMessage, write: (line: string) => void): RequestLog {
  const startedAt = performance.now();
  requests += 1;
  const path = request.url?.split('?', 1)[0] ?? '';
  const line: Record<string, unknown> = {
    time: new Date().toISOString(),
    request: requests,
    method: request.method,
    // What a stranger types as a path may be anything, a misplaced token too.
    path: knownPaths.has(path) ? path : 'other',
  };
  return {
    body(sizeBytes) {
      line['bodyBytes'] = sizeBytes;
    },
    kind(kind) {
      line['kind'] = kind;
    },
    query({ job, index, key, records }, sizeBytes) {
      Object.assign(line, { job, index, key, records, queryBytes: sizeBytes });
    },
    result({ body, seconds }) {
      Object.assign(line, { resultBytes: body.length, evaluateSeconds: seconds });
    },
    end(status, error) {
      Object.assign(line, { status, seconds: rounded((performance.now() - startedAt) / 1000) });
      if (error !== undefined)
        Object.assign(line, { code: error.code, ...(status >= 500 ? { detail: detailOf(error) } : {}) });
      write(JSON.stringify(line));
    },
  };
}

/** The messages down the chain of causes: what an operator needs where the client is told only that something failed. */
function detailOf(error: AppError): string {
  const messages: string[] = [];
  for (let at: unknown = error; at instanceof Error && messages.length < 5; at = at.cause) messages.push(at.message);
  return messages.join(' <- ').slice(0, 2000);
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1e4) / 1e4;
}
