import * as z from 'zod';
import { hexId } from './headers.ts';
import {
  activationOutcome,
  candidateOutcome,
  modelOutcome,
  planMode,
  planOutcome,
  plaintextOutcome,
} from './outcomes.ts';

const count = z.int().nonnegative();

/** A plan as its proof found it on the machine that compiled. */
const provedPlan = z.strictObject({
  ...planOutcome.shape,
  errorBound: z.number(),
  rmsError: z.number(),
  canariesVerified: count,
  slowdown: z.number(),
  /** Where the parameters stand in the stricter table for 128 bits: log2 Q, special prime included, and the most that it allows. */
  security: z.strictObject({
    bits: z.literal(128),
    scheme: z.enum(['ckks', 'bgv']),
    polyModulusDegree: count,
    logQ: count,
    table: z.string(),
    mostLogQ: count,
  }),
});

/** report.json: what was measured when a deployment was compiled; outside its id. It tells of the model, so it lies with the server's part. */
export const reportDocument = z.strictObject({
  format: z.literal('sealpoint.report'),
  version: z.literal(1),
  deployment: hexId,
  backend: z.literal('seal'),
  model: modelOutcome,
  calibration: z.strictObject({ rows: count, syntheticRows: count }),
  tolerance: z.strictObject({ maxError: z.number(), minAgreement: z.number(), scoreScale: z.number() }),
  plaintext: plaintextOutcome,
  plans: z.array(provedPlan).min(1),
  /** Of a network, from the first one on. */
  activations: z.array(activationOutcome).exactOptional(),
  candidates: z.array(candidateOutcome),
  /** Modes of `auto` that have no plan, and why. */
  refused: z.array(z.strictObject({ mode: planMode, reason: z.string() })).exactOptional(),
  /** What whoever holds client.zip learns, in sentences. */
  reveals: z.array(z.string()),
  bytes: z.strictObject({ client: count, server: count }),
  machine: z.strictObject({ processor: z.string(), cores: count, memoryBytes: count, node: z.string() }),
});
export type ReportDocument = z.infer<typeof reportDocument>;
