import * as z from 'zod';
import { hexId, jobId } from './headers.ts';
import { planMode } from './outcomes.ts';

export const jobState = z.enum(['running', 'done', 'failed', 'cancelled']);
export type JobState = z.infer<typeof jobState>;

/** `jobs/<job>/job.json` in the store: ids, counts and states; no file or column names. */
export const jobDocument = z.strictObject({
  format: z.literal('sealpoint.job'),
  version: z.literal(1),
  job: jobId,
  created: z.iso.datetime(),
  state: jobState,
  deployment: hexId,
  plan: planMode,
  key: hexId,
  records: z.int().positive(),
  queries: z.int().positive(),
  verified: z.int().nonnegative(),
});
export type JobDocument = z.infer<typeof jobDocument>;
