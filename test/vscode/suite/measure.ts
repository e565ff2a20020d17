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

export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Waits until the host has started its other extensions and rests: at work for less than a tenth of half a second. */
export async function idleHost(): Promise<void> {
  for (let tries = 0; tries < 40; tries++) {
    const before = threadCpuMs();
    await new Promise((resolve) => setTimeout(resolve, 500));
    if (threadCpuMs() - before < 50) return;
  }
}
