import { describe, expect, it } from 'vitest';
import { inOneGo } from '../../../test/in-one-go.ts';
import type { PlanMode } from '../artifact/outcomes.ts';
import { AppError } from '../error.ts';
import { planEachMode } from './each-mode.ts';

function refusal(modes: readonly PlanMode[]): AppError {
  const steps = planEachMode(modes, function* (mode) {
    yield;
    throw new AppError('plan.impossible', `Too much for ${mode}.`, { hint: 'Train fewer trees.' });
  });
  try {
    inOneGo(steps);
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('nothing was refused');
}

describe('a model that no wanted mode has a plan for', () => {
  it('is told what each mode lacks, and is not sent from one to the other', () => {
    const { code, message, hint } = refusal(['latency', 'throughput']);
    expect({ code, message, hint }).toEqual({
      code: 'plan.impossible',
      message: 'Too much for latency. Too much for throughput.',
      hint: 'Train fewer trees.',
    });
  });

  it.each([
    ['latency', 'throughput'],
    ['throughput', 'latency'],
  ] as const)('is sent from %s to %s where that was not tried', (wanted, other) => {
    expect(refusal([wanted]).hint).toBe(`Train fewer trees. Or try --mode ${other}.`);
  });
});
