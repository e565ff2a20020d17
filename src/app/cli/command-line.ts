import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { AppError, errorCodes, errorDocument, toAppError } from '../../core/error.ts';
import type { Environment } from '../../service/environment.ts';
import { sealpointHome } from '../home.ts';
import { packageFileOf, programsOf } from '../programs.ts';
import { commandGroups } from './commands.ts';
import type { Context, GlobalOptions } from './context.ts';
import { failureText } from './failure.ts';
import { openOutput, type Output } from './output.ts';
import { passphraseSource } from './passphrase.ts';

const epilogue = `
Examples:
  sealpoint compile model.onnx --calibration rows.csv -o model.sealpoint
  sealpoint run patients.csv --deployment model.sealpoint -o predictions.csv
  sealpoint keys create model.sealpoint --name mine
  sealpoint encrypt patients.csv --deployment model.sealpoint --key mine -o queries

Exit codes: 0 done, 1 failed, 2 usage, 3 input refused, 4 a result did not verify, 130 cancelled.
State lies in SEALPOINT_HOME; passphrases come from a prompt, SEALPOINT_PASSPHRASE or --passphrase-file.`;

/** Runs one command; everything is printed when this resolves. Returns the exit code, fails never. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const output = openOutput();
  const abort = abortOnSignals();
  const passphrase = process.env['SEALPOINT_PASSPHRASE'];
  // Child processes inherit the environment, and the evaluator has no business with it.
  delete process.env['SEALPOINT_PASSPHRASE'];
  const usage: string[] = [];
  const program = newProgram(output, usage);
  const options = (): GlobalOptions => ({
    json: false,
    verbose: false,
    passphraseFile: undefined,
    ...program.opts<Partial<GlobalOptions>>(),
  });
  try {
    for (const register of commandGroups)
      register(program, contextOf({ options, output, passphrase, signal: abort.signal }));
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const failure = error instanceof CommanderError ? usageError(error) : failureOf(error, abort.signal);
    output.clearProgress();
    if (args.includes('--json')) await output.document(errorDocument(failure));
    else if (error instanceof CommanderError && error.code === 'commander.help') output.note(usage.join('').trimEnd());
    else output.note(failureText(failure, { verbose: options().verbose }));
    return errorCodes[failure.code].exit;
  } finally {
    await output.flush();
  }
}

function newProgram(output: Output, usage: string[]): Command {
  const { version, description } = JSON.parse(readFileSync(packageFileOf(), 'utf8')) as {
    readonly version: string;
    readonly description: string;
  };
  return new Command('sealpoint')
    .description(description)
    .version(version, '-V, --version', 'Print the version.')
    .helpOption('-h, --help', 'Say how a command is used.')
    .helpCommand(false)
    .option('--json', 'Print one JSON document on stdout.')
    .option('--verbose', 'Print the log on stderr.')
    .option('--passphrase-file <file>', 'Read the passphrase from the first line of a file.')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', epilogue)
    .exitOverride()
    .configureOutput({ writeOut: (text) => output.print(text), writeErr: (text) => usage.push(text) });
}

interface ContextParts {
  readonly options: () => GlobalOptions;
  readonly output: Output;
  readonly passphrase: string | undefined;
  readonly signal: AbortSignal;
}

function contextOf({ options, output, passphrase, signal }: ContextParts): Context {
  return {
    async perform({ verb, show }) {
      const { json, verbose, passphraseFile } = options();
      const environment: Environment = {
        home: sealpointHome(),
        programs: programsOf(),
        askPassphrase: passphraseSource({ passphrase, passphraseFile, output, signal }),
        log: (message) => {
          if (verbose) output.note(message);
        },
        notify: (message) => output.note(message),
      };
      const outcome = await verb(environment, { signal, onProgress: (progress) => output.progress(progress) });
      output.clearProgress();
      if (json) await output.document(outcome);
      else output.print(`${show(outcome)}\n`);
    },
  };
}

/** The first signal asks everything to stop; a second one does not wait for it. */
function abortOnSignals(): AbortController {
  const abort = new AbortController();
  const stop = (): void => {
    if (abort.signal.aborted) process.exit(errorCodes.cancelled.exit);
    abort.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return abort;
}

/** After a cancel, whatever was torn down on the way is a cancel as well. */
function failureOf(error: unknown, signal: AbortSignal): AppError {
  if (!signal.aborted) return toAppError(error);
  // A hint on how to go on, such as the job's id, is worth keeping.
  const hint = error instanceof AppError ? error.hint : undefined;
  return new AppError('cancelled', 'Cancelled.', { hint, cause: error });
}

function usageError(error: CommanderError): AppError {
  const message =
    error.code === 'commander.help'
      ? 'A command is missing'
      : error.message.replace(/^error: /u, '').replace('\n', ' ');
  return new AppError(
    'usage.arguments',
    `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.?!)]$/u.test(message) ? '' : '.'}`,
    {
      hint: 'sealpoint --help lists the commands, sealpoint COMMAND --help the arguments of one.',
      cause: error,
    },
  );
}
