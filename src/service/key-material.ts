import { createHash, randomBytes } from 'node:crypto';
import { encodeContainer } from '../core/artifact/container.ts';
import type { ClientDeployment } from '../core/artifact/deployment.ts';
import { evaluationKeysId } from '../core/artifact/ids.ts';
import type { ParameterSet } from '../core/plan/parameters.ts';
import { generateKeySet } from '../seal/cipher.ts';
import type { KeySetSecrets } from '../seal/client/secret-session.ts';
import { keySection } from '../seal/server/evaluation-keys.ts';
import type { Environment } from './environment.ts';

/** Under which name the key store keeps the canary secret, beside the secret keys. */
export const canarySecretName = 'canaries';

export interface KeyMaterial extends Disposable {
  readonly secrets: KeySetSecrets;
  /** The .spk file. */
  readonly evaluationKeys: Uint8Array;
}

/** Fresh keys for every parameter set of a deployment's plans; disposing of them zeroes the secrets. */
export async function makeKeyMaterial(deployment: ClientDeployment, environment: Environment, signal: AbortSignal): Promise<KeyMaterial> {
  const sets = new Map<string, ParameterSet>(deployment.document.plans.map((plan) => [plan.parameters.id, plan.parameters]));
  const generated = await generateKeySet([...sets.values()], environment.programs.clientWorker, signal);
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const sections = generated.map((keys) => ({
    name: keySection.publicKey(keys.parameters),
    bytes: keys.publicKey,
    sha256: sha256(keys.publicKey),
  }));
  const key = evaluationKeysId(sections, sha256);
  const header = { format: 'sealpoint.evaluation-keys', version: 1, deployment: deployment.id, key };
  const secretKeys = new Map(generated.map((keys) => [keys.parameters, keys.secretKey]));
  const canarySecret = Uint8Array.from(randomBytes(32));
  return {
    secrets: { key, secretKeys, canarySecret },
    evaluationKeys: encodeContainer(header, sections, sha256),
    [Symbol.dispose]: () => {
      canarySecret.fill(0);
      for (const bytes of secretKeys.values()) bytes.fill(0);
    },
  };
}
