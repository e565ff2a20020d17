import { blockCapacity, queryCapacity, type ClientPlan } from './plan.ts';

/** What a query costs beside its blocks: a request, two files. */
const querySeconds = 0.01;

/** Predicted seconds for a number of records, on one thread or on two that share a block, from the deployment's own estimate: the same on every machine. */
function predictedSeconds(plan: ClientPlan, records: number): number {
  const blocks = Math.ceil(records / blockCapacity(plan));
  return blocks * plan.estimate.blockSeconds + Math.ceil(records / queryCapacity(plan)) * querySeconds;
}

/** The faster plan for a number of records. */
export function choosePlan(plans: readonly ClientPlan[], records: number): ClientPlan {
  const [best] = [...plans].sort((a, b) => predictedSeconds(a, records) - predictedSeconds(b, records));
  if (best === undefined) throw new RangeError('a deployment has at least one plan');
  return best;
}
