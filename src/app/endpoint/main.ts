import { programsOf } from '../programs.ts';
import { serve } from './command.ts';

/** The entry file of `sealpoint serve`, and of the child process that `sealpoint run` starts. Ends without waiting for what is still open. */
process.exit(await serve({ args: process.argv.slice(2), programs: programsOf(import.meta.url) }));
