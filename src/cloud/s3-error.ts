import { AppError, type ErrorCode } from '../core/error.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly says: string;
  readonly hint?: string;
}

const login = 'Set credentials for the profile: "aws configure" or "aws sso login", or choose another profile.';
const wrongRegion: Meaning = {
  code: 'store.unavailable',
  says: 'the bucket lies in another region',
  hint: "Set the region of the profile to the bucket's own.",
};
const denied: Meaning = {
  code: 'store.forbidden',
  says: 'access denied',
  hint: 'The credentials need s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on this prefix.',
};
const noBucket: Meaning = {
  code: 'store.not-found',
  says: 'there is no such bucket',
  hint: 'Check the name, the profile and the endpoint.',
};
const expired: Meaning = {
  code: 'store.forbidden',
  says: 'the credentials have expired',
  hint: 'Get new ones, with SSO by "aws sso login".',
};
const unreachable: Meaning = {
  code: 'store.unavailable',
  says: 'the server cannot be reached',
  hint: 'Check the network, a proxy, and the endpoint in the profile or in AWS_ENDPOINT_URL_S3.',
};
const busy: Meaning = {
  code: 'store.unavailable',
  says: 'the server is overloaded or failing',
  hint: 'Try again later.',
};

const meanings: Readonly<Record<string, Meaning>> = {
  NoSuchKey: { code: 'store.not-found', says: 'there is no such object' },
  NotFound: { code: 'store.not-found', says: 'there is no such object' },
  NoSuchBucket: noBucket,
  AccessDenied: denied,
  Forbidden: denied,
  AllAccessDisabled: denied,
  InvalidAccessKeyId: { code: 'store.forbidden', says: 'the access key is unknown', hint: login },
  SignatureDoesNotMatch: { code: 'store.forbidden', says: 'the secret access key is wrong', hint: login },
  InvalidToken: { code: 'store.forbidden', says: 'the session token is not valid', hint: login },
  InvalidClientTokenId: { code: 'store.forbidden', says: 'the session token is not valid', hint: login },
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  RequestTimeTooSkewed: {
    code: 'store.forbidden',
    says: "this machine's clock is wrong",
    hint: 'Set the clock; AWS allows 15 minutes.',
  },
  RequestExpired: {
    code: 'store.forbidden',
    says: "this machine's clock is wrong",
    hint: 'Set the clock; AWS allows 15 minutes.',
  },
  PermanentRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  EntityTooLarge: { code: 'store.too-large', says: 'the object is larger than the server takes' },
  InvalidBucketName: noBucket,
  SlowDown: busy,
  ServiceUnavailable: busy,
  InternalError: busy,
  TimeoutError: unreachable,
  ECONNREFUSED: unreachable,
  ECONNRESET: unreachable,
  ENOTFOUND: unreachable,
  EAI_AGAIN: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  ETIMEDOUT: unreachable,
  EPIPE: unreachable,
};

/** What a failed command says, in the words of the registry. `attempt`: "Cannot read s3://bucket/key". */
export function toStoreError(error: unknown, attempt: string): AppError {
  if (error instanceof AppError) return error;
  const meaning =
    credentialsMeaning(error) ?? meanings[nameOf(error)] ?? meanings[codeOf(error)] ?? statusMeaning(error);
  return new AppError(meaning.code, `${attempt}: ${meaning.says}.`, { hint: meaning.hint, cause: bareCause(error) });
}

/** The error's name as S3 gave it ("NoSuchKey"). */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

export function httpStatusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** The SDK tells a missing login from an expired one in words only. */
function credentialsMeaning(error: unknown): Meaning | undefined {
  if (!['CredentialsProviderError', 'TokenProviderError', 'ProviderError'].includes(nameOf(error))) return undefined;
  const text = error instanceof Error ? error.message : '';
  if (/expired|sso session|aws sso login/iu.test(text)) {
    return {
      code: 'store.forbidden',
      says: 'the SSO session has expired',
      hint: 'Run "aws sso login" for the profile.',
    };
  }
  return { code: 'store.forbidden', says: 'there are no AWS credentials', hint: login };
}

function statusMeaning(error: unknown): Meaning {
  const status = httpStatusOf(error);
  if (status === 301 || status === 307) return wrongRegion;
  if (status === 401 || status === 403) return denied;
  if (status === 404) return { code: 'store.not-found', says: 'there is no such object' };
  if (status !== undefined && status >= 500) return busy;
  return {
    code: 'store.unavailable',
    says: nameOf(error) === '' ? 'the request failed' : `the server answered ${nameOf(error)}`,
  };
}

/**
 * Name, message and request id only: S3's own errors carry the request's canonical form, session token included, and the raw response,
 * which nobody wants in a log.
 */
function bareCause(error: unknown): Error {
  const bare = new Error(error instanceof Error ? error.message : String(error));
  bare.name = nameOf(error) || 'Error';
  if (error instanceof Error && error.stack !== undefined) bare.stack = error.stack;
  return bare;
}
