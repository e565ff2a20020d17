import { describe, expect, it } from 'vitest';
import type { Progress, Steps } from '../core/progress.ts';
import { inSteps } from './in-steps.ts';

/** Computes for about so long, with a report of each step. */
function* busy(milliseconds: number): Steps<number> {
  const until = performance.now() + milliseconds;
  let steps = 0;
  for (; performance.now() < until; steps += 1) {
    yield { stage: 'Planning', done: steps };
    yield;
  }
  return steps;
}

describe('a computation in steps', () => {
  it('is driven to its end, and told the newest of what it said', async () => {
    const told: Progress[] = [];
    const outcome = await inSteps(busy(200), {
      signal: new AbortController().signal,
      onProgress: (progress) => told.push(progress),
    });
    expect(outcome).toBeGreaterThan(0);
    expect(told.length).toBeGreaterThan(0);
    expect(told.every(({ done }, index) => done !== undefined && done > (told[index - 1]?.done ?? -1))).toBe(true);
  });

  it('ends unfinished when an event that came meanwhile cancels it', async () => {
    const abort = new AbortController();
    function* endless(): Steps<never> {
      for (;;) yield;
    }
    setTimeout(() => {
      abort.abort(new Error('enough'));
    }, 10);
    await expect(inSteps(endless(), { signal: abort.signal, onProgress: () => undefined })).rejects.toThrow('enough');
  });
});
