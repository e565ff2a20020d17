import * as z from 'zod';
import { clientPlan, serverPlan } from '../plan/plan.ts';
import { hexId } from './headers.ts';

/** Names of the entries of client.zip and server.zip. */
export const entryNames = {
  /** In both: format, version, ids; not part of the content's digest. */
  identity: 'deployment.json',
  client: 'client.json',
  /** float64, little-endian: canaryPool x inputs, preprocessed features. */
  canaries: 'canaries.bin',
  /** float64, little-endian: canaryPool x outputs of one plan. */
  canaryScores: (mode: string) => `canary-scores-${mode}.bin`,
  server: 'server.json',
  /** float64, little-endian: what the plans' tensor references point into. */
  tensors: 'tensors.bin',
} as const;

export const identityDocument = z.strictObject({
  format: z.literal('sealpoint.deployment'),
  version: z.literal(1),
  side: z.enum(['client', 'server']),
  deployment: hexId,
  digests: z.strictObject({ client: hexId, server: hexId }),
});
export type IdentityDocument = z.infer<typeof identityDocument>;

const finite = z.number();
const category = z.union([z.string(), finite]);

const feature = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('number'),
    column: z.int().nonnegative(),
    missing: z.union([z.literal('refuse'), z.literal('keep'), finite]),
    zeroIsMissing: z.literal(true).exactOptional(),
    offset: finite,
    scale: finite,
    float32: z.boolean(),
  }),
  z.strictObject({
    kind: z.literal('one-hot'),
    column: z.int().nonnegative(),
    category,
    offset: finite,
    scale: finite,
  }),
  z.strictObject({
    kind: z.literal('ordinal'),
    column: z.int().nonnegative(),
    categories: z.array(category),
    values: z.array(finite),
    unknown: z.union([z.literal('refuse'), finite]),
  }),
]);

const preprocessing = z.strictObject({
  columns: z.array(z.strictObject({ name: z.string(), type: z.enum(['number', 'text']) })).min(1),
  features: z.array(feature).min(1),
  refuseUnknown: z.array(z.int().nonnegative()),
  normalize: z.enum(['none', 'l1', 'l2', 'max']),
});

const link = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['identity', 'exp', 'softmax']) }),
  z.strictObject({ kind: z.literal('sigmoid'), slope: finite, normalize: z.boolean() }),
  z.strictObject({ kind: z.literal('probability') }),
  z.strictObject({ kind: z.literal('signed-square') }),
]);

const task = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('regression'), link }),
  z.strictObject({
    kind: z.literal('classification'),
    link,
    classes: z.array(category).min(2),
    threshold: finite,
    probabilities: z.boolean(),
  }),
]);

/** client.json: all that the data's owner needs, and all that client.zip tells (with the canaries). */
export const clientDocument = z.strictObject({
  format: z.literal('sealpoint.client'),
  version: z.literal(1),
  backend: z.literal('seal'),
  source: z.string(),
  preprocessing,
  /** A feature x is sent as (x - center) / radius, which a planned row keeps within [-1, 1]. */
  ranges: z.strictObject({ center: z.array(finite), radius: z.array(finite) }),
  task,
  canaryPool: z.int().positive(),
  /** Root mean square over calibration rows of the row's largest |score|: what score errors are measured against. */
  scoreScale: z.number().positive(),
  plans: z.array(clientPlan).min(1),
});
export type ClientDocument = z.infer<typeof clientDocument>;

/** server.json: the plans with their weights, no names, no labels, no ranges. */
export const serverDocument = z.strictObject({
  format: z.literal('sealpoint.server'),
  version: z.literal(1),
  backend: z.literal('seal'),
  plans: z.array(serverPlan).min(1),
});
export type ServerDocument = z.infer<typeof serverDocument>;

/** client.zip, read and checked. */
export interface ClientDeployment {
  readonly id: string;
  readonly digests: IdentityDocument['digests'];
  readonly document: ClientDocument;
  /** canaryPool x inputs. */
  readonly canaries: Float64Array;
  /** By plan mode: canaryPool x outputs. */
  readonly canaryScores: Readonly<Record<string, Float64Array>>;
}

/** server.zip, read and checked. */
export interface ServerDeployment {
  readonly id: string;
  readonly digests: IdentityDocument['digests'];
  readonly document: ServerDocument;
  readonly tensors: Float64Array;
}
