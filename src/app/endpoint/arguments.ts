import { parseArgs } from 'node:util';
import { AppError } from '../../core/error.ts';
import { listeningHost, sageMakerContainer } from '../sagemaker.ts';

/** What `sealpoint serve` was asked for. */
export interface ServeArguments {
  readonly deployment: string;
  readonly host: string;
  readonly port: number;
  readonly root: string | undefined;
  readonly store: string | undefined;
  readonly threads: number | undefined;
  readonly token: string | undefined;
  /** End when stdin closes: the parent is gone then, however it went. */
  readonly isChild: boolean;
}

export const tokenVariable = 'SEALPOINT_TOKEN';
const defaultPort = 8080;
const options = {
  deployment: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'string' },
  root: { type: 'string' },
  store: { type: 'string' },
  threads: { type: 'string' },
  'token-from-env': { type: 'boolean', default: false },
  child: { type: 'boolean', default: false },
} as const;

/**
 * Arguments first, then what SageMaker tells its containers.
 * @throws {AppError} usage.arguments
 */
export function parseServeArguments(args: readonly string[], environment: NodeJS.ProcessEnv): ServeArguments {
  const values = parsed(args);
  const container = sageMakerContainer(environment);
  return {
    deployment: values.deployment ?? container.model ?? missingDeployment(),
    host: values.host ?? listeningHost(container),
    port: wholeNumber('--port', values.port ?? container.port ?? String(defaultPort), { least: 0, most: 65_535 }),
    root: values.root,
    store: values.store,
    threads:
      values.threads === undefined ? undefined : wholeNumber('--threads', values.threads, { least: 1, most: 256 }),
    token: values['token-from-env'] ? tokenFrom(environment) : undefined,
    isChild: values.child,
  };
}

function parsed(args: readonly string[]): ReturnType<typeof parseArgs<{ options: typeof options }>>['values'] {
  try {
    // `docker run IMAGE serve` gives the verb as well.
    const { values } = parseArgs({
      args: args[0] === 'serve' ? args.slice(1) : [...args],
      options,
      strict: true,
      allowPositionals: false,
    });
    return values;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('usage.arguments', message, { cause, hint: 'See docs/endpoint.md for the arguments of serve.' });
  }
}

function missingDeployment(): never {
  throw new AppError('usage.arguments', "serve needs --deployment: a deployment's folder or its server.zip.", {
    hint: 'Without it, /opt/ml/model is served where it exists.',
  });
}

/** An empty token would let everybody in. */
function tokenFrom(environment: NodeJS.ProcessEnv): string {
  const token = environment[tokenVariable] ?? '';
  if (token.length >= 16) return token;
  throw new AppError('usage.arguments', `--token-from-env wants at least 16 characters in ${tokenVariable}.`);
}

function wholeNumber(
  name: string,
  text: string,
  { least, most }: { readonly least: number; readonly most: number },
): number {
  const value = Number(text);
  if (/^\d+$/u.test(text) && value >= least && value <= most) return value;
  throw new AppError('usage.arguments', `${name} wants a whole number from ${String(least)} to ${String(most)}.`);
}
