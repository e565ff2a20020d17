import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../../core/error.ts';

export interface BodyLimits {
  readonly maxBytes: number;
  /** Longest silence between two chunks. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/**
 * The whole body, never more than `maxBytes` of it in memory.
 * @throws {AppError} artifact.too-large (from the announced length already), endpoint.bad-request (encoded, stalled or cut off); aborts
 */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limits: BodyLimits,
): Promise<Uint8Array> {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity')
    throw new AppError('endpoint.bad-request', 'Encoded bodies are not taken: ciphertexts do not compress.');
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limits.maxBytes) throw tooLarge(limits.maxBytes);
  // Whoever asks first (curl, SDKs with large bodies) is told to go on only now that the request has been let in.
  if (request.headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
  return await receive(request, limits);
}

function receive(request: IncomingMessage, { maxBytes, idleMs, signal }: BodyLimits): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      request.off('data', take).off('end', finish).off('error', cut).off('close', cut);
      signal.removeEventListener('abort', stop);
      request.pause();
      settle();
    };
    const fail = (error: Error): void => {
      end(() => {
        reject(error);
      });
    };
    const take = (chunk: Buffer): void => {
      timer.refresh();
      size += chunk.length;
      chunks.push(chunk);
      if (size > maxBytes) fail(tooLarge(maxBytes));
    };
    const finish = (): void => {
      end(() => {
        resolve(Buffer.concat(chunks));
      });
    };
    const cut = (): void => {
      fail(new AppError('endpoint.bad-request', 'The body was cut off.'));
    };
    const stop = (): void => {
      fail(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      fail(new AppError('endpoint.bad-request', 'The body stopped arriving.'));
    }, idleMs);
    request.on('data', take).on('end', finish).on('error', cut).on('close', cut);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
}

function tooLarge(maxBytes: number): AppError {
  return new AppError('artifact.too-large', `The body is larger than the ${String(maxBytes)} bytes allowed here.`);
}
