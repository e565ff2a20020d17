import { serve } from './command.ts';

/**
 * The entry file of `sealpoint serve`, and of the child process that `sealpoint run` starts. Worker files lie beside the bundle, or beside
 * the sources when Node runs these.
 */
const isSource = import.meta.url.endsWith('.ts');
const beside = (source: string, bundled: string): URL => new URL(isSource ? source : bundled, import.meta.url);

// Exits by itself rather than waiting for what an engine may have left open: an orphan would hold the model in memory.
process.exit(
  await serve({
    args: process.argv.slice(2),
    programs: {
      clientWorker: beside('../../seal/client-worker.ts', './client-worker.js'),
      serverWorker: beside('../../seal/server-worker.ts', './server-worker.js'),
      endpoint: new URL(import.meta.url),
    },
  }),
);
