import { describe, expect, it } from 'vitest';
import { addUp, line, totalsIn } from './totals.ts';

describe('the totals of a part', () => {
  it('are the last ones that its runner printed alone at the start of a line', () => {
    expect(totalsIn('1 passed, 2 failed\nsaid: 9 passed, 9 failed\n13 passed, 0 failed, 2 skipped\n')).toEqual({
      passed: 13,
      failed: 0,
    });
  });

  it('are unknown when a runner printed none', () => {
    expect(totalsIn('all is well\n')).toBeUndefined();
  });

  it('add up, with their notes', () => {
    const sum = addUp([
      { passed: 2, failed: 0, notes: ['one'] },
      { passed: 3, failed: 1, notes: [] },
    ]);
    expect(sum).toEqual({ passed: 5, failed: 1, notes: ['one'] });
    expect(line(sum)).toBe('5 passed, 1 failed');
  });
});
