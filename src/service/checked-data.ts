import type { ClientDocument } from '../core/artifact/deployment.ts';
import { choosePlan } from '../core/plan/choose.ts';
import { querySizes } from '../core/plan/canaries.ts';
import { queryCapacity, type ClientPlan } from '../core/plan/plan.ts';
import { digestFile, openDataFile } from '../io/data-file.ts';
import type { Running } from './environment.ts';
import { openFeatureReader, type RecordChunk } from './feature-reader.ts';

/** A data file of which every row was found good. */
export interface CheckedData {
  readonly file: string;
  readonly header: readonly string[];
  readonly records: number;
  readonly sha256: string;
  /** Values that reading will clip. */
  readonly clipped: number;
  readonly plan: ClientPlan;
}

/** Rows at a time while checking. */
const checkedRows = 8192;

/**
 * Reads the whole file once before anything is encrypted or sent, so that a bad last row costs nothing; counts its rows, which chooses the
 * plan.
 * @throws {AppError} data.*
 */
export async function checkData(
  file: string,
  document: ClientDocument,
  options: { readonly clip: boolean; readonly overLine: boolean; readonly running: Running },
): Promise<CheckedData> {
  const { running, clip } = options;
  const signal = running.signal;
  const source = await openDataFile(file, { signal });
  await using reader = openFeatureReader(source, document, { clip, signal });
  let records = 0;
  for (let chunk = await reader.next(checkedRows); chunk !== undefined; chunk = await reader.next(checkedRows)) {
    records += chunk.records;
    running.onProgress({ stage: 'Checking the data', done: records, unit: 'records' });
  }
  const sha256 = await digestFile(file, { signal });
  return {
    file,
    header: reader.header,
    records,
    sha256,
    clipped: reader.clipped(),
    plan: choosePlan(document.plans, records, options.overLine),
  };
}

/** A query's records; none in a canary query. */
export interface QueryRecords extends RecordChunk {
  readonly index: number;
}

/** What a query's header says: a canary query looks like one with a record. */
export function headerRecords({ records }: QueryRecords): number {
  return Math.max(1, records);
}

const emptyChunk: RecordChunk = { records: 0, features: new Float64Array(0), cells: [] };

/** The file's records again, a query's at a time. */
export async function* queryRecords(
  data: CheckedData,
  document: ClientDocument,
  options: { readonly clip: boolean; readonly signal: AbortSignal; readonly isCanary: (index: number) => boolean },
): AsyncGenerator<QueryRecords> {
  const source = await openDataFile(data.file, { signal: options.signal });
  await using reader = openFeatureReader(source, document, options);
  const capacity = queryCapacity(data.plan);
  let index = 0;
  for (const size of querySizes(data.records, { capacity, isCanary: options.isCanary })) {
    const chunk = size === 0 ? emptyChunk : await reader.next(size);
    // The file became shorter since it was checked: the caller finds that by its digest.
    if (chunk === undefined) return;
    yield { ...chunk, index };
    index += 1;
  }
}
