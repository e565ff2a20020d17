import { AppError } from '../error.ts';
import { affineScores } from './affine.ts';
import type { Body } from './ir.ts';

/**
 * The reference interpreter: a body's scores in the clear.
 * @param features rows x body.inputs, row by row
 * @returns rows x body.outputs, row by row
 */
export function clearScores(body: Body, features: Float64Array, rows: number): Float64Array {
  if (body.kind === 'affine-chain') return affineScores(body, features, rows);
  throw new AppError('model.unsupported', 'Tree ensembles cannot be evaluated yet.');
}
