/**
 * Starts a TypeScript program of the repository: node scripts/run.js scripts/build.ts [argument…].
 * Plain JavaScript, so that an old Node can still read it and say what it lacks: on x64 Linux `npm ci` brings
 * a Node of its own, elsewhere it is the reader's.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`Sealpoint is built and tested with Node 22.18 or newer (24 is best); this is ${process.version}.`);
  process.exit(1);
}
process.argv.splice(1, 1);
await import(pathToFileURL(resolve(process.argv[1])).href);
