import { storeKeys } from '../core/artifact/layout.ts';
import type { ArtifactStore } from '../core/artifact/store.ts';
import { AppError } from '../core/error.ts';
import type { Cipher } from '../seal/cipher.ts';
import { headerRecords, type CheckedData, type QueryRecords } from './checked-data.ts';
import type { Running } from './environment.ts';
import type { FoundDeployment } from './find-deployment.ts';
import type { Endpoint } from './http-endpoint.ts';
import type { Job } from './job.ts';
import type { UnlockedKeySet } from './unlock.ts';

/** Everything that a query's way needs. */
export interface Line {
  readonly found: FoundDeployment;
  readonly data: CheckedData;
  readonly keys: UnlockedKeySet;
  readonly cipher: Cipher;
  readonly store: ArtifactStore;
  readonly endpoint: Endpoint;
  readonly job: Job;
  readonly running: Running;
}

/** A query's records with their verified scores. */
export interface Answered {
  readonly records: QueryRecords;
  readonly scores: Float64Array;
}

const maxResultBytes = 1 << 30;

/** One query's way, or the short way where an earlier attempt left a result that verifies. */
export async function answer(line: Line, records: QueryRecords, signal: AbortSignal): Promise<Answered> {
  const { job, store, cipher, endpoint, data, keys } = line;
  const { index } = records;
  const keyNames = { query: storeKeys.query(job.id, index), result: storeKeys.result(job.id, index) };
  const kept = job.digestOf(index);
  if (kept !== undefined && (await store.stat(keyNames.result, { signal })) !== undefined) {
    const scores = await collect(line, { records, result: keyNames.result, digest: kept }, signal).catch(
      (error: unknown) => {
        signal.throwIfAborted();
        return error;
      },
    );
    if (scores instanceof Float64Array) return { records, scores };
  }
  const identity = { mode: data.plan.mode, job: job.id, index, records: headerRecords(records) };
  const evaluationKeys = store.uriOf(storeKeys.evaluationKeys(keys.secrets.key));
  const query = await cipher.encrypt(identity, records.features, { evaluationKeys, signal });
  await job.encrypted({ index, records: headerRecords(records), digest: query.digest }, query.seconds);
  await store.write(keyNames.query, query.query, { signal });
  job.sent(query.query.length);
  await endpoint.invoke({ ...keyNames, evaluationKeys: storeKeys.evaluationKeys(keys.secrets.key) }, signal);
  return { records, scores: await collect(line, { records, result: keyNames.result, digest: query.digest }, signal) };
}

async function collect(
  line: Line,
  expected: { readonly records: QueryRecords; readonly result: string; readonly digest: string },
  signal: AbortSignal,
): Promise<Float64Array> {
  const { store, cipher, job } = line;
  const bytes = await store.read(expected.result, { signal, maxBytes: maxResultBytes });
  job.received(bytes.length);
  const { index } = expected.records;
  const decrypted = await cipher.decrypt(bytes, { file: expected.result, digest: expected.digest, signal });
  const { header } = decrypted;
  if (header.job !== job.id || header.index !== index || header.records !== headerRecords(expected.records)) {
    throw new AppError('result.not-verified', 'The result belongs to another query.', { file: expected.result });
  }
  await job.verified(index, decrypted);
  return decrypted.scores;
}
