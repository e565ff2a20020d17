import { workerData } from 'node:worker_threads';
import type { ClientDeployment } from '../core/artifact/deployment.ts';
import type { ParameterSet } from '../core/plan/parameters.ts';
import type { KeyNeeds } from '../core/plan/plan.ts';
import { generateKeys, type GeneratedKeys } from './client/key-generation.ts';
import {
  openSecretSession,
  type DecryptedResult,
  type EncryptedQuery,
  type KeySetSecrets,
  type SecretSession,
} from './client/secret-session.ts';
import type { QueryIdentity } from './client/slots.ts';
import { loadSeal } from './library.ts';
import { serveTasks } from './worker-pool.ts';

/** What a client worker is started with; without secrets it only generates keys. */
export interface ClientWorkerData {
  readonly session?: { readonly deployment: ClientDeployment; readonly secrets: KeySetSecrets };
}

export interface ClientTasks {
  readonly generate: {
    readonly input: { readonly parameters: ParameterSet; readonly needs: KeyNeeds };
    readonly output: GeneratedKeys;
  };
  readonly encrypt: {
    readonly input: {
      readonly identity: QueryIdentity;
      readonly features: Float64Array;
      readonly evaluationKeys?: string;
    };
    readonly output: EncryptedQuery;
  };
  readonly decrypt: {
    readonly input: { readonly bytes: Uint8Array; readonly file: string; readonly digest?: string };
    readonly output: DecryptedResult;
  };
}

const data = workerData as ClientWorkerData;
const seal = await loadSeal();
let opened: SecretSession | undefined;

function session(): SecretSession {
  if (data.session === undefined) throw new Error('this worker was started without secret keys');
  opened ??= openSecretSession(seal, data.session.deployment, data.session.secrets);
  return opened;
}

serveTasks<{ [Kind in keyof ClientTasks]: ClientTasks[Kind] }>({
  generate: ({ parameters, needs }) => generateKeys(seal, parameters, needs),
  encrypt: ({ identity, features, ...options }) => session().encryptQuery(identity, features, options),
  decrypt: ({ bytes, ...expected }) => session().decryptResult(bytes, expected),
});
