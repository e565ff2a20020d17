import type { Log } from './log.ts';
import type { Memory } from './memory.ts';
import type { Summaries } from './summary.ts';
import type { Trees } from './trees.ts';
import type { Verbs } from './verbs.ts';

/** What every command gets. */
export interface Context {
  readonly verbs: Verbs;
  readonly log: Log;
  readonly memory: Memory;
  readonly trees: Trees;
  readonly summaries: Summaries;
}
