import { workerData } from 'node:worker_threads';
import type { ServerDeployment } from '../core/artifact/deployment.ts';
import { loadSeal } from './library.ts';
import { openServerSession, type BlockRequest, type EvaluatedBlock } from './server/server-session.ts';
import { serveTasks } from './worker-pool.ts';

export interface ServerTasks {
  readonly evaluate: { readonly input: BlockRequest; readonly output: EvaluatedBlock };
}

const session = openServerSession(await loadSeal(), workerData as ServerDeployment);

serveTasks<{ [Kind in keyof ServerTasks]: ServerTasks[Kind] }>({
  evaluate: (request) => session.evaluateBlock(request),
});
