import { createHash, randomBytes } from 'node:crypto';
import { encodeContainer } from '../core/artifact/container.ts';
import type { ClientDeployment } from '../core/artifact/deployment.ts';
import { evaluationKeysId } from '../core/artifact/ids.ts';
import type { ParameterSet } from '../core/plan/parameters.ts';
import type { KeyNeeds } from '../core/plan/plan.ts';
import { generateKeySet } from '../seal/cipher.ts';
import type { KeySetSecrets } from '../seal/client/secret-session.ts';
import type { Environment } from './environment.ts';

/** Under which name the key store keeps the canary secret, beside the secret keys. */
export const canarySecretName = 'canaries';

export interface KeyMaterial extends Disposable {
  readonly secrets: KeySetSecrets;
  /** The .spk file. */
  readonly evaluationKeys: Uint8Array;
}

/** Fresh keys for every parameter set of a deployment's plans; disposing of them zeroes the secrets. */
export async function makeKeyMaterial(
  deployment: ClientDeployment,
  environment: Environment,
  signal: AbortSignal,
): Promise<KeyMaterial> {
  const generated = await generateKeySet(neededKeys(deployment), environment.programs.clientWorker, signal);
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const sections = generated.flatMap((keys) =>
    keys.evaluationKeys.map((section) => ({ ...section, sha256: sha256(section.bytes) })),
  );
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

/** Plans with equal parameters share a secret key, whose evaluation keys then serve both. */
function neededKeys(deployment: ClientDeployment): { readonly parameters: ParameterSet; readonly needs: KeyNeeds }[] {
  const needed = new Map<string, { readonly parameters: ParameterSet; readonly needs: KeyNeeds }>();
  for (const { parameters, evaluationKeys } of deployment.document.plans) {
    const other = needed.get(parameters.id)?.needs;
    const needs = {
      relinearization: evaluationKeys.relinearization || other?.relinearization === true,
      galoisSteps: [...new Set([...evaluationKeys.galoisSteps, ...(other?.galoisSteps ?? [])])],
    };
    needed.set(parameters.id, { parameters, needs });
  }
  return [...needed.values()];
}
