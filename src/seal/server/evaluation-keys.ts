import type { PublicKey } from 'node-seal';
import { readArtifact } from '../../core/artifact/headers.ts';
import { verifySection } from '../../core/artifact/container.ts';
import { evaluationKeysId } from '../../core/artifact/ids.ts';
import { AppError } from '../../core/error.ts';
import type { HeContext } from '../context.ts';
import { sha256 } from '../digest.ts';

/** Evaluation keys of one key set for one parameter set; public, owned by the cache that loaded them. */
export interface EvaluationKeySet extends Disposable {
  /** Encryptions of zero that re-randomize results. */
  readonly publicKey: PublicKey;
}

/** Names of the sections of a .spk file. */
export const keySection = {
  publicKey: (parameters: string) => `${parameters}/public-key`,
} as const;

/** @throws {AppError} artifact.*: another key set or deployment, altered, or keys missing for these parameters */
export function loadEvaluationKeys(
  he: HeContext,
  file: Uint8Array,
  expected: { readonly key: string; readonly deployment: string },
): EvaluationKeySet {
  const name = 'evaluation keys';
  const { header, sections } = readArtifact('sealpoint.evaluation-keys', file, name);
  if (header.deployment !== expected.deployment) {
    throw new AppError('artifact.other-deployment', 'These evaluation keys belong to another deployment.', { file: name });
  }
  if (header.key !== expected.key || evaluationKeysId(header.sections, sha256) !== expected.key) {
    throw new AppError('artifact.other-key', 'These evaluation keys belong to another key set than the query.', { file: name });
  }
  const wanted = keySection.publicKey(he.parameters.id);
  const index = header.sections.findIndex((section) => section.name === wanted);
  const [entry, bytes] = [header.sections[index], sections[index]];
  if (entry === undefined || bytes === undefined) {
    throw new AppError('artifact.unreadable', `The evaluation keys hold nothing for the parameters ${he.parameters.id}.`, { file: name });
  }
  verifySection(entry, bytes, { sha256, file: name });
  const publicKey = new he.seal.PublicKey();
  try {
    publicKey.loadFromArray(he.context, bytes);
  } catch (cause) {
    publicKey.delete();
    throw new AppError('artifact.unreadable', 'The public key cannot be loaded.', { file: name, cause });
  }
  return {
    publicKey,
    [Symbol.dispose]: () => {
      publicKey.delete();
    },
  };
}
