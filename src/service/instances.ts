import { availableParallelism, cpus } from 'node:os';
import type { InstancesOutcome } from '../core/artifact/outcomes.ts';
import { mostShares } from '../core/plan/features-layers.ts';
import { estimateOn, instanceTypes, mostThreads, type MachineKind, type MeasuredPlan } from '../core/plan/instances.ts';
import type { Proof } from './prove.ts';

/** Clocks below this are no clocks: some machines report 0, others that of a timer. */
const leastMegahertz = 500;

/** What the plans would take on instance types, from what their proofs took here. */
export function estimateInstances(proofs: readonly Proof[]): InstancesOutcome {
  const here = thisMachine();
  const split = proofs.some(({ aloneSeconds }) => aloneSeconds !== undefined);
  return {
    basis: split ? `${basisOf(here)} ${basisOfSplit}` : basisOf(here),
    estimates: instanceTypes.flatMap((type) =>
      proofs.map((proof) => ({
        instance: type.name,
        virtualProcessors: type.virtualProcessors,
        mode: proof.plan.mode,
        ...estimateOn(type, here, measuredOf(proof)),
      })),
    ),
  };
}

/** Seconds to evaluate a block as the built-in cost table counts them: of one thread, or of two where threads always share a block. */
export function tableSeconds(proof: Proof): number {
  const { plan, aloneSeconds, threadsAtWork, timedBlocks } = proof;
  if (aloneSeconds === undefined) return (plan.seconds.evaluate * threadsAtWork) / timedBlocks;
  const cores = plan.packing === 'records' ? 1 : 2;
  return estimateOn({ cores, gigahertz: undefined }, thisMachine(), measuredOf(proof)).seconds;
}

function measuredOf({ plan, timedRecords, timedBlocks, aloneSeconds }: Proof): MeasuredPlan {
  const measured = { seconds: plan.seconds.evaluate, records: timedRecords, parts: timedBlocks };
  return aloneSeconds === undefined ? measured : { ...measured, aloneSeconds };
}

const basisOfSplit = `A block's first steps are taken to be shared evenly by at most ${String(mostShares)} cores, the rest is one core's.`;

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
