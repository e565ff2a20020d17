import type { ClientDocument } from '../core/artifact/deployment.ts';
import { AppError } from '../core/error.ts';
import { bindColumns, featureNames } from '../core/table/bind.ts';
import { preprocessRows } from '../core/table/preprocess.ts';
import { checkRange, type PlannedRanges } from '../core/table/range.ts';
import type { Cell, RowSource } from '../core/table/rows.ts';

/** Consecutive records, ready to encrypt. */
export interface RecordChunk {
  readonly records: number;
  /** records x inputs, preprocessed and within the planned ranges. */
  readonly features: Float64Array;
  /** The cells as they came. */
  readonly cells: readonly (readonly Cell[])[];
}

export interface ReadOptions {
  readonly clip: boolean;
  readonly signal: AbortSignal;
}

/** Reads a data file as records of one deployment, refusing bad rows with their place; counts what it clipped. */
export interface FeatureReader extends AsyncDisposable {
  readonly header: readonly string[];
  /** So far. */
  readonly clipped: () => number;
  /** The next records, `size` of them or what is left; undefined at the end. */
  next(size: number): Promise<RecordChunk | undefined>;
}

/** @throws {AppError} data.* */
export function openFeatureReader(source: RowSource, document: ClientDocument, options: ReadOptions): FeatureReader {
  const file = source.file;
  const bound = bindColumns(document.preprocessing, source.header, file);
  const names = featureNames(bound);
  const ranges: PlannedRanges = {
    center: Float64Array.from(document.ranges.center),
    radius: Float64Array.from(document.ranges.radius),
  };
  const width = ranges.center.length;
  const batches = source.batches(options.signal)[Symbol.asyncIterator]();
  let features: Float64Array[] = [];
  let cells: (readonly Cell[])[] = [];
  let clipped = 0;
  let total = 0;
  let ended = false;

  async function readBatch(): Promise<void> {
    const { value: batch, done } = await batches.next();
    options.signal.throwIfAborted();
    if (done === true) {
      ended = true;
      return;
    }
    const made = preprocessRows(bound, batch, file);
    clipped += checkRange(made, ranges, { clip: options.clip, file, names, lines: batch.lines });
    features.push(made.values);
    cells = cells.length === 0 ? [...batch.rows] : cells.concat(batch.rows);
    total += batch.rows.length;
  }

  return {
    header: source.header,
    clipped: () => clipped,
    next: async (size) => {
      while (!ended && cells.length < size) await readBatch();
      if (total === 0)
        throw new AppError('data.empty', `${file} has no rows.`, {
          file,
          hint: 'Give a file with a header and at least one row.',
        });
      const records = Math.min(size, cells.length);
      if (records === 0) return undefined;
      const joined = joinFloats(features);
      features = [joined.subarray(records * width)];
      const taken = cells.slice(0, records);
      cells = cells.slice(records);
      return { records, features: joined.slice(0, records * width), cells: taken };
    },
    // Ends the file's iterator, which closes the file where reading stopped early.
    [Symbol.asyncDispose]: async () => {
      await batches.return?.();
    },
  };
}

function joinFloats(parts: readonly Float64Array[]): Float64Array {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  const joined = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}
