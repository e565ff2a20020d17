import { describe, expect, it } from 'vitest';
import { type Figure, median } from '../../bench/bench.ts';
import { benchContext } from '../../bench/context.ts';
import { describeMachine } from '../../bench/machine.ts';
import { withSections } from '../../bench/report.ts';

describe('a bench', () => {
  it('takes the middle of its times, and nothing from nothing', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(() => median([])).toThrow(RangeError);
  });

  it('runs its work as often as asked, warm-ups not counted', async () => {
    const figures: Figure[] = [];
    let runs = 0;
    const context = benchContext('nowhere', figures, () => undefined);
    await context.measure('counting', () => (runs += 1), { repeats: 3, warmUps: 2 });
    expect(runs).toBe(5);
    expect(figures).toMatchObject([{ what: 'counting', unit: 'ms', repeats: 3 }]);
  });

  it('replaces its own section of the document and leaves the others', async () => {
    const machine = await describeMachine();
    const figure = {
      what: 'one query',
      value: 2048,
      unit: 'bytes',
      goal: 'at most 4 kB',
      peer: { name: 'other', value: 4096 },
    };
    const measured = (name: string, value: number) => ({
      name,
      day: '2026-01-02',
      machine,
      figures: [{ ...figure, value }],
    });
    const first = withSections('', [measured('b', 2048), measured('a', 1)]);
    const second = withSections(first, [measured('b', 1024)]);
    expect(second).toContain('| one query | 1,024 bytes |  | at most 4 kB | other: 4,096 bytes | 0.25 |');
    expect(second).not.toContain('2,048 bytes');
    expect(second.indexOf('## a')).toBeLessThan(second.indexOf('## b'));
    expect(second.match(/^# Measurements$/gm)).toHaveLength(1);
  });
});
