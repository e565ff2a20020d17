import { join } from 'node:path';

/** The repository's top folder. */
export const root = join(import.meta.dirname, '..');
export const distFolder = join(root, 'dist');

/** A file or folder of the repository, by its path from the top. */
export function inRepository(...parts: readonly string[]): string {
  return join(root, ...parts);
}
