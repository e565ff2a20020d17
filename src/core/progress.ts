/** One step of a long operation, for a person who waits. */
export interface Progress {
  /** What is being done, in the present: "Encrypting". */
  readonly stage: string;
  /** Units done of `total`; both absent while the amount is unknown. */
  readonly done?: number;
  readonly total?: number;
  /** What the units are: "records", "bytes", "queries". */
  readonly unit?: string;
}

/** What every long operation takes: a way to stop it and a way to tell how far it is. */
export interface Running {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/**
 * A long computation in steps of a fraction of a second, for the largest models that can be planned. Between two it may say how far it is;
 * whoever drives it lets others have their turn there, or leaves it unfinished.
 */
export type Steps<Outcome> = Generator<Progress | undefined, Outcome>;
