/** One figure of a bench. Times are medians; where a peer was measured in the same run, the ratio counts. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** How often it was measured, and the extremes; absent for what does not vary (bytes). */
  readonly repeats?: number;
  readonly range?: readonly [number, number];
  /** What was aimed at, in words: "at most 100 ms". */
  readonly goal?: string;
  /** Another program on the same work, in the same run and the same unit. */
  readonly peer?: { readonly name: string; readonly value: number };
}

export interface Measuring {
  readonly repeats?: number;
  /** Runs before the first one that counts. */
  readonly warmUps?: number;
  readonly goal?: string;
  readonly peer?: Figure['peer'];
}

/** What a bench gets. */
export interface BenchContext {
  /** An empty folder, deleted afterwards. */
  readonly folder: string;
  /** Says how far it is. */
  readonly log: (message: string) => void;
  /** Keeps a figure. */
  record(figure: Figure): void;
  /** Runs `work` a few times and keeps the median of its milliseconds, which it returns. */
  measure(what: string, work: () => unknown, options?: Measuring): Promise<number>;
}

/** What a file bench/<name>.bench.ts exports. */
export interface BenchModule {
  readonly name: string;
  readonly run: (context: BenchContext) => Promise<void>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)];
  if (upper === undefined) throw new RangeError('The median of nothing.');
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? upper) + upper) / 2 : upper;
}
