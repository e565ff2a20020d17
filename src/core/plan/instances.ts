import { sharesOf } from './features-layers.ts';

/**
 * What a plan would take on other machines, from what it took here. Evaluating is arithmetic on one core after another: the estimate takes
 * cores of equal clock for equally fast, whatever their make, and knows nothing of memory bandwidth. It is good for choosing a type to try.
 */

/** A machine as far as the estimate looks. */
export interface MachineKind {
  /** Cores that compute at the same time; two virtual processors of one core count once. */
  readonly cores: number;
  /** Clock with all cores at work; undefined where the machine does not tell. */
  readonly gigahertz: number | undefined;
}

export interface InstanceType extends MachineKind {
  readonly name: string;
  readonly virtualProcessors: number;
  readonly gigahertz: number;
  readonly memoryBytes: number;
}

/** More threads share memory bandwidth in vain (the evaluator starts no more). */
export const mostThreads = 8;

const gibibyte = 2 ** 30;

/**
 * The two types that AWS's article on encrypted inference was measured on, 4 and 96 virtual processors, and three of those that suit it.
 * Two virtual processors a core; all-core clocks as AWS states them for the families.
 */
export const instanceTypes: readonly InstanceType[] = [
  instance('ml.m5.xlarge', 4, { gigahertz: 3.1, gibibytes: 16 }),
  instance('ml.m5.24xlarge', 96, { gigahertz: 3.1, gibibytes: 384 }),
  instance('ml.c5.2xlarge', 8, { gigahertz: 3.4, gibibytes: 16 }),
  instance('ml.c6i.2xlarge', 8, { gigahertz: 3.5, gibibytes: 16 }),
  instance('ml.c6i.4xlarge', 16, { gigahertz: 3.5, gibibytes: 32 }),
];

function instance(
  name: string,
  virtualProcessors: number,
  { gigahertz, gibibytes }: { readonly gigahertz: number; readonly gibibytes: number },
): InstanceType {
  return { name, virtualProcessors, cores: virtualProcessors / 2, gigahertz, memoryBytes: gibibytes * gibibyte };
}

/** A plan as it was measured here. */
export interface MeasuredPlan {
  /** To evaluate one query. */
  readonly seconds: number;
  /** Records in that query. */
  readonly records: number;
  /** Blocks of that query, which threads take side by side. */
  readonly parts: number;
  /** Where threads share a block, and queries therefore take turns: of `seconds`, what one thread computes after the shared steps. */
  readonly aloneSeconds?: number;
}

export interface InstanceEstimate {
  /** To evaluate one query. */
  readonly seconds: number;
  /** With enough queries to keep every thread busy, where queries do not take turns. */
  readonly recordsPerSecond: number;
}

/**
 * seconds there = (alone + shared x cores at work here / cores at work there) x clock here / clock there, where a query keeps as many cores
 * at work as it has parts, and no more than eight; of whole blocks nothing is alone. Shared steps are taken to be shared evenly.
 */
export function estimateOn(there: MachineKind, here: MachineKind, measured: MeasuredPlan): InstanceEstimate {
  const clocks = here.gigahertz === undefined || there.gigahertz === undefined ? 1 : here.gigahertz / there.gigahertz;
  if (measured.aloneSeconds !== undefined) {
    const { seconds: all, aloneSeconds: alone } = measured;
    const seconds = (alone + ((all - alone) * sharesOf(here.cores)) / sharesOf(there.cores)) * clocks;
    return { seconds, recordsPerSecond: measured.records / seconds };
  }
  const coreSeconds = measured.seconds * coresAtWork(here, measured.parts) * clocks;
  return {
    seconds: coreSeconds / coresAtWork(there, measured.parts),
    recordsPerSecond: (measured.records * coresAtWork(there, mostThreads)) / coreSeconds,
  };
}

function coresAtWork({ cores }: MachineKind, parts: number): number {
  return Math.max(1, Math.min(cores, parts, mostThreads));
}
