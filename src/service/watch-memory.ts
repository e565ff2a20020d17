const lookMs = 50;

/** The most resident memory that this process has while it is watched; disposing of it ends the watch. */
export interface MemoryWatch extends Disposable {
  readonly mostBytes: () => number;
}

/** All threads of a process share its memory. */
export function watchMemory(): MemoryWatch {
  let most = 0;
  const look = (): number => {
    most = Math.max(most, process.memoryUsage.rss());
    return most;
  };
  const timer = setInterval(look, lookMs).unref();
  return {
    mostBytes: look,
    [Symbol.dispose]: () => {
      clearInterval(timer);
    },
  };
}
