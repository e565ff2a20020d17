import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { AppError } from '../../core/error.ts';
import type { Serving } from '../../service/endpoints.ts';
import type { Environment, Running } from '../../service/environment.ts';
import { listeningHost, sageMakerContainer, type SageMakerContainer } from '../sagemaker.ts';
import type { Context } from './context.ts';
import { deploymentHelp, wholeBetween } from './options.ts';

interface ServeFlags {
  readonly deployment?: string;
  readonly port?: number;
  readonly host?: string;
  readonly root?: string;
  readonly store?: string;
  readonly profile?: string;
  readonly threads?: number;
  /** False by --no-token. */
  readonly token: boolean;
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
    .option('--deployment <deployment>', `${deploymentHelp}; in a container /opt/ml/model`)
    .option('--port <port>', '8080 unless given; 0 for any', wholeBetween(0, 65_535))
    .option('--host <address>', 'address to listen on; 127.0.0.1 unless given')
    .option('--root <dir>', 'folder below which file:// addresses may lie')
    .option('--store <uri>', 'store in which keys of the path protocol are looked up: s3://bucket/prefix or a folder')
    .option('--profile <name>', 'profile whose store is served, reached as it says')
    .option('--threads <count>', 'queries evaluated at once', wholeBetween(1, 256))
    .option('--no-token', 'let in whoever reaches the address: where something before it checks callers')
    .action((flags: ServeFlags) =>
      context.perform({
        verb: (environment, running) => serveDeployment(flags, environment, running),
        show: ({ url }) => `${url} has ended.`,
      }),
    );
}

/** The endpoint is a program of its own, which knows no keys: it runs as a child that ends with this process. */
async function serveDeployment(flags: ServeFlags, environment: Environment, running: Running): Promise<ServeOutcome> {
  const container = sageMakerContainer(process.env);
  const { args, environmentVariables } = await placesOf(flags, environment);
  const token = tokenOf(flags, container);
  const deployment = await servedDeployment(flags, container, { environment, running });
  const given = [
    ['--deployment', deployment],
    ['--host', flags.host],
    ['--port', flags.port],
    ['--threads', flags.threads],
  ].flatMap(([name, value]) => (value === undefined ? [] : [String(name), String(value)]));
  const guard = token === undefined ? [] : ['--token-from-env'];
  const program = fileURLToPath(environment.programs.endpoint);
  const child = spawn(process.execPath, [program, '--child', ...given, ...args, ...guard], {
    env: { ...process.env, ...environmentVariables, [tokenVariable]: token?.value },
    stdio: ['pipe', 'pipe', 'inherit'],
    // Ctrl-C reaches this process alone, which asks the child to drain.
    detached: true,
  });
  running.signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const port = await announcedPort(child, exit);
  const host = flags.host ?? listeningHost(container);
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
  process.stderr.write(`Listening on ${url}\n${tokenText(token)}`);
  const [code] = await exit;
  if (code === 0 || running.signal.aborted) return { url, served: 'ended' };
  throw new AppError('endpoint.failed', `The endpoint ended with exit code ${String(code)}.`, {
    hint: 'Its log above says why.',
  });
}

interface Token {
  readonly value: string;
  readonly isNew: boolean;
}

/**
 * Clients bear the token of SEALPOINT_TOKEN; where there is none, a random one is made and told once. SageMaker checks its callers itself
 * and passes no token on: in its containers there is one only where the variable asks for it.
 */
function tokenOf({ token }: ServeFlags, { port }: SageMakerContainer): Token | undefined {
  if (!token) return undefined;
  const given = process.env[tokenVariable];
  if (given !== undefined) return { value: given, isNew: false };
  return port === undefined ? { value: randomBytes(32).toString('hex'), isNew: true } : undefined;
}

function tokenText(token: Token | undefined): string {
  if (token === undefined) return 'No token is asked for: whoever reaches the address is served.\n';
  return token.isNew ? `${tokenVariable}=${token.value}\n` : '';
}

/** Where file:// and s3:// addresses may lie, as the endpoint's arguments; a profile brings its store and its way to S3. */
async function placesOf({ root, store, profile }: ServeFlags, environment: Environment): Promise<Serving> {
  const given = [...(root === undefined ? [] : ['--root', root]), ...(store === undefined ? [] : ['--store', store])];
  if (profile === undefined) return { args: given, environmentVariables: {} };
  const [{ servingOf }, { resolveProfile }] = await Promise.all([
    import('../../service/endpoints.ts'),
    import('../../service/profiles.ts'),
  ]);
  const { args, environmentVariables } = servingOf(await resolveProfile(profile, environment));
  return { args: given.length === 0 ? args : given, environmentVariables };
}

/** Whoever serves may have no client.zip: a path is taken as it is, everything else is looked up. Undefined: the container's model. */
async function servedDeployment(
  { deployment, profile }: ServeFlags,
  container: SageMakerContainer,
  context: { readonly environment: Environment; readonly running: Running },
): Promise<string | undefined> {
  if (deployment === undefined && container.model !== undefined) return undefined;
  if (deployment !== undefined && !deployment.includes('://')) {
    const found = await stat(deployment).catch(() => undefined);
    if (found !== undefined) return deployment;
  }
  const [{ findDeployment }, { serverFolder }] = await Promise.all([
    import('../../service/find-deployment.ts'),
    import('../../service/endpoints.ts'),
  ]);
  const { environment, running } = context;
  return await serverFolder(await findDeployment({ deployment, profile }, environment, running), context);
}

/** The child's first line on stdout is `{"listening": port}`; its own failure goes to stderr. */
async function announcedPort(child: ChildProcess, exit: Promise<[number | null, unknown]>): Promise<number> {
  if (child.stdout === null) throw new AppError('internal', 'The endpoint has no standard output.');
  const first = once(createInterface({ input: child.stdout }), 'line').then(([line]) => String(line));
  const line = await Promise.race([first, exit.then(() => undefined)]);
  if (line !== undefined) return (JSON.parse(line) as { readonly listening: number }).listening;
  throw new AppError('endpoint.failed', 'The endpoint did not start.', { hint: 'Its log above says why.' });
}
