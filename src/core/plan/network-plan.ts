import * as z from 'zod';

/** A run of numbers in tensors.bin (float64, little-endian), counted in numbers. */
export const tensorRef = z.strictObject({ offset: z.int().nonnegative(), length: z.int().nonnegative() });
export type TensorRef = z.infer<typeof tensorRef>;

/** a = K x + bias; then v = a (a + shift), or v = a where there is no shift. The matrix lies in compressed rows (rowStart, columnIndex, values). */
export const networkLayer = z.strictObject({
  rows: z.int().positive(),
  columns: z.int().positive(),
  rowStart: tensorRef,
  columnIndex: tensorRef,
  values: tensorRef,
  bias: tensorRef,
  shift: tensorRef.exactOptional(),
});
export type NetworkLayerRef = z.infer<typeof networkLayer>;

/** Beyond the base, the client's side of a network's plan. */
export const networkClient = {
  /** log2 of the scale of an encrypted feature. */
  logScale: z.int().positive(),
  /** score = slot of the result / resultScale. */
  resultScale: z.number().positive(),
  /** Some activation is approximated: agreement is promised, closeness of scores is not. */
  approximate: z.boolean(),
};

/** Beyond the base, the server's side. */
export const networkServer = {
  logScale: z.int().positive(),
  /** Products are relinearized and rescaled. */
  rescale: z.boolean(),
  /** Standard deviation of the noise that a score gets beside the computation's own, before the scale. */
  floodDeviation: z.number().nonnegative(),
};
