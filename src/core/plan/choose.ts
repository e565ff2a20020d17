import { secondsPerByte } from './line.ts';
import { blockCapacity, queryCapacity, type ClientPlan } from './plan.ts';

/** What a query costs beside its blocks: a request, two files. */
const querySeconds = 0.01;

/**
 * Predicted seconds for a number of records, on one thread or on two that share a block, from the deployment's own estimate: the same on every
 * machine. The estimate is of a block.
 */
function predictedSeconds(plan: ClientPlan, records: number, overLine: boolean): number {
  const { estimate } = plan;
  const blocks = Math.ceil(records / blockCapacity(plan));
  const line = estimate.queryBytes * secondsPerByte.sent + estimate.resultBytes * secondsPerByte.received;
  const travelling = overLine ? blocks * line : 0;
  return blocks * estimate.blockSeconds + travelling + Math.ceil(records / queryCapacity(plan)) * querySeconds;
}

/**
 * The faster plan for a number of records.
 * @param overLine queries travel to another machine: bytes count, too
 */
export function choosePlan(plans: readonly ClientPlan[], records: number, overLine: boolean): ClientPlan {
  const cost = (plan: ClientPlan) => predictedSeconds(plan, records, overLine);
  const [best] = [...plans].sort((a, b) => cost(a) - cost(b));
  if (best === undefined) throw new RangeError('a deployment has at least one plan');
  return best;
}
