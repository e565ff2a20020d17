import type { Steps } from '../src/core/progress.ts';

/** A computation from its first step to its end. */
export function inOneGo<Outcome>(steps: Steps<Outcome>): Outcome {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
