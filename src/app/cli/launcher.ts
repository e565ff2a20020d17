/** `sealpoint` on the PATH: says in one line what an old Node lacks, before that Node meets syntax it cannot read. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 12)) {
  console.error(`sealpoint needs Node 22.12 or newer; this is Node ${process.versions.node}.`);
  process.exitCode = 1;
} else {
  const program = './cli.mjs';
  void import(program);
}

export {};
