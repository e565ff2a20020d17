import * as z from 'zod';
import { tensorRef } from './network-plan.ts';

const count = z.int().nonnegative();
const positive = z.int().positive();

/** What both sides of the bits packing state beyond the base; see bits-source.ts. */
const shared = {
  /** Bits of a record; none where no tree splits. */
  bits: count,
  /** A source is turned by multiples of so many slots. */
  stride: positive,
  /** Copies of a source that the client sends, copy c turned left by c strides: they spare the server as many turns. */
  copies: positive,
  logBitScale: positive,
  /** score = slot of the result / resultScale, before any scale; outputs stand as lone-result.ts has them. */
  resultScale: z.number().positive(),
};

/** The client's side. */
export const bitsClient = shared;

/** The server's side: how sums of turned vectors are split up, and the layout (bits-layout.ts) as rows of numbers. */
export const bitsServer = {
  ...shared,
  /** Turns of a source that are made one by one; the rest are turns of sums, so many strides each. */
  babySteps: positive,
  /** The same of a node vector, in slots. */
  windowSteps: positive,
  groups: count,
  /** Literals of a term. */
  literals: count,
  logSelectScale: positive,
  logReadScale: positive,
  logFactorScale: positive,
  /** Standard deviation of the noise that a score gets beside the computation's own, before the scale. */
  floodDeviation: z.number().nonnegative(),
  /** group, slot, ciphertext, turn. */
  nodes: tensorRef,
  /** group, literal, slot, shift, weight. */
  reads: tensorRef,
  /** group, literal, slot, value. */
  constants: tensorRef,
  /** group, slot, output, factor; none where there is one output: its factors are 1. */
  factors: tensorRef,
  /** What is added to the sum of the terms, one an output. */
  base: tensorRef,
};
