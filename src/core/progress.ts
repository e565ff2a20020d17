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
