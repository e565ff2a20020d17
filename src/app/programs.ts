import type { Programs } from '../service/environment.ts';

/**
 * The program files that verbs start: sources where the asking module is one, else the bundles beside it (the build lays bundles and the
 * chunks they share flat in `dist/`).
 * @param asking import.meta.url of the module that asks
 */
export function programsOf(asking: string = import.meta.url): Programs {
  if (!asking.endsWith('.ts')) {
    return {
      clientWorker: new URL('./client-worker.mjs', asking),
      serverWorker: new URL('./server-worker.mjs', asking),
      endpoint: new URL('./endpoint.mjs', asking),
      converter: new URL('../resources/convert_model.py', asking),
    };
  }
  const sources = sourcesOf(asking);
  return {
    clientWorker: new URL('seal/client-worker.ts', sources),
    serverWorker: new URL('seal/server-worker.ts', sources),
    endpoint: new URL('app/endpoint/main.ts', sources),
    converter: new URL('../resources/convert_model.py', sources),
  };
}

/** package.json of the product: above the sources, or above `dist/`. */
export function packageFileOf(asking: string = import.meta.url): URL {
  return asking.endsWith('.ts') ? new URL('../package.json', sourcesOf(asking)) : new URL('../package.json', asking);
}

function sourcesOf(asking: string): string {
  return asking.slice(0, asking.lastIndexOf('/src/') + '/src/'.length);
}
