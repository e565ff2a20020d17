import { clearScores } from '../core/model/score.ts';
import type { Calibrated } from './calibrated.ts';

/** Errors below this share of the scores' deviation leave a regression as good as it was. */
const harmlessShare = 0.1;
/** Scores that vary less, of their size, are taken for constant: what is left is rounding. */
const leastVariation = 1e-7;

/**
 * Errors are measured against the size of a score. Where scores vary little beside it (years, kelvins, prices of like things), an error
 * within the tolerance may be as large as all that the model tells.
 * @param tolerance maxError, and the typical size of a score that it is relative to
 * @returns what to say of it to whoever compiles, if anything
 */
export function coarseTolerance(
  { model, calibration, rows }: Calibrated,
  { maxError, scoreScale }: { readonly maxError: number; readonly scoreScale: number },
): string | undefined {
  if (model.task.kind !== 'regression') return undefined;
  const least = leastDeviation(clearScores(model.body, calibration, rows), rows, leastVariation * scoreScale);
  const share = (maxError * scoreScale) / least;
  if (!(share > harmlessShare)) return undefined;
  const better = 10 ** Math.floor(Math.log10((maxError * harmlessShare) / share));
  return (
    `Scores vary little beside their size: an error within --max-error ${String(maxError)} may reach ` +
    `${String(Math.round(100 * share))} % of their standard deviation. --max-error ${String(better)} keeps it below ` +
    `${String(100 * harmlessShare)} %; so does a model of the target less its mean.`
  );
}

/** Of the outputs that vary the standard deviation of the one that varies least; Infinity where none does. */
function leastDeviation(scores: Float64Array, rows: number, constant: number): number {
  const outputs = scores.length / rows;
  let least = Infinity;
  for (let output = 0; output < outputs; output += 1) {
    const column = Float64Array.from({ length: rows }, (_, row) => scores[row * outputs + output] ?? 0);
    const mean = column.reduce((sum, value) => sum + value / rows, 0);
    const deviation = Math.sqrt(column.reduce((sum, value) => sum + (value - mean) ** 2 / rows, 0));
    if (deviation > constant) least = Math.min(least, deviation);
  }
  return least;
}
