import type { ClientDeployment } from '../core/artifact/deployment.ts';
import type { ParameterSet } from '../core/plan/parameters.ts';
import type { KeyNeeds } from '../core/plan/plan.ts';
import type { GeneratedKeys } from './client/key-generation.ts';
import type { DecryptedResult, EncryptedQuery, KeySetSecrets } from './client/secret-session.ts';
import type { QueryIdentity } from './client/slots.ts';
import type { ClientTasks, ClientWorkerData } from './client-worker.ts';
import { openWorkerPool } from './worker-pool.ts';

type Tasks = { [Kind in keyof ClientTasks]: ClientTasks[Kind] };

/** Encrypts queries and decrypts results over a pool of threads that hold a key set's secrets until it is closed. */
export interface Cipher extends AsyncDisposable {
  readonly threads: number;
  /** @param features records x inputs, preprocessed and within the planned ranges */
  encrypt(
    identity: QueryIdentity,
    features: Float64Array,
    options: { readonly evaluationKeys?: string; readonly signal: AbortSignal },
  ): Promise<EncryptedQuery>;
  /** @throws {AppError} result.not-verified, artifact.* */
  decrypt(
    bytes: Uint8Array,
    options: { readonly file: string; readonly digest?: string; readonly signal: AbortSignal },
  ): Promise<DecryptedResult>;
}

/** Starts the threads; the first call waits until they have loaded SEAL. */
export function openCipher(
  deployment: ClientDeployment,
  secrets: KeySetSecrets,
  options: { readonly worker: URL; readonly threads?: number },
): Cipher {
  const data: ClientWorkerData = { session: { deployment, secrets } };
  const pool = openWorkerPool<Tasks>(options.worker, {
    data,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  });
  return {
    threads: pool.threads,
    encrypt: async (identity, features, { signal, ...rest }) =>
      await pool.run('encrypt', { identity, features, ...rest }, { signal }),
    decrypt: async (bytes, { signal, ...rest }) => await pool.run('decrypt', { bytes, ...rest }, { signal }),
    [Symbol.asyncDispose]: async () => {
      await pool[Symbol.asyncDispose]();
    },
  };
}

/** One independent secret key a parameter set, generated in parallel off the calling thread. */
export async function generateKeySet(
  requests: readonly { readonly parameters: ParameterSet; readonly needs: KeyNeeds }[],
  worker: URL,
  signal: AbortSignal,
): Promise<GeneratedKeys[]> {
  const data: ClientWorkerData = {};
  await using pool = openWorkerPool<Tasks>(worker, { data, threads: Math.min(2, requests.length) });
  return await Promise.all(requests.map(async (request) => await pool.run('generate', request, { signal })));
}
