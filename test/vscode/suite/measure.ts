/** Numbers worth reading after a run. */
export const notes: string[] = [];

const tickMs = 5;

/**
 * The longest time that this thread computed without coming back to its event loop while `work` ran, in milliseconds of its own CPU time:
 * on a busy machine a thread also waits for its turn, which is no fault of ours. The wall time goes to the notes.
 */
export async function longestBlock<T>(
  work: () => PromiseLike<T>,
): Promise<{ readonly value: T; readonly cpuMs: number }> {
  let cpuMs = 0;
  let wallMs = 0;
  let cpu = threadCpuMs();
  let wall = performance.now();
  const timer = setInterval(() => {
    const [nowCpu, nowWall] = [threadCpuMs(), performance.now()];
    cpuMs = Math.max(cpuMs, nowCpu - cpu);
    wallMs = Math.max(wallMs, nowWall - wall - tickMs);
    [cpu, wall] = [nowCpu, nowWall];
  }, tickMs);
  try {
    const value = await work();
    notes.push(
      `longest block of the host: ${cpuMs.toFixed(1)} ms of its CPU time, ${wallMs.toFixed(1)} ms by the clock`,
    );
    return { value, cpuMs };
  } finally {
    clearInterval(timer);
  }
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

export interface ActivationCost {
  loadMs: number;
  activateMs: number;
}

/**
 * Loads the extension's bundle as the host will, and times that and its `activate`. Both are synchronous, so that nothing else that the
 * host does at its start is counted.
 */
export function watchActivation(bundle: string): ActivationCost {
  const cost: ActivationCost = { loadMs: 0, activateMs: 0 };
  const before = threadCpuMs();
  // The host's own require: an import would not share its cache.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const extension = require(bundle) as { readonly activate: (context: unknown) => unknown };
  cost.loadMs = threadCpuMs() - before;
  const activate = (context: unknown): unknown => {
    const start = threadCpuMs();
    try {
      return extension.activate(context);
    } finally {
      cost.activateMs = threadCpuMs() - start;
    }
  };
  const cached = require.cache[require.resolve(bundle)];
  if (cached !== undefined) cached.exports = { ...extension, activate };
  return cost;
}
