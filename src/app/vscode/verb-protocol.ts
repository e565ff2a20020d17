import type { ErrorDocument } from '../../core/error.ts';
import type { Progress } from '../../core/progress.ts';
import type { Programs } from '../../service/environment.ts';
import type { VerbName } from './verb-table.ts';

/** Messages between the extension host and the worker that runs verbs. `call` numbers a verb's call, `ask` a question within it. */

/** What the worker is started with. */
export interface WorkerStart {
  readonly home: string;
  /** URLs as text: a URL object does not survive the structured clone. */
  readonly programs: { readonly [Name in keyof Programs]: string };
}

export type ToWorker =
  | { readonly kind: 'call'; readonly call: number; readonly verb: VerbName; readonly options: unknown }
  | { readonly kind: 'abort'; readonly call: number }
  | { readonly kind: 'answer'; readonly ask: number; readonly value: unknown }
  | { readonly kind: 'refused'; readonly ask: number; readonly error: ErrorDocument['error'] };

/** What only the host can do for a verb: talk to a person, read the editor's secret storage. */
export type Question =
  | { readonly kind: 'passphrase'; readonly purpose: string; readonly confirm: boolean }
  | { readonly kind: 'vault.get'; readonly fingerprint: string }
  | { readonly kind: 'vault.own' };

export type FromWorker =
  | { readonly kind: 'done'; readonly call: number; readonly outcome: unknown }
  | { readonly kind: 'failed'; readonly call: number; readonly error: ErrorDocument['error'] }
  | { readonly kind: 'progress'; readonly call: number; readonly progress: Progress }
  | { readonly kind: 'log'; readonly message: string }
  | { readonly kind: 'ask'; readonly ask: number; readonly question: Question };
