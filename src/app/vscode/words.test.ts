import { describe, expect, it } from 'vitest';
import type { CompileOutcome, PlanOutcome, RunOutcome } from '../../core/artifact/outcomes.ts';
import { AppError } from '../../core/error.ts';
import {
  bytesText,
  compiledText,
  errorText,
  modelText,
  plural,
  ranText,
  secondsText,
  summaryMarkdown,
} from './words.ts';

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
    expect([
      secondsText(2e-6),
      secondsText(0.0003),
      secondsText(0.05),
      secondsText(2.34),
      secondsText(61),
      secondsText(1e4),
    ]).toEqual(['2 µs', '0.3 ms', '50 ms', '2.3 s', '61 s', '2 h 47 min']);
    expect([plural(1, 'query', 'queries'), plural(1200, 'query', 'queries')]).toEqual(['1 query', '1,200 queries']);
  });

  it('says of a compiled model what each plan costs and promises', () => {
    const bytes = { evaluationKeys: 17_000, query: 28_300_000, result: 131_700 };
    const seconds = { keys: 0.4, encrypt: 0.6, evaluate: 0.8189, decrypt: 0.01 };
    const plan = { mode: 'throughput', packing: 'records', capacity: 8189, agreement: 1, errorBound: 0.0031 };
    const plans = [{ ...plan, bytes, seconds } as PlanOutcome];
    expect(compiledText({ path: '/home/ada/trees.sealpoint', plans } as unknown as CompileOutcome)).toBe(
      'trees.sealpoint is compiled. Whole files: 100 µs a record, query 28.3 MB, result 131.7 kB for 8,189 records (records packing); 100.0 % agree, scores within ±0.0031. Evaluation keys: 17.0 kB.',
    );
  });

  it('names a model by what it is made of', () => {
    expect(modelText({ kind: 'trees', source: 'XGBoost 3.2.0', inputs: 30, parts: 100 })).toBe(
      'XGBoost 3.2.0: 100 trees, 30 features',
    );
    expect(modelText({ kind: 'pickle' })).toBeUndefined();
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
