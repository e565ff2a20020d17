import { AppError } from '../error.ts';
import type { SparseMatrix } from '../model/ir.ts';
import { cheapestDigits } from './digits.ts';
import type { Levels } from './levels.ts';
import { evaluatorMemory, largestHeapBytes, largestQueryBytes } from './memory.ts';
import { mostHeld, schedule, type LayerEntries } from './network-schedule.ts';
import { keySwitchMs, operationMs, ringSize, savedPolynomialBytes } from './operation-costs.ts';
import type { ParameterSet } from './parameters.ts';
import type { ServerPlanOf } from './plan.ts';
import type { RoundedLayer } from './rounding.ts';

/** Of a result beside its operations: drowned, masked, saved. */
const resultMs = 12;

/** What a block of the records packing takes, on one thread. @param layers as they are evaluated */
export function estimateRecords(
  layers: readonly RoundedLayer[],
  parameters: ParameterSet,
): { blockSeconds: number; queryBytes: number; resultBytes: number } {
  const primes = parameters.coeffModulusBits.length - 1;
  const deep = activations(layers) > 1;
  const units = unitMs(layers, primes, deep);
  const inputs = layers[0]?.matrix.columns ?? 0;
  const outputs = layers.at(-1)?.matrix.rows ?? 0;
  const left = deep ? Math.max(1, primes - activations(layers)) : primes;
  let ms = inputs * primes * (operationMs.encrypt + operationMs.load) + outputs * resultMs * left;
  for (const [index, { matrix }] of layers.entries()) {
    const level = deep ? primes - activations(layers.slice(0, index)) : primes;
    ms += rowAdditions(matrix) * operationMs.addition * level + matrix.rows * (units[index] ?? 0);
  }
  return {
    blockSeconds: (ms * ringSize(parameters)) / 1000,
    // A seed stands for the second polynomial.
    queryBytes: Math.ceil(inputs * savedPolynomialBytes(parameters)),
    resultBytes: Math.ceil(outputs * (deep ? 2 : 3) * savedPolynomialBytes(parameters, left)),
  };
}

function rowAdditions({ rows, rowStart, values }: SparseMatrix): number {
  let additions = 0;
  for (let row = 0; row < rows; row += 1) {
    const factors = values.subarray(rowStart[row], rowStart[row + 1]);
    if (factors.length > 0) additions += cheapestDigits(Array.from(factors)).additions;
  }
  return additions;
}

function activations(layers: readonly Pick<RoundedLayer, 'shift'>[]): number {
  return layers.filter(({ shift }) => shift !== undefined).length;
}

/**
 * Predicted resident memory of the evaluator.
 * @throws {AppError} plan.impossible: more than a thread's WebAssembly has, or a longer query than endpoints take
 */
export function recordsMemory(
  network: readonly RoundedLayer[],
  { parameters, rescale }: Pick<Levels, 'parameters' | 'rescale'>,
  estimate: { readonly queryBytes: number; readonly resultBytes: number },
): number {
  const primes = parameters.coeffModulusBits.length - 1;
  const layers = schedule(network.map(({ matrix }) => entriesOf(matrix)));
  // Inputs have two polynomials, unrelinearized products three; each rescale takes one prime off.
  const sizes = layers.map((_, level) => {
    const products = activations(network.slice(0, level));
    return rescale ? (primes - products) / primes : products === 0 ? 1 : 1.5;
  });
  const ciphertexts = mostHeld(layers, sizes) + 8;
  if (estimate.queryBytes > largestQueryBytes) throw tooLong(layers[0]?.columns ?? 0, estimate.queryBytes);
  const heap = ciphertexts * 2 * 8 * parameters.polyModulusDegree * primes;
  if (heap > largestHeapBytes) throw tooLarge(heap);
  return evaluatorMemory(parameters, { ciphertexts, plaintexts: 4, switchingKeys: rescale ? 1 : 0, ...estimate });
}

function entriesOf({ columns, rowStart, columnIndex, values }: SparseMatrix): LayerEntries {
  return {
    columns,
    rowStart: Float64Array.from(rowStart),
    columnIndex: Float64Array.from(columnIndex),
    values: Float64Array.from(values),
  };
}

function tooLong(inputs: number, bytes: number): AppError {
  const mebibytes = (size: number): string => `${String(Math.round(size / 2 ** 20))} MiB`;
  return new AppError(
    'plan.impossible',
    `With one slot a record a query of ${String(inputs)} features would take ${mebibytes(bytes)}, where endpoints take ${mebibytes(largestQueryBytes)}.`,
    { hint: 'Use --mode latency, fewer features, or fewer activations.' },
  );
}

function tooLarge(heap: number): AppError {
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  return new AppError(
    'plan.impossible',
    `With one slot a record the network would hold ${gigabytes(heap)} of ciphertexts at once; a thread has ${gigabytes(largestHeapBytes)}.`,
    { hint: 'Use narrower layers, fewer inputs, or fewer activations.' },
  );
}

/** A term is added to a few sums of its row's digits. */
const additionsPerTerm = 2.5;

/** For sharing a block's work: what a unit of each layer costs beside its terms, in terms. */
export function unitTerms({ parameters, rescale, layers }: ServerPlanOf<'network-records'>): number[] {
  const primes = parameters.coeffModulusBits.length - 1;
  return unitMs(layers, primes, rescale).map((ms) => ms / (operationMs.addition * primes * additionsPerTerm));
}

/** Of a unit of each layer beside its terms, at N = 8192. Where products are added up first, their sums are relinearized. */
function unitMs(layers: readonly { readonly shift?: unknown }[], primes: number, rescale: boolean): number[] {
  let left = primes;
  return layers.map(({ shift }, index) => {
    const isLast = index === layers.length - 1;
    const isSummed = index + 1 < layers.length - 1 && layers[index + 1]?.shift === undefined;
    let ms = shift === undefined ? 0 : operationMs.multiply * left;
    if (isLast || isSummed || !rescale) return ms;
    ms += keySwitchMs(left) + operationMs.rescale * left;
    left -= 1;
    return ms;
  });
}
