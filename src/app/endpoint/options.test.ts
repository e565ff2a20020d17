import { describe, expect, it } from 'vitest';
import { largestQueryBytes } from '../../core/plan/memory.ts';
import { defaultLimits } from './options.ts';

describe('defaultLimits', () => {
  it('takes every query that a plan may ask for, predicted a tenth too small', () => {
    expect(defaultLimits.queryBytes).toBeGreaterThan(1.1 * largestQueryBytes);
  });
});
