import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type GetObjectCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { addAbortSignal, type Readable } from 'node:stream';
import { checkStoreKey, checkStorePrefix } from '../core/artifact/store-key.ts';
import type { ArtifactStore, StoredObject, StoreListing, StoreTransfer } from '../core/artifact/store.ts';
import { AppError } from '../core/error.ts';
import { openS3Client, type S3Access } from './s3-client.ts';
import { httpStatusOf, nameOf, toStoreError } from './s3-error.ts';
import { putObject } from './s3-upload.ts';

export interface S3StoreOptions extends S3Access {
  /** "s3://bucket" or "s3://bucket/prefix". */
  readonly uri: string;
}

interface Place {
  readonly bucket: string;
  /** "" or ending in "/". */
  readonly prefix: string;
}

/** What the functions below share: the client is opened by the first command. */
interface S3Session extends Place {
  readonly client: () => Promise<S3Client>;
  /** Rejects with store.not-found where the bucket does not exist; asks once. */
  readonly checkBucket: (client: S3Client, signal: AbortSignal) => Promise<void>;
}

const pageSize = 1000;

/**
 * A store in S3 or a server that speaks its protocol. Credentials: the profile, else the SDK's usual chain. Nothing is read or connected
 * to before the first call.
 * @throws {AppError} usage.arguments where the URI names no bucket; calls throw store.* and pass aborts through
 */
export function s3Store(options: S3StoreOptions): ArtifactStore {
  const place = parseS3Uri(options.uri);
  const session: S3Session = {
    ...place,
    client: once(() => openS3Client(options)),
    checkBucket: bucketCheck(place.bucket),
  };
  const uri = `s3://${place.bucket}/${place.prefix}`;
  return {
    uri,
    list: (prefix, running) =>
      attempt(`Cannot list ${uri}${prefix}`, running.signal, () => list(session, prefix, running)),
    stat: (key, { signal }) => attempt(`Cannot look up ${uri}${key}`, signal, () => stat(session, key, signal)),
    read: (key, transfer) => attempt(`Cannot read ${uri}${key}`, transfer.signal, () => read(session, key, transfer)),
    write: (key, bytes, transfer) =>
      attempt(`Cannot write ${uri}${key}`, transfer.signal, async () => {
        checkStoreKey(key);
        const client = await ready(session, transfer.signal);
        return await putObject({ client, bucket: session.bucket, key: session.prefix + key }, bytes, transfer);
      }),
    delete: (keys, { signal }) => attempt(`Cannot delete from ${uri}`, signal, () => remove(session, keys, signal)),
    uriOf(key) {
      checkStoreKey(key);
      return uri + key;
    },
  };
}

/** @throws {AppError} usage.arguments */
export function parseS3Uri(uri: string): Place {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/u.exec(uri);
  const prefix = (match?.[2] ?? '').replace(/\/$/u, '');
  if (match?.[1] === undefined) {
    throw new AppError('usage.arguments', `This is no S3 URI: ${JSON.stringify(uri.slice(0, 200))}.`, {
      hint: 'Write s3://bucket or s3://bucket/prefix.',
    });
  }
  if (prefix === '') return { bucket: match[1], prefix: '' };
  checkStoreKey(prefix);
  return { bucket: match[1], prefix: `${prefix}/` };
}

async function list(
  session: S3Session,
  prefix: string,
  { signal, next }: { readonly signal: AbortSignal; readonly next?: string },
): Promise<StoreListing> {
  checkStorePrefix(prefix);
  const client = await ready(session, signal);
  const page = await client.send(
    new ListObjectsV2Command({
      Bucket: session.bucket,
      Prefix: session.prefix + prefix,
      Delimiter: '/',
      MaxKeys: pageSize,
      ...(next === undefined ? {} : { ContinuationToken: next }),
    }),
    { abortSignal: signal },
  );
  const below = (key: string): string => key.slice(session.prefix.length);
  const objects = (page.Contents ?? [])
    // Empty objects that end in "/" are how consoles draw a folder.
    .filter((object) => object.Key !== undefined && !object.Key.endsWith('/'))
    .map((object) => ({
      key: below(object.Key ?? ''),
      sizeBytes: object.Size ?? 0,
      modified: object.LastModified ?? new Date(0),
    }));
  const folders = (page.CommonPrefixes ?? []).map((folder) => below(folder.Prefix ?? ''));
  return {
    objects,
    folders,
    ...(page.NextContinuationToken === undefined ? {} : { next: page.NextContinuationToken }),
  };
}

