/** One object of a store, by its key below the store's root ("jobs/…/query-00000.spq"). */
export interface StoredObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modified: Date;
}

export interface StoreListing {
  readonly objects: readonly StoredObject[];
  /** Prefixes that end in "/" below the one asked for. */
  readonly folders: readonly string[];
  /** Give it back to get the next page. */
  readonly next?: string;
}

export interface StoreTransfer {
  readonly signal: AbortSignal;
  readonly onBytes?: (done: number) => void;
}

/**
 * Where deployments, evaluation keys, queries and results lie: a folder or an S3 prefix. Keys are relative to the store's root, use "/",
 * and never hold "..", "." or empty segments (AppError `store.outside-root`). An aborted or failed write leaves nothing behind.
 */
export interface ArtifactStore {
  /** "s3://bucket/prefix/" or "file:///folder/". */
  readonly uri: string;
  /** One level below `prefix` ("" or ending in "/"), by pages of at most 1,000. */
  list(prefix: string, options: { readonly signal: AbortSignal; readonly next?: string }): Promise<StoreListing>;
  /** Size of an object, or undefined where there is none. */
  stat(key: string, options: { readonly signal: AbortSignal }): Promise<StoredObject | undefined>;
  /** @throws {AppError} store.not-found, store.forbidden, store.too-large (more than maxBytes; nothing beyond is downloaded), store.unavailable */
  read(key: string, options: StoreTransfer & { readonly maxBytes: number }): Promise<Uint8Array>;
  /** Writes whole or not at all. `ifAbsent`: false is returned and nothing written when the key exists. */
  write(key: string, bytes: Uint8Array, options: StoreTransfer & { readonly ifAbsent?: boolean }): Promise<boolean>;
  /** Deletes what exists of `keys`. */
  delete(keys: readonly string[], options: { readonly signal: AbortSignal }): Promise<void>;
  /** The absolute URI of a key. */
  uriOf(key: string): string;
}
