/**
 * `npm run build [-- --minify] [-- --extension] [-- --quiet]`: sources -> dist/, one bundle for each program that is
 * started by name; with --extension only those that the editor starts.
 */
import { type BuildOptions, type Metafile, build } from 'esbuild';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleReport } from './bundle-report.ts';
import { distFolder, inRepository, root } from './paths.ts';

/** Programs that share chunks: what one of them loads lazily (the AWS SDK) costs the others nothing. */
const programs = {
  endpoint: 'src/app/endpoint/main.ts',
  'verb-worker': 'src/app/vscode/verb-worker.ts',
  'client-worker': 'src/seal/client-worker.ts',
  'server-worker': 'src/seal/server-worker.ts',
} as const;

const commandLine = { cli: 'src/app/cli/main.ts' } as const;

/** Libraries in CommonJS call require() for Node's own modules, which an ES module has not. */
const requireForEsm =
  "import { createRequire as sealpointCreateRequire } from 'node:module'; const require = sealpointCreateRequire(import.meta.url);";

/** The extension host loads a CommonJS file, in which import.meta.url has to be made. */
const importMetaUrl = "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;";

function common(minify: boolean): BuildOptions {
  return {
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node22.12',
    // The SDK's ES modules can be cut to what is used, its CommonJS cannot.
    mainFields: ['module', 'main'],
    minify,
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
  };
}

async function buildPrograms(minify: boolean, entryPoints: Readonly<Record<string, string>>): Promise<Metafile> {
  const { metafile } = await build({
    ...common(minify),
    entryPoints,
    outdir: 'dist',
    format: 'esm',
    splitting: true,
    metafile: true,
    outExtension: { '.js': '.mjs' },
    // Flat: import.meta.url of a chunk is then the folder in which the workers and the .wasm lie.
    chunkNames: 'chunk-[hash]',
    banner: { js: requireForEsm },
  });
  return metafile;
}

async function buildExtension(minify: boolean): Promise<Metafile> {
  const { metafile } = await build({
    ...common(minify),
    entryPoints: ['src/app/vscode/extension.ts'],
    outfile: 'dist/extension.cjs',
    format: 'cjs',
    external: ['vscode'],
    metafile: true,
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: importMetaUrl },
  });
  return metafile;
}

/** `bin: sealpoint`. Kept readable for a Node that is too old, which is the reason for its being. */
async function buildLauncher(minify: boolean): Promise<Metafile> {
  const { metafile } = await build({
    ...common(minify),
    entryPoints: ['src/app/cli/launcher.ts'],
    outfile: 'dist/sealpoint.cjs',
    format: 'cjs',
    target: 'node14',
    external: ['./cli.mjs'],
    metafile: true,
    sourcemap: false,
    banner: { js: '#!/usr/bin/env node' },
  });
  return metafile;
}

const { values } = parseArgs({
  options: { minify: { type: 'boolean' }, extension: { type: 'boolean' }, quiet: { type: 'boolean' } },
});
const minify = values.minify ?? false;

await rm(distFolder, { recursive: true, force: true });
await mkdir(distFolder, { recursive: true });
try {
  const metafiles = await Promise.all(
    values.extension === true
      ? [buildPrograms(minify, programs), buildExtension(minify)]
      : [buildPrograms(minify, { ...programs, ...commandLine }), buildExtension(minify), buildLauncher(minify)],
  );
  await copyFile(inRepository('node_modules/node-seal/dist/seal_throws.wasm'), join(distFolder, 'seal_throws.wasm'));
  if (values.quiet !== true) process.stdout.write(await bundleReport(metafiles, distFolder));
} catch (error) {
  // esbuild has printed what it found, with the place; its stack is of no use to the reader.
  process.stderr.write(
    `The build failed: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}\n`,
  );
  process.exitCode = 1;
}
