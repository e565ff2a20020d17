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

/** CPU milliseconds to load the extension's bundle once more, which has no effect but its cost; nothing else runs meanwhile. */
export function loadingMs(bundle: string): number {
  Reflect.deleteProperty(require.cache, require.resolve(bundle));
  const before = threadCpuMs();
  // The host's own require: only that one finds the editor's module.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  require(bundle);
  return threadCpuMs() - before;
}
