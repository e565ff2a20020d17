import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { throttle } from './throttle.ts';

describe('throttle', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('passes the first value at once and then only the newest of each interval', () => {
    const passed: number[] = [];
    using progress = throttle<number>(250, (value) => passed.push(value));
    for (let step = 0; step < 100; step++) {
      progress.push(step);
      vi.advanceTimersByTime(10);
    }
    vi.advanceTimersByTime(1000);
    expect(passed.length).toBeLessThanOrEqual(5);
    expect(passed[0]).toBe(0);
    expect(passed.at(-1)).toBe(99);
  });

  it('passes nothing on after it was disposed', () => {
    const passed: string[] = [];
    {
      using progress = throttle<string>(250, (value) => passed.push(value));
      progress.push('first');
      progress.push('second');
    }
    vi.advanceTimersByTime(1000);
    expect(passed).toEqual(['first']);
  });
});
