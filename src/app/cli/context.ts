import type { Environment, Running } from '../../service/environment.ts';

/** Options that every command takes, before or after its own. */
export interface GlobalOptions {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly passphraseFile: string | undefined;
}

/** A verb with its options bound; `show` tells a person what came of it. */
export interface Task<Outcome> {
  readonly verb: (environment: Environment, running: Running) => Promise<Outcome>;
  readonly show: (outcome: Outcome) => string;
}

/** What a command's file needs of the program: a way to run a verb and print its outcome. */
export interface Context {
  perform<Outcome>(task: Task<Outcome>): Promise<void>;
}
