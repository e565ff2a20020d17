import { workerData } from 'node:worker_threads';
import type { ServerDeployment } from '../core/artifact/deployment.ts';
import { loadSeal } from './library.ts';
import type { PlanMode } from '../core/artifact/outcomes.ts';
import type { Share } from './server/circuit.ts';
import {
  openServerSession,
  type BlockRequest,
  type EvaluatedBlock,
  type FinishRequest,
  type ShareRequest,
} from './server/server-session.ts';
import { serveTasks } from './worker-pool.ts';

export interface ServerTasks {
  readonly evaluate: { readonly input: BlockRequest; readonly output: EvaluatedBlock };
  readonly prepare: { readonly input: { readonly mode: PlanMode; readonly share: Share }; readonly output: undefined };
  readonly share: { readonly input: ShareRequest; readonly output: Uint8Array[] };
  readonly finish: { readonly input: FinishRequest; readonly output: EvaluatedBlock };
}

const session = openServerSession(await loadSeal(), workerData as ServerDeployment);

serveTasks<{ [Kind in keyof ServerTasks]: ServerTasks[Kind] }>({
  evaluate: (request) => session.evaluateBlock(request),
  prepare: (request) => {
    session.prepareShare(request);
    return undefined;
  },
  share: (request) => session.evaluateShare(request),
  finish: (request) => session.finishBlock(request),
});
