import { describe, expect, it } from 'vitest';
import type { JobPreview } from '../../service/preview.ts';
import { reviewLines } from './review-words.ts';

const preview: JobPreview = {
  records: 123_456,
  clipped: 0,
  queries: 16,
  bytes: { queries: 452_800_000, results: 2_107_520 },
  seconds: 8210,
  parts: { encrypt: 1100, evaluate: 7000, decrypt: 110 },
  plan: { mode: 'throughput', scheme: 'bgv', packing: 'coefficients', securityBits: 128, errorBound: 0.0031 },
  evaluationKeys: { bytes: 1_012_345, areThere: false },
  lineSeconds: 0,
  profile: { name: 'local', store: 'file:///home/ada/store/', endpoint: 'local' },
};
const team = { name: 'team', store: 's3://bucket/prefix/', endpoint: 'https://endpoint.example' };
const { profile: _profile, ...toFiles } = preview;
const { parts: _parts, ...unmeasured } = preview;

function labels(of: JobPreview): string[] {
  return reviewLines(of).map(({ label }) => label.replace(/^\$\([\w-]+\) /u, ''));
}

describe('the review of a job', () => {
  it('tells what is computed, sent and awaited, and where', () => {
    expect(labels(preview)).toEqual([
      '123,456 records in 16 queries',
      '453.8 MB to send',
      '2 h 17 min to compute',
      'On this machine',
    ]);
    expect(reviewLines(preview)[0]?.description).toBe('scores within ±0.0031');
  });

  it('counts keys only where they are not there yet, and the line where there is one', () => {
    const away = { ...preview, profile: team, lineSeconds: 95, evaluationKeys: { bytes: 1e6, areThere: true } };
    expect(labels(away).slice(1)).toEqual([
      '452.8 MB to send',
      '2 h 17 min to compute, 95 s on a usual line',
      'To s3://bucket/prefix/',
    ]);
  });

  it('speaks of files where nothing is sent', () => {
    expect(labels(toFiles).slice(1)).toEqual(['452.8 MB to write', '18 min to encrypt', 'Nothing is sent']);
  });

  it('says what will be clipped, and of lone records that the number of queries is drawn', () => {
    const lone = { ...preview, clipped: 3, plan: { ...preview.plan, mode: 'latency', packing: 'bits' } } as const;
    expect(labels(lone).slice(0, 2)).toEqual(['123,456 records in about 16 queries', '3 values will be clipped']);
  });

  it('fits the list: about eighty characters of a detail are seen', () => {
    const all = [preview, { ...preview, profile: team }, toFiles, unmeasured, { ...preview, clipped: 1 }];
    for (const { detail } of all.flatMap(reviewLines)) expect(detail.length, detail).toBeLessThanOrEqual(82);
  });
});
