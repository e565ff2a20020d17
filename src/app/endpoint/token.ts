import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { AppError } from '../../core/error.ts';

/** Compares digests, so that neither the token's length nor its beginning shows in the time taken. @throws {AppError} endpoint.unauthorized */
export function checkToken(request: IncomingMessage, token: string | undefined): void {
  if (token === undefined) return;
  const [, given] = /^Bearer ([\x21-\x7e]+)$/iu.exec(request.headers.authorization ?? '') ?? [];
  if (given !== undefined && timingSafeEqual(digest(given), digest(token))) return;
  throw new AppError('endpoint.unauthorized', 'The request bears no valid token.');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
