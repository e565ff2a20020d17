import { setImmediate } from 'node:timers/promises';
import type { Progress, Running, Steps } from '../core/progress.ts';

/** Long enough that turns cost nothing, short enough that nobody notices. */
const turnMs = 50;

/** Drives a computation to its end; in between the event loop has its turns, so that a cancel is heard. @throws the signal's reason */
export async function inSteps<Outcome>(steps: Steps<Outcome>, { signal, onProgress }: Running): Promise<Outcome> {
  let since = performance.now();
  let news: Progress | undefined;
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    news = step.value ?? news;
    if (performance.now() - since < turnMs) continue;
    if (news !== undefined) onProgress(news);
    news = undefined;
    await setImmediate();
    signal.throwIfAborted();
    since = performance.now();
  }
}
