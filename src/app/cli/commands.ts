import type { Command } from 'commander';
import type { Context } from './context.ts';
import { registerCompile } from './compile.ts';
import { registerInspect } from './inspect.ts';
import { registerKeys } from './keys.ts';
import { registerProfiles } from './profiles.ts';
import { registerQueries } from './queries.ts';
import { registerRun } from './run.ts';
import { registerServe } from './serve.ts';
import { registerStore } from './store.ts';

/** Every command of `sealpoint`, in the order of its help. A verb's module is loaded when its command runs, so that help is quick. */
export const commandGroups: readonly ((program: Command, context: Context) => void)[] = [
  registerCompile,
  registerInspect,
  registerKeys,
  registerQueries,
  registerRun,
  registerServe,
  registerStore,
  registerProfiles,
];
