import { availableParallelism, cpus } from 'node:os';
import type { InstancesOutcome } from '../core/artifact/outcomes.ts';
import { estimateOn, instanceTypes, mostThreads, type MachineKind } from '../core/plan/instances.ts';
import type { Proof } from './prove.ts';

/** Clocks below this are no clocks: some machines report 0, others that of a timer. */
const leastMegahertz = 500;

/** What the plans would take on instance types, from what their proofs took here. */
export function estimateInstances(proofs: readonly Proof[]): InstancesOutcome {
  const here = thisMachine();
  return {
    basis: basisOf(here),
    estimates: instanceTypes.flatMap((type) =>
      proofs.map(({ plan, timedRecords, timedBlocks, isSplit }) => {
        const parts = isSplit ? mostThreads : timedBlocks;
        const measured = { seconds: plan.seconds.evaluate, records: timedRecords, parts };
        return {
          instance: type.name,
          virtualProcessors: type.virtualProcessors,
          mode: plan.mode,
          ...estimateOn(type, here, measured),
        };
      }),
    ),
  };
}

function thisMachine(): MachineKind {
  const megahertz = Math.max(0, ...cpus().map(({ speed }) => speed));
  return { cores: availableParallelism(), gigahertz: megahertz < leastMegahertz ? undefined : megahertz / 1000 };
}

function basisOf({ cores, gigahertz }: MachineKind): string {
  const clock =
    gigahertz === undefined
      ? 'whose clock is unknown and taken for equal to the others'
      : `at ${gigahertz.toFixed(1)} GHz, others by their clock`;
  return `Measured here on ${String(cores)} cores ${clock}; cores taken for equally fast, two virtual processors for one core, at most ${String(mostThreads)} cores used, nothing of network or start-up counted: an estimate to choose by, not a measurement.`;
}
