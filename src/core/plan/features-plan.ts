import * as z from 'zod';
import { networkClient, networkLayer, tensorRef } from './network-plan.ts';

/** Where the features of a record stand in the slots of a ciphertext: see InputLayout in slot-layers.ts. */
const inputLayout = z.strictObject({ period: z.int().positive(), shift: z.int().nonnegative() });

/** What both sides know of the input. */
const featuresInput = {
  input: inputLayout,
  /** The record is sent once for each, rotated so many slots to the left; the first is 0. */
  rotations: z.array(z.int().nonnegative()).min(1),
};

export const featuresClient = { ...networkClient, ...featuresInput };

/** A layer with its place in the slots: see FeaturesLayer in features-layers.ts. */
export const featuresLayer = z.strictObject({
  ...networkLayer.shape,
  rowAt: tensorRef,
  steps: tensorRef,
  width: z.int().positive(),
  period: z.int().positive(),
  presum: z.array(z.int().positive()),
  /** log2 of the scale of its weights. */
  logWeightScale: z.int().positive(),
  /** Its sums are rescaled before the activation. */
  early: z.boolean(),
});
export type FeaturesLayerRef = z.infer<typeof featuresLayer>;

export const featuresServer = {
  ...featuresInput,
  logScale: z.int().positive(),
  floodDeviation: z.number().nonnegative(),
};
