/** Entry of `sealpoint`. Nothing is imported before Node is known to be new enough: an old one could not even read the rest. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 12)) {
  console.error(`sealpoint needs Node 22.12 or newer; this is Node ${process.versions.node}.`);
  process.exitCode = 1;
} else {
  // Where nothing is left to wait for, Node ends in the middle of an await: that is no success.
  process.exitCode = 1;
  const { runCommandLine } = await import('./command-line.ts');
  process.exit(await runCommandLine(process.argv.slice(2)));
}

export {};
