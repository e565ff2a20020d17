import { describe, expect, it } from 'vitest';
import type { RunOutcome } from '../../core/artifact/outcomes.ts';
import { AppError } from '../../core/error.ts';
import { bytesText, errorText, plural, ranText, secondsText, summaryMarkdown } from './words.ts';

const outcome: RunOutcome = {
  job: 'c'.repeat(32),
  deployment: 'd'.repeat(64),
  plan: 'throughput',
  key: 'e'.repeat(64),
  profile: 'local',
  output: '/home/ada/data.predictions.csv',
  records: 143,
  queries: 1,
  verified: 12,
  clipped: 0,
  bytes: { sent: 63_216, received: 93_048 },
  seconds: { encrypt: 0.18, evaluate: 0.6, decrypt: 0.03, total: 2.2 },
  warnings: ['There was no key set.'],
};

describe('the texts of the editor', () => {
  it('names each place of an error once, files by their last part', () => {
    const place = { file: '/home/ada/wrong.csv', row: 2, column: 'mean radius' };
    expect(errorText(new AppError('data.not-a-number', 'The value is no number.', place))).toBe(
      'wrong.csv, row 2, column mean radius: The value is no number.',
    );
    const told = new AppError('data.not-a-number', '/home/ada/wrong.csv, row 2: "mean radius" is no number.', {
      ...place,
      hint: 'Write digits.',
    });
    expect(errorText(told)).toBe('wrong.csv, row 2: "mean radius" is no number. Write digits.');
  });

  it('tells the line where no row is known', () => {
    expect(errorText(new AppError('data.unreadable', 'Cut off.', { file: 'a.csv', line: 7 }))).toBe(
      'a.csv, line 7: Cut off.',
    );
  });

  it('writes amounts as people read them', () => {
    expect([bytesText(512), bytesText(15_600), bytesText(3_200_000)]).toEqual(['512 bytes', '15.6 kB', '3.2 MB']);
    expect([secondsText(0.0003), secondsText(0.05), secondsText(2.34), secondsText(61)]).toEqual([
      '0.3 ms',
      '50 ms',
      '2.3 s',
      '61 s',
    ]);
    expect([plural(1, 'query', 'queries'), plural(1200, 'query', 'queries')]).toEqual(['1 query', '1,200 queries']);
  });

  it('sums a job up in one line and on one page', () => {
    expect(ranText(outcome)).toBe('143 predictions decrypted, 12 canaries verified: 63.2 kB sent, 2.2 s.');
    const page = summaryMarkdown(outcome);
    expect(page).toContain('# Encrypted inference: data.predictions.csv');
    expect(page).toContain('| Canaries verified | 12 of 12 |');
    expect(page).toContain('> There was no key set.');
    expect(page).toContain('## What the server saw');
  });
});
