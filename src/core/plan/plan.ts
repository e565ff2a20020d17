import * as z from 'zod';
import { planMode } from '../artifact/outcomes.ts';
import { bitsClient, bitsServer } from './bits-plan.ts';
import { featuresClient, featuresLayer, featuresServer } from './features-plan.ts';
import { networkClient, networkLayer, networkServer, tensorRef } from './network-plan.ts';
import { parameterSet } from './parameters.ts';
import { thermometerSpec } from './thermometer.ts';

const count = z.int().nonnegative();
const positive = z.int().positive();

/** What both sides of every plan state. */
const planBase = {
  mode: planMode,
  parameters: parameterSet,
  inputs: positive,
  outputs: positive,
  /** Record positions in one block; a block is what is encrypted, evaluated and decrypted independently. */
  blockRecords: positive,
  blocksPerQuery: positive,
};

/** Beside the public key, which every plan uses to re-randomize: exactly what its circuit needs, no more. */
export const keyNeeds = z.strictObject({
  relinearization: z.boolean(),
  /** Rotation steps in slots, positive to the left. */
  galoisSteps: z.array(z.int()),
});
export type KeyNeeds = z.infer<typeof keyNeeds>;
export const publicKeyAlone: KeyNeeds = { relinearization: false, galoisSteps: [] };

/** What the client knows besides: it verifies and decodes. */
const clientBase = {
  ...planBase,
  evaluationKeys: keyNeeds,
  /** Positions of each block that hold canaries; the rest is for records. None where a block is one record: see canary queries. */
  canariesPerBlock: count,
  /** Largest absolute score error that a right result can show (canaries beyond it are refused). */
  errorBound: z.number().positive(),
  /** From the built-in cost table: chooses between plans for a number of records; the same on every machine. */
  estimate: z.strictObject({ blockSeconds: z.number().positive(), queryBytes: positive, resultBytes: positive }),
};

/** Geometry of the coefficients packing: see coefficients.ts. */
const coefficientsGeometry = {
  circuit: z.literal('affine-coefficients'),
  /** Features in one ciphertext; wider models spread over several. */
  chunk: positive,
  /** Outputs that share one result ciphertext. */
  outputsPerCiphertext: positive,
  /** Coefficients from one record to the next. */
  stride: positive,
};

export const clientPlan = z.discriminatedUnion('circuit', [
  z.strictObject({
    ...clientBase,
    ...coefficientsGeometry,
    /** A scaled feature in [-1, 1] is sent as round(2^inputBits u). */
    inputBits: count,
    /** score = decrypted integer / 2^scoreBits. */
    scoreBits: z.int(),
  }),
  z.strictObject({
    ...clientBase,
    circuit: z.literal('affine-records'),
    /** log2 of the scale of an encrypted feature. */
    logScale: positive,
    /** log2 of the scale of a score: that of the ciphertext, and the unit in which the server computes. */
    logScoreScale: z.int(),
  }),
  z.strictObject({ ...clientBase, ...networkClient, circuit: z.literal('network-records') }),
  z.strictObject({ ...clientBase, ...featuresClient, circuit: z.literal('network-features') }),
  z.strictObject({
    ...clientBase,
    circuit: z.literal('trees-records'),
    thermometer: thermometerSpec,
    /** score = decrypted integer / 2^scoreBits. */
    scoreBits: z.int(),
  }),
  z.strictObject({ ...clientBase, ...bitsClient, circuit: z.literal('trees-bits'), thermometer: thermometerSpec }),
]);
export type ClientPlan = z.infer<typeof clientPlan>;
export type ClientPlanOf<Circuit extends ClientPlan['circuit']> = Extract<ClientPlan, { circuit: Circuit }>;

export const serverPlan = z.discriminatedUnion('circuit', [
  z.strictObject({
    ...planBase,
    ...coefficientsGeometry,
    /** Integers, outputs x inputs. */
    weights: tensorRef,
    /** Integers at the score's scale, one an output. */
    bias: tensorRef,
  }),
  z.strictObject({
    ...planBase,
    circuit: z.literal('affine-records'),
    logScale: positive,
    /** log2 of the scale of the weights: a weight is integer / 2^logWeightScale. */
    logWeightScale: count,
    weights: tensorRef,
    /** Real numbers, one an output. */
    bias: tensorRef,
  }),
  z.strictObject({
    ...planBase,
    ...networkServer,
    circuit: z.literal('network-records'),
    layers: z.array(networkLayer).min(2),
  }),
  z.strictObject({
    ...planBase,
    ...featuresServer,
    circuit: z.literal('network-features'),
    layers: z.array(featuresLayer).min(2),
  }),
  z.strictObject({
    ...planBase,
    circuit: z.literal('trees-records'),
    /** Bits of a record, one ciphertext each. */
    bits: positive,
    /** See writeTrees in tree-bits.ts; leaves and base are integers. */
    trees: tensorRef,
    base: tensorRef,
  }),
  z.strictObject({ ...planBase, ...bitsServer, circuit: z.literal('trees-bits') }),
]);
export type ServerPlan = z.infer<typeof serverPlan>;
export type ServerPlanOf<Circuit extends ServerPlan['circuit']> = Extract<ServerPlan, { circuit: Circuit }>;

/** When threads share one block: where they always do, queries take turns; where one ciphertext is the whole query, never. */
export function sharing({ circuit }: Pick<ServerPlan, 'circuit'>): 'always' | 'when idle' | 'never' {
  if (circuit === 'network-features' || circuit === 'trees-bits') return 'always';
  return circuit === 'network-records' || circuit === 'trees-records' ? 'when idle' : 'never';
}

/** Whether a query is one record, so that canaries are whole queries of their own. */
export function isOneRecord(plan: Pick<ClientPlan, 'blockRecords'>): boolean {
  return plan.blockRecords === 1;
}

/** The packing behind a circuit, as people name it. */
export function packingOf({ circuit }: Pick<ClientPlan, 'circuit'>): 'bits' | 'coefficients' | 'features' | 'records' {
  if (circuit === 'affine-coefficients') return 'coefficients';
  if (circuit === 'trees-bits') return 'bits';
  return circuit === 'network-features' ? 'features' : 'records';
}

/** Most records of the user's in one block and in one query. */
export function blockCapacity(plan: ClientPlan): number {
  return plan.blockRecords - plan.canariesPerBlock;
}

/** Most records of the user in one query. */
export function queryCapacity(plan: ClientPlan): number {
  return blockCapacity(plan) * plan.blocksPerQuery;
}
