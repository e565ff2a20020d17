import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ArtifactStore, StoreTransfer } from '../../core/artifact/store.ts';
import { AppError } from '../../core/error.ts';

/** What requests may name: objects of the server's own store by key, any S3 object and files under the root by URI. */
export interface Sources {
  /** By absolute URI. @throws {AppError} store.*, endpoint.bad-request */
  readUri(uri: string, transfer: StoreTransfer & { readonly maxBytes: number }): Promise<Uint8Array>;
  /** The store that keys of the path protocol are looked up in. @throws {AppError} endpoint.bad-request where the server has none */
  store(): ArtifactStore;
}

export interface SourceOptions {
  /** Folder that `file://` URIs must lie under; without one they are refused. */
  readonly root?: string | undefined;
  /** URI of the server's store; without one the root is the store. */
  readonly store?: string | undefined;
  readonly openStore: (uri: string) => ArtifactStore;
}

/** Most S3 buckets with an open client. */
const maxOpenStores = 8;

export function createSources(options: SourceOptions): Sources {
  const root = options.root === undefined ? undefined : resolve(options.root);
  const rootStore = root === undefined ? undefined : options.openStore(root);
  const ownStore = options.store === undefined ? rootStore : options.openStore(options.store);
  const buckets = new Map<string, ArtifactStore>();

  const bucketStore = (bucket: string): ArtifactStore => {
    const store = buckets.get(bucket) ?? options.openStore(`s3://${bucket}`);
    // Used last, evicted last: a client that names many buckets keeps only a few clients open.
    buckets.delete(bucket);
    buckets.set(bucket, store);
    const [oldest] = buckets.keys();
    if (buckets.size > maxOpenStores && oldest !== undefined) buckets.delete(oldest);
    return store;
  };

  return {
    async readUri(uri, transfer) {
      const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/u.exec(uri) ?? [];
      if (bucket !== undefined && key !== undefined) return await bucketStore(bucket).read(key, transfer);
      if (!uri.startsWith('file://')) throw badUri(uri);
      if (root === undefined || rootStore === undefined) {
        throw new AppError(
          'endpoint.bad-request',
          'This server was started without a root folder; file:// URIs are refused.',
        );
      }
      return await rootStore.read(await keyBelow(root, uri), transfer);
    },
    store() {
      if (ownStore !== undefined) return ownStore;
      throw new AppError('endpoint.bad-request', 'This server was started without a store; name objects by URI.');
    },
  };
}

/**
 * The key of a `file://` URI below the root. The URI may spell the root with or without its links; links further down are the store's matter.
 * @throws {AppError} store.outside-root, endpoint.bad-request
 */
async function keyBelow(root: string, uri: string): Promise<string> {
  const path = pathOfUri(uri);
  for (const folder of [root, await realpath(root).catch(() => root)]) {
    const below = relative(folder, path);
    if (below !== '' && !below.startsWith('..') && !isAbsolute(below)) return below.split(sep).join('/');
  }
  throw new AppError('store.outside-root', 'The URI does not lie under the root folder of this server.');
}

function pathOfUri(uri: string): string {
  // URL parsing resolves "..", plain or percent-encoded; whoever writes it means no good, so it is refused before.
  const isPlain = uri.split('/').every((segment) => !/^(?:\.|%2e){1,2}$/iu.test(segment));
  if (!isPlain) throw new AppError('store.outside-root', 'The URI has "." or ".." segments.');
  try {
    return fileURLToPath(uri);
  } catch (cause) {
    throw new AppError('endpoint.bad-request', 'This is no file:// URI of this machine.', { cause });
  }
}

function badUri(uri: string): AppError {
  return new AppError('endpoint.bad-request', `This is no s3:// or file:// URI: ${JSON.stringify(uri.slice(0, 80))}.`);
}
