import { dataModulusBits, type ParameterSet } from './parameters.ts';
import type { ScheduleCosts } from './network-schedule.ts';
import type { ServerPlanOf } from './plan.ts';
import type { RoundedNetwork } from './rounding.ts';

/** Milliseconds at N = 4096 with two data primes; all grow with N times primes, key switching with the square of the primes. */
const costMs = { encrypt: 1, load: 0.35, addition: 0.011, product: 0.35, relinearize: 2.5, rescale: 0.4, result: 12 };

/** What a block of the records packing takes, on one thread. */
export function estimateRecords(
  network: RoundedNetwork,
  parameters: ParameterSet,
): { blockSeconds: number; queryBytes: number; resultBytes: number } {
  const primes = parameters.coeffModulusBits.length - 1;
  const deep = network.layers.length > 2;
  const size = (parameters.polyModulusDegree / 4096) * (primes / 2);
  const additions = network.layers.reduce((sum, { matrix }) => sum + matrix.values.length * additionsPerTerm, 0);
  const units = network.layers.slice(0, -1).reduce((sum, { matrix }) => sum + matrix.rows, 0);
  const ms =
    network.inputs * (costMs.encrypt + costMs.load) +
    additions * costMs.addition +
    units * unitMs(primes, deep) +
    network.outputs * costMs.result;
  const bytes = (parameters.polyModulusDegree * dataModulusBits(parameters)) / 8;
  return {
    blockSeconds: (ms * size) / 1000,
    queryBytes: Math.ceil(network.inputs * bytes * 1.05),
    resultBytes: Math.ceil(network.outputs * bytes * (deep ? 2 / primes : 3)),
  };
}

/** A term is added to a few sums of its row's digits. */
const additionsPerTerm = 1.5;

/** For sharing a block's work. */
export function scheduleCosts({ parameters, rescale }: ServerPlanOf<'network-records'>): ScheduleCosts {
  const primes = parameters.coeffModulusBits.length - 1;
  return { activation: unitMs(primes, rescale) / (costMs.addition * additionsPerTerm) };
}

/** Of an activation, as far as the size of polynomials does not tell. */
function unitMs(primes: number, rescale: boolean): number {
  return costMs.product + (rescale ? costMs.relinearize * (primes / 2) + costMs.rescale : 0);
}
