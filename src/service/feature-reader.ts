import type { ClientDocument } from '../core/artifact/deployment.ts';
import { AppError } from '../core/error.ts';
import { bindColumns, featureNames } from '../core/table/bind.ts';
import { preprocessRows } from '../core/table/preprocess.ts';
import { checkRange, type PlannedRanges } from '../core/table/range.ts';
import type { Cell, RowBatch, RowSource } from '../core/table/rows.ts';

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

/** Rows read and not yet handed on. */
interface Buffered {
  features: readonly Float64Array[];
  cells: readonly (readonly Cell[])[];
  clipped: number;
  total: number;
}

/** @throws {AppError} data.* */
export function openFeatureReader(source: RowSource, document: ClientDocument, options: ReadOptions): FeatureReader {
  const file = source.file;
  const width = document.ranges.center.length;
  const prepare = preparation(source, document, options);
  const batches = source.batches(options.signal)[Symbol.asyncIterator]();
  const buffered: Buffered = { features: [], cells: [], clipped: 0, total: 0 };
  let ended = false;
  return {
    header: source.header,
    clipped: () => buffered.clipped,
    next: async (size) => {
      while (!ended && buffered.cells.length < size) {
        const read: IteratorResult<RowBatch, unknown> = await batches.next();
        options.signal.throwIfAborted();
        ended = read.done === true;
        if (read.done !== true) prepare(read.value, buffered);
      }
      if (buffered.total === 0)
        throw new AppError('data.empty', `${file} has no rows.`, {
          file,
          hint: 'Give a file with a header and at least one row.',
        });
      return take(buffered, size, width);
    },
    // Ends the file's iterator, which closes the file where reading stopped early.
    [Symbol.asyncDispose]: async () => {
      await batches.return?.();
    },
  };
}

function preparation(
  source: RowSource,
  document: ClientDocument,
  options: ReadOptions,
): (batch: RowBatch, buffered: Buffered) => void {
  const { file } = source;
  const bound = bindColumns(document.preprocessing, source.header, file);
  const names = featureNames(bound);
  const ranges: PlannedRanges = {
    center: Float64Array.from(document.ranges.center),
    radius: Float64Array.from(document.ranges.radius),
  };
  return (batch, buffered) => {
    const made = preprocessRows(bound, batch, file);
    buffered.clipped += checkRange(made, ranges, { clip: options.clip, file, names, lines: batch.lines });
    buffered.features = [...buffered.features, made.values];
    buffered.cells = buffered.cells.length === 0 ? batch.rows : buffered.cells.concat(batch.rows);
    buffered.total += batch.rows.length;
  };
}

function take(buffered: Buffered, size: number, width: number): RecordChunk | undefined {
  const records = Math.min(size, buffered.cells.length);
  if (records === 0) return undefined;
  const joined = joinFloats(buffered.features);
  const cells = buffered.cells.slice(0, records);
  buffered.features = [joined.subarray(records * width)];
  buffered.cells = buffered.cells.slice(records);
  return { records, features: joined.slice(0, records * width), cells };
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
