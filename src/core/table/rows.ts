/** One cell as a file gives it: text from CSV, typed values from JSONL and Parquet; null is missing. */
export type Cell = string | number | bigint | boolean | null;

/** Consecutive rows of a data file. */
export interface RowBatch {
  /** 0-based index of the first row among the data rows. */
  readonly firstRow: number;
  /** Each row has one cell a column of the file's header. */
  readonly rows: readonly (readonly Cell[])[];
  /** The 1-based text line of each row, where the file has lines. */
  readonly lines?: readonly number[];
}

/** A data file that is read once, in order, in bounded memory. */
export interface RowSource {
  readonly file: string;
  readonly header: readonly string[];
  /** Number of rows if the format tells it up front. */
  readonly rowCount?: number;
  batches(signal: AbortSignal): AsyncIterable<RowBatch>;
}

/** Rows after preprocessing: `width` numbers a row, row by row. */
export interface FeatureBatch {
  readonly firstRow: number;
  readonly rows: number;
  readonly width: number;
  readonly values: Float64Array;
}
