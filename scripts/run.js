/**
 * Starts scripts/<name>.ts. Plain JavaScript, so that an old Node can still read it and say what it lacks:
 * on x64 Linux `npm ci` brings a Node of its own, elsewhere it is the reader's.
 */
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`Sealpoint is built and tested with Node 22.18 or newer (24 is best); this is ${process.version}.`);
  process.exit(1);
}
const name = process.argv.splice(2, 1)[0];
await import(`./${name}.ts`);
