/**
 * Every error code, with the exit code of the command line and the HTTP status of the endpoint.
 * Codes are part of the contract (docs/formats.md): they are added to, never renamed.
 */
export const errorCodes = {
  /* the call itself */
  'usage.arguments': { exit: 2, http: 400 },
  'usage.ambiguous': { exit: 2, http: 400 },
  'usage.no-passphrase': { exit: 2, http: 400 },
  cancelled: { exit: 130, http: 499 },
  internal: { exit: 1, http: 500 },
  /* model files */
  'model.unreadable': { exit: 3, http: 400 },
  'model.unsupported': { exit: 3, http: 400 },
  'model.invalid': { exit: 3, http: 400 },
  'model.not-converted': { exit: 3, http: 400 },
  /* tables */
  'data.unreadable': { exit: 3, http: 400 },
  'data.empty': { exit: 3, http: 400 },
  'data.ragged-row': { exit: 3, http: 400 },
  'data.missing-column': { exit: 3, http: 400 },
  'data.duplicate-column': { exit: 3, http: 400 },
  'data.not-a-number': { exit: 3, http: 400 },
  'data.missing-value': { exit: 3, http: 400 },
  'data.unknown-category': { exit: 3, http: 400 },
  'data.out-of-range': { exit: 3, http: 400 },
  'data.changed': { exit: 3, http: 400 },
  /* planning and proving */
  'plan.impossible': { exit: 3, http: 400 },
  'plan.not-proven': { exit: 1, http: 500 },
  'plan.calibration': { exit: 3, http: 400 },
  /* artifacts: client.zip, server.zip, .spq, .spr, .spk, job.json */
  'artifact.not-found': { exit: 3, http: 404 },
  'artifact.unreadable': { exit: 3, http: 400 },
  'artifact.altered': { exit: 3, http: 400 },
  'artifact.version': { exit: 3, http: 400 },
  'artifact.too-large': { exit: 3, http: 413 },
  'artifact.other-deployment': { exit: 3, http: 409 },
  'artifact.other-key': { exit: 3, http: 409 },
  'archive.unsafe': { exit: 3, http: 400 },
  /* keys */
  'key.not-found': { exit: 3, http: 404 },
  'key.exists': { exit: 3, http: 409 },
  'key.other-deployment': { exit: 3, http: 409 },
  'key.wrong-passphrase': { exit: 3, http: 400 },
  'key.locked': { exit: 1, http: 409 },
  'key.no-slot': { exit: 3, http: 400 },
  'key.altered': { exit: 3, http: 400 },
  /* files and stores */
  'io.not-found': { exit: 3, http: 404 },
  'io.exists': { exit: 3, http: 409 },
  'io.forbidden': { exit: 1, http: 500 },
  'io.no-space': { exit: 1, http: 500 },
  'io.failed': { exit: 1, http: 500 },
  'store.not-found': { exit: 3, http: 404 },
  'store.forbidden': { exit: 1, http: 500 },
  'store.unavailable': { exit: 1, http: 500 },
  'store.too-large': { exit: 3, http: 413 },
  'store.outside-root': { exit: 3, http: 400 },
  /* SEAL */
  'seal.failed': { exit: 1, http: 500 },
  'seal.unloadable': { exit: 1, http: 500 },
  'seal.worker-died': { exit: 1, http: 500 },
  /* endpoint and jobs */
  'endpoint.bad-request': { exit: 1, http: 400 },
  'endpoint.unauthorized': { exit: 1, http: 401 },
  'endpoint.not-found': { exit: 1, http: 404 },
  'endpoint.busy': { exit: 1, http: 429 },
  'endpoint.unavailable': { exit: 1, http: 503 },
  'endpoint.failed': { exit: 1, http: 500 },
  'job.not-found': { exit: 3, http: 404 },
  'job.not-resumable': { exit: 3, http: 409 },
  'profile.not-found': { exit: 3, http: 404 },
  'profile.invalid': { exit: 3, http: 400 },
  'result.not-verified': { exit: 4, http: 500 },
} as const satisfies Record<string, { readonly exit: number; readonly http: number }>;

export type ErrorCode = keyof typeof errorCodes;

/** Where in the user's input the cause lies. Rows count data rows from 1; lines count text lines from 1. */
export interface ErrorPlace {
  readonly file?: string | undefined;
  readonly row?: number | undefined;
  readonly line?: number | undefined;
  readonly column?: string | undefined;
}

export interface ErrorOptions extends ErrorPlace {
  /** What the reader can do about it. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** An error that a person is meant to read: what was attempted, on what, and what to do. Never holds cell values or secrets. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly place: ErrorPlace;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.place = { file: options.file, row: options.row, line: options.line, column: options.column };
    this.hint = options.hint;
  }
}

/** The JSON document of a failure: `{error: {...}}`, absent places left out. */
export interface ErrorDocument {
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint?: string } & ErrorPlace;
}

/** What `--json` prints of a failure, and the endpoint of its code and message. */
export function errorDocument(error: AppError): ErrorDocument {
  const { file, row, line, column } = error.place;
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(file === undefined ? {} : { file }),
      ...(row === undefined ? {} : { row }),
      ...(line === undefined ? {} : { line }),
      ...(column === undefined ? {} : { column }),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    },
  };
}

/** An abort keeps its own code; whatever nobody foresaw becomes `internal`, its cause kept. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof Error && error.name === 'AbortError')
    return new AppError('cancelled', 'Cancelled.', { cause: error });
  const message = error instanceof Error ? error.message : String(error);
  return new AppError('internal', `Unexpected failure: ${message}`, { cause: error });
}
