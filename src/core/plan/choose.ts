import { secondsPerByte } from './line.ts';
import { blockCapacity, queryCapacity, sharing, type ClientPlan } from './plan.ts';

/** What a query costs beside its blocks: a request, two files. */
const querySeconds = 0.01;

/** Predicted seconds for a number of records on two threads, from the deployment's own estimate of a block: the same on every machine. */
function predictedSeconds(plan: ClientPlan, records: number, overLine: boolean): number {
  const { estimate } = plan;
  const blocks = Math.ceil(records / blockCapacity(plan));
  const line = estimate.queryBytes * secondsPerByte.sent + estimate.resultBytes * secondsPerByte.received;
  const travelling = overLine ? blocks * line : 0;
  return computingSeconds(plan, blocks) + travelling + Math.ceil(records / queryCapacity(plan)) * querySeconds;
}

/** Predicted seconds to encrypt, evaluate and decrypt so many blocks on two threads. */
export function computingSeconds(plan: ClientPlan, blocks: number): number {
  return (blocks * plan.estimate.blockSeconds) / speedup(plan, blocks);
}

/** Where threads always share a block, the estimate counts on two of them already. */
function speedup(plan: ClientPlan, blocks: number): number {
  const shared = sharing(plan);
  if (shared === 'always') return 1;
  return shared === 'when idle' ? 2 : Math.min(2, blocks);
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
