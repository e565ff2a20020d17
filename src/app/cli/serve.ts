import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { AppError } from '../../core/error.ts';
import type { Environment, Running } from '../../service/environment.ts';
import type { Context } from './context.ts';
import { deploymentHelp, wholeBetween } from './options.ts';

interface ServeFlags {
  readonly deployment?: string;
  readonly port: number;
  readonly host: string;
  readonly root?: string;
  readonly store?: string;
  readonly threads?: number;
}

interface ServeOutcome {
  readonly url: string;
  readonly served: 'ended';
}

const tokenVariable = 'SEALPOINT_TOKEN';

export function registerServe(program: Command, context: Context): void {
  program
    .command('serve')
    .description('Serve a deployment as an endpoint until it is stopped.')
    .option('--deployment <deployment>', deploymentHelp)
    .option('--port <port>', 'port; 0 for any', wholeBetween(0, 65_535), 8080)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--root <dir>', 'folder below which file:// addresses may lie')
    .option('--store <uri>', 's3://bucket/prefix below which s3:// addresses may lie')
    .option('--threads <count>', 'queries evaluated at once', wholeBetween(1, 256))
    .action((flags: ServeFlags) =>
      context.perform({
        verb: (environment, running) => serveDeployment(flags, environment, running),
        show: ({ url }) => `${url} has ended.`,
      }),
    );
}

/**
 * The endpoint is a program of its own, which knows no keys: it runs as a child that ends with this process. Clients bear the token of
 * SEALPOINT_TOKEN; where there is none, a random one is made and told once.
 */
async function serveDeployment(flags: ServeFlags, environment: Environment, running: Running): Promise<ServeOutcome> {
  const deployment = await servedDeployment(flags.deployment, environment, running);
  const given = process.env[tokenVariable];
  const token = given ?? randomBytes(32).toString('hex');
  const args = [
    '--deployment',
    deployment,
    '--host',
    flags.host,
    '--port',
    String(flags.port),
    '--token-from-env',
    '--child',
    ...placesOf(flags),
  ];
  const child = spawn(process.execPath, [fileURLToPath(environment.programs.endpoint), ...args], {
    env: { ...process.env, [tokenVariable]: token },
    stdio: ['pipe', 'pipe', 'inherit'],
    // Ctrl-C reaches this process alone, which asks the child to drain.
    detached: true,
  });
  running.signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const port = await announcedPort(child, exit);
  const url = `http://${flags.host.includes(':') ? `[${flags.host}]` : flags.host}:${String(port)}`;
  process.stderr.write(`Listening on ${url}\n${given === undefined ? `${tokenVariable}=${token}\n` : ''}`);
  const [code] = await exit;
  if (code === 0 || running.signal.aborted) return { url, served: 'ended' };
  throw new AppError('endpoint.failed', `The endpoint ended with exit code ${String(code)}.`, {
    hint: 'Its log above says why.',
  });
}

function placesOf({ root, store, threads }: ServeFlags): string[] {
  return [
    ...(root === undefined ? [] : ['--root', root]),
    ...(store === undefined ? [] : ['--store', store]),
    ...(threads === undefined ? [] : ['--threads', String(threads)]),
  ];
}

/** Whoever serves may have no client.zip: a path is taken as it is, everything else is looked up. */
async function servedDeployment(
  reference: string | undefined,
  environment: Environment,
  running: Running,
): Promise<string> {
  if (reference !== undefined && !reference.includes('://')) {
    const found = await stat(reference).catch(() => undefined);
    if (found !== undefined) return reference;
  }
  const [{ findDeployment }, { serverFolder }] = await Promise.all([
    import('../../service/find-deployment.ts'),
    import('../../service/endpoints.ts'),
  ]);
  const found = await findDeployment({ deployment: reference }, environment, running);
  return await serverFolder(found, { environment, running });
}

/** The child's first line on stdout is `{"listening": port}`; its own failure goes to stderr. */
async function announcedPort(child: ChildProcess, exit: Promise<[number | null, unknown]>): Promise<number> {
  if (child.stdout === null) throw new AppError('internal', 'The endpoint has no standard output.');
  const first = once(createInterface({ input: child.stdout }), 'line').then(([line]) => String(line));
  const line = await Promise.race([first, exit.then(() => undefined)]);
  if (line !== undefined) return (JSON.parse(line) as { readonly listening: number }).listening;
  throw new AppError('endpoint.failed', 'The endpoint did not start.', { hint: 'Its log above says why.' });
}