async function stat(session: S3Session, key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
  checkStoreKey(key);
  const client = await ready(session, signal);
  try {
    const found = await client.send(new HeadObjectCommand({ Bucket: session.bucket, Key: session.prefix + key }), {
      abortSignal: signal,
    });
    return { key, sizeBytes: found.ContentLength ?? 0, modified: found.LastModified ?? new Date(0) };
  } catch (error) {
    if (httpStatusOf(error) !== 404) throw error;
    // HEAD has no body that could tell a missing object from a missing bucket.
    await session.checkBucket(client, signal);
    return undefined;
  }
}

async function read(
  session: S3Session,
  key: string,
  transfer: StoreTransfer & { readonly maxBytes: number },
): Promise<Uint8Array> {
  checkStoreKey(key);
  const client = await ready(session, transfer.signal);
  // One byte over the limit is asked for, so that excess is seen but never downloaded.
  const Range = `bytes=0-${String(transfer.maxBytes)}`;
  try {
    const answer = await client.send(
      new GetObjectCommand({ Bucket: session.bucket, Key: session.prefix + key, Range }),
      {
        abortSignal: transfer.signal,
      },
    );
    return await receive(key, answer, transfer);
  } catch (error) {
    // An empty object has no first byte, and no range.
    if (nameOf(error) === 'InvalidRange' || httpStatusOf(error) === 416) return new Uint8Array();
    throw error;
  }
}

async function receive(
  key: string,
  answer: GetObjectCommandOutput,
  { signal, maxBytes, onBytes }: StoreTransfer & { readonly maxBytes: number },
): Promise<Uint8Array> {
  const body = answer.Body as Readable;
  const size = wholeSize(answer);
  if (size > maxBytes) {
    body.destroy();
    throw new AppError(
      'store.too-large',
      `${key} has ${String(size)} bytes, more than the ${String(maxBytes)} allowed here.`,
    );
  }
  const bytes = new Uint8Array(size);
  let done = 0;
  addAbortSignal(signal, body);
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    if (done + chunk.length > size) break;
    bytes.set(chunk, done);
    done += chunk.length;
    onBytes?.(done);
  }
  if (done !== size)
    throw new AppError('store.unavailable', `${key} arrived in another length than announced.`, { hint: 'Try again.' });
  return bytes;
}

/** Of the object, where the answer is a range of it: "bytes 0-99/1234". */
function wholeSize({ ContentRange, ContentLength }: GetObjectCommandOutput): number {
  const total = /\/(\d+)$/u.exec(ContentRange ?? '')?.[1];
  return total === undefined ? (ContentLength ?? Infinity) : Number(total);
}

async function remove(session: S3Session, keys: readonly string[], signal: AbortSignal): Promise<void> {
  for (const key of keys) checkStoreKey(key);
  if (keys.length === 0) return;
  const client = await ready(session, signal);
  for (let start = 0; start < keys.length; start += pageSize) {
    const Objects = keys.slice(start, start + pageSize).map((key) => ({ Key: session.prefix + key }));
    const command = new DeleteObjectsCommand({ Bucket: session.bucket, Delete: { Objects, Quiet: true } });
    const { Errors: failures = [] } = await client.send(command, { abortSignal: signal });
    const failure = failures.find(({ Code }) => Code !== 'NoSuchKey');
    if (failure === undefined) continue;
    const error = Object.assign(new Error(failure.Message), { name: failure.Code ?? 'Error' });
    throw toStoreError(error, `Cannot delete s3://${session.bucket}/${failure.Key ?? ''}`);
  }
}

function bucketCheck(bucket: string): S3Session['checkBucket'] {
  let isKnown = false;
  return async (client, signal) => {
    if (isKnown) return;
    try {
      await client.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal: signal });
    } catch (error) {
      // Without the right to list there is no telling; the object's own answer then stands.
      if (httpStatusOf(error) === 404) throw Object.assign(new Error(bucket), { name: 'NoSuchBucket' });
    }
    isKnown = true;
  };
}

/** Aborts pass through as they are; everything else becomes an AppError. */
async function attempt<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    throw toStoreError(error, what);
  }
}

/** The client with credentials at hand: neither opening nor `credential_process` is abortable in itself; the wait for them is. */
async function ready(session: S3Session, signal: AbortSignal): Promise<S3Client> {
  const client = await abortable(session.client(), signal);
  await abortable(client.config.credentials(), signal);
  return client;
}

function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', stop);
    });
  });
}

/** A failed attempt is not kept: the user may have logged in meanwhile. */
function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}
