import * as z from 'zod';
import { readArtifact, type QueryHeader } from '../../core/artifact/headers.ts';
import { AppError } from '../../core/error.ts';

/** What a request to /invocations asks for (docs/endpoint.md). */
export type Invocation =
  /** Keys in the server's own store; the result is put there and its key answered. */
  | { readonly kind: 'paths'; readonly query: string; readonly evaluationKeys: string; readonly result: string }
  /** Absolute URIs; the result is the answer's body. */
  | { readonly kind: 'uris'; readonly query: string; readonly evaluationKeys: string }
  /** The query is the body; its header may name the evaluation keys. The result is the answer's body. */
  | { readonly kind: 'body'; readonly query: Uint8Array };

export interface RequestBody {
  readonly contentType: string | undefined;
  readonly bytes: Uint8Array;
}

const text = z.string().min(1).max(2048);
const pathStyle = z.object({ query_s3_path: text, key_s3_path: text, result_s3_path: text });
const uriStyle = z.object({ evaluation_keys_uri: text, encrypted_query_uri: text });
const magic = Buffer.from('SEALPT01');

/** Bodies of these types are JSON; their size is bounded more tightly than a query's. */
export function isJson(contentType: string | undefined): boolean {
  return mediaType(contentType) === 'application/json';
}

/**
 * Tells the three forms apart: by content type, and where it names neither JSON nor bytes, by how the body begins.
 * @throws {AppError} endpoint.bad-request naming the field
 */
export function parseInvocation({ contentType, bytes }: RequestBody): Invocation {
  if (isJson(contentType)) return parseJson(bytes);
  if (mediaType(contentType) === 'application/octet-stream' || magic.equals(bytes.subarray(0, magic.length))) {
    return { kind: 'body', query: bytes };
  }
  return parseJson(bytes);
}

/** Ids, counts and the evaluation keys' URI; hashes are checked by the engine. @throws {AppError} artifact.* */
export function readQueryHeader(query: Uint8Array): QueryHeader {
  return readArtifact('sealpoint.query', query, 'query').header;
}

function parseJson(bytes: Uint8Array): Invocation {
  const document = parseDocument(bytes);
  const isPathStyle = Object.keys(pathStyle.shape).some((field) => field in document);
  const isUriStyle = Object.keys(uriStyle.shape).some((field) => field in document);
  if (isPathStyle && isUriStyle) throw badRequest('The request mixes the fields of both protocols.');
  if (isPathStyle) {
    const fields = checked(pathStyle, document);
    return {
      kind: 'paths',
      query: fields.query_s3_path,
      evaluationKeys: fields.key_s3_path,
      result: fields.result_s3_path,
    };
  }
  const fields = checked(uriStyle, document);
  return { kind: 'uris', query: fields.encrypted_query_uri, evaluationKeys: fields.evaluation_keys_uri };
}

function parseDocument(bytes: Uint8Array): object {
  try {
    const document: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof document === 'object' && document !== null && !Array.isArray(document)) return document;
  } catch (cause) {
    throw badRequest('The body is no JSON.', cause);
  }
  throw badRequest('The body is no JSON object.');
}

function checked<Shape extends z.ZodType>(shape: Shape, document: object): z.infer<Shape> {
  const parsed = shape.safeParse(document);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw badRequest(`The request is not as the protocol wants it. ${fields.join('; ')}`);
}

function mediaType(contentType: string | undefined): string | undefined {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase();
}

function badRequest(message: string, cause?: unknown): AppError {
  return new AppError('endpoint.bad-request', message, { cause });
}
