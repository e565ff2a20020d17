import { homedir } from 'node:os';
import { join } from 'node:path';
import { errorCodes, errorDocument, toAppError } from '../../core/error.ts';
import { openEndpointEngine, type EndpointEngine } from '../../service/endpoint-engine.ts';
import type { Environment, Programs } from '../../service/environment.ts';
import { openStore } from '../../service/stores.ts';
import { parseServeArguments, tokenVariable, type ServeArguments } from './arguments.ts';
import { startEndpoint, type RunningEndpoint } from './serve.ts';
import { createSources } from './sources.ts';

export interface ServeContext {
  readonly args: readonly string[];
  readonly programs: Programs;
  /** Opens what computes; tests give their own. */
  readonly openEngine?: typeof openEndpointEngine;
}

/**
 * `sealpoint serve`: announces itself by one line on stdout, `{"listening": port}`, logs to stderr, and drains on SIGTERM and SIGINT.
 * @returns the exit code, when the server has ended
 */
export async function serve({ args, programs, openEngine = openEndpointEngine }: ServeContext): Promise<number> {
  try {
    const given = parseServeArguments(args, process.env);
    // Whatever this process starts need not know it.
    Reflect.deleteProperty(process.env, tokenVariable);
    const stopped = untilStopped(given.isChild);
    const { deployment, threads } = given;
    const engine = await openEngine(
      { deployment, ...(threads === undefined ? {} : { threads }) },
      environmentOf(programs),
    );
    try {
      await run(given, engine, stopped);
    } finally {
      await engine.close();
    }
    return 0;
  } catch (error) {
    const known = toAppError(error);
    log(JSON.stringify(errorDocument(known)));
    return errorCodes[known.code].exit;
  }
}

async function run(given: ServeArguments, engine: EndpointEngine, stopped: Promise<'drain' | 'abort'>): Promise<void> {
  const { root, store, host, port, token } = given;
  const sources = createSources({ root, store, openStore: (uri) => openStore(uri) });
  const endpoint: RunningEndpoint = await startEndpoint({ engine, sources, host, port, token, log });
  process.stdout.write(`${JSON.stringify({ listening: endpoint.port })}\n`);
  log(JSON.stringify({ time: new Date().toISOString(), deployment: engine.deployment, host, port: endpoint.port }));
  const how = await stopped;
  await (how === 'drain' ? endpoint.close() : endpoint.abort());
}

/** A signal drains. A parent that is gone needs no answers any more: work stops at once, and no orphan is left. */
function untilStopped(isChild: boolean): Promise<'drain' | 'abort'> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => {
      resolve('drain');
    });
    process.once('SIGINT', () => {
      resolve('drain');
    });
    const orphaned = (): void => {
      resolve('abort');
    };
    if (process.channel !== undefined) process.once('disconnect', orphaned);
    if (!isChild) return;
    process.stdin.once('end', orphaned).once('close', orphaned).once('error', orphaned).resume();
  });
}

function environmentOf(programs: Programs): Environment {
  // The endpoint keeps no state; a home is only part of what every verb gets.
  const home = process.env['SEALPOINT_HOME'] ?? join(homedir(), '.sealpoint');
  return { home, programs, log };
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}
