import { affineScores } from './affine.ts';
import type { Body } from './ir.ts';
import { treeScores } from './trees/evaluate.ts';

/**
 * The reference interpreter: a body's scores in the clear.
 * @param features rows x body.inputs, row by row
 * @returns rows x body.outputs, row by row
 */
export function clearScores(body: Body, features: Float64Array, rows: number): Float64Array {
  return body.kind === 'affine-chain' ? affineScores(body, features, rows) : treeScores(body, features, rows);
}
