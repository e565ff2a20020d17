import { AppError } from '../error.ts';
import type { SparseMatrix } from '../model/ir.ts';
import type { Levels } from './levels.ts';
import { evaluatorMemory, largestHeapBytes } from './memory.ts';
import { mostHeld, schedule, type LayerEntries } from './network-schedule.ts';
import { dataModulusBits, type ParameterSet } from './parameters.ts';
import type { ServerPlanOf } from './plan.ts';
import type { RoundedLayer } from './rounding.ts';

/** Milliseconds at N = 4096 with two data primes; all grow with N times primes, key switching with the square of the primes. */
const costMs = { encrypt: 1, load: 0.35, addition: 0.011, product: 0.35, relinearize: 2.5, rescale: 0.4, result: 12 };

/** What a block of the records packing takes, on one thread. @param layers as they are evaluated */
export function estimateRecords(
  layers: readonly RoundedLayer[],
  parameters: ParameterSet,
): { blockSeconds: number; queryBytes: number; resultBytes: number } {
  const primes = parameters.coeffModulusBits.length - 1;
  const deep = activations(layers) > 1;
  const unitCosts = unitMs(layers, primes, deep);
  const size = (parameters.polyModulusDegree / 4096) * (primes / 2);
  const additions = layers.reduce((sum, { matrix }) => sum + matrix.values.length * additionsPerTerm, 0);
  const units = layers.reduce((sum, { matrix }, index) => sum + matrix.rows * (unitCosts[index] ?? 0), 0);
  const inputs = layers[0]?.matrix.columns ?? 0;
  const outputs = layers.at(-1)?.matrix.rows ?? 0;
  const ms = inputs * (costMs.encrypt + costMs.load) + additions * costMs.addition + units + outputs * costMs.result;
  const bytes = (parameters.polyModulusDegree * dataModulusBits(parameters)) / 8;
  return {
    blockSeconds: (ms * size) / 1000,
    queryBytes: Math.ceil(inputs * bytes * 1.05),
    resultBytes: Math.ceil(outputs * bytes * (deep ? 2 / primes : 3)),
  };
}

function activations(layers: readonly Pick<RoundedLayer, 'shift'>[]): number {
  return layers.filter(({ shift }) => shift !== undefined).length;
}

/**
 * Predicted resident memory of the evaluator.
 * @throws {AppError} plan.impossible: more than a thread's WebAssembly has
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

function tooLarge(heap: number): AppError {
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  return new AppError(
    'plan.impossible',
    `With one slot a record the network would hold ${gigabytes(heap)} of ciphertexts at once; a thread has ${gigabytes(largestHeapBytes)}.`,
    { hint: 'Use --mode latency, narrower layers, fewer inputs, or fewer activations.' },
  );
}

/** A term is added to a few sums of its row's digits. */
const additionsPerTerm = 1.5;

/** For sharing a block's work: what a unit of each layer costs beside its terms, in terms. */
export function unitTerms({ parameters, rescale, layers }: ServerPlanOf<'network-records'>): number[] {
  const primes = parameters.coeffModulusBits.length - 1;
  return unitMs(layers, primes, rescale).map((ms) => ms / (costMs.addition * additionsPerTerm));
}

/** Of a unit of each layer, as far as the size of polynomials does not tell. Where products are added up first, their sums are relinearized. */
function unitMs(layers: readonly { readonly shift?: unknown }[], primes: number, rescale: boolean): number[] {
  const switching = rescale ? costMs.relinearize * (primes / 2) + costMs.rescale : 0;
  return layers.map(({ shift }, index) => {
    const isLast = index === layers.length - 1;
    const isSummed = index + 1 < layers.length - 1 && layers[index + 1]?.shift === undefined;
    return (shift === undefined ? 0 : costMs.product) + (isLast || isSummed ? 0 : switching);
  });
}
