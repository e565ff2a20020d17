import { AppError } from '../error.ts';

/** What S3 allows, in UTF-8 bytes. */
const maxKeyBytes = 1024;

/**
 * Refuses keys that could leave the store's root or mean different objects in different stores.
 * @throws {AppError} store.outside-root: empty, ".", ".." or absent segments, a leading or trailing "/", control characters, over 1,024 bytes
 */
export function checkStoreKey(key: string): void {
  const isPlain = key.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (isPlain && !/[\u0000-\u001f\u007f]/u.test(key) && new TextEncoder().encode(key).length <= maxKeyBytes) return;
  throw outsideRoot(key);
}

/** The same for what may be listed: "" or a key that ends in "/". */
export function checkStorePrefix(prefix: string): void {
  if (prefix === '') return;
  if (!prefix.endsWith('/')) throw outsideRoot(prefix);
  checkStoreKey(prefix.slice(0, -1));
}

function outsideRoot(key: string): AppError {
  return new AppError('store.outside-root', `This is no key of a store: ${JSON.stringify(key.slice(0, 200))}.`, {
    hint: 'Keys are relative, use "/", and have no empty, "." or ".." parts.',
  });
}
