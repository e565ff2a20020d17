import type { Encryptor, GaloisKeys, PublicKey, RelinKeys } from 'node-seal';
import { verifySection } from '../../core/artifact/container.ts';
import { readArtifact, type Artifact, type EvaluationKeysHeader } from '../../core/artifact/headers.ts';
import { evaluationKeysId } from '../../core/artifact/ids.ts';
import { keySection } from '../../core/artifact/key-sections.ts';
import { AppError } from '../../core/error.ts';
import type { HeContext } from '../context.ts';
import { sha256 } from '../digest.ts';

/** Evaluation keys of one key set for one parameter set; public, owned by the cache that loaded them. */
export interface EvaluationKeySet extends Disposable {
  /** Under the public key: its encryptions re-randomize results. */
  readonly encryptor: Encryptor;
  readonly relinearizationKeys: RelinKeys | undefined;
  readonly galoisKeys: GaloisKeys | undefined;
}

const file = 'evaluation keys';

/** @throws {AppError} artifact.*: another key set or deployment, altered, or keys missing for these parameters */
export function loadEvaluationKeys(
  he: HeContext,
  bytes: Uint8Array,
  expected: { readonly key: string; readonly deployment: string },
): EvaluationKeySet {
  const artifact = readArtifact('sealpoint.evaluation-keys', bytes, file);
  const { header } = artifact;
  if (header.deployment !== expected.deployment) {
    throw new AppError('artifact.other-deployment', 'These evaluation keys belong to another deployment.', { file });
  }
  if (header.key !== expected.key || evaluationKeysId(header.sections, sha256) !== expected.key) {
    throw new AppError('artifact.other-key', 'These evaluation keys belong to another key set than the query.', {
      file,
    });
  }
  const { id } = he.parameters;
  using unwind = new DisposableStack();
  const publicKey = loadKey(he, artifact, { name: keySection.publicKey(id), key: unwind.use(new he.seal.PublicKey()) });
  if (publicKey === undefined)
    throw new AppError('artifact.unreadable', `The evaluation keys hold nothing for the parameters ${id}.`, { file });
  const encryptor = unwind.use(new he.seal.Encryptor(he.context, publicKey));
  const relinearizationKeys = loadKey(he, artifact, {
    name: keySection.relinearization(id),
    key: unwind.use(new he.seal.RelinKeys()),
  });
  const galoisKeys = loadKey(he, artifact, { name: keySection.galois(id), key: unwind.use(new he.seal.GaloisKeys()) });
  const owned = unwind.move();
  return {
    encryptor,
    relinearizationKeys,
    galoisKeys,
    [Symbol.dispose]: () => {
      owned.dispose();
    },
  };
}

/** @returns the key, loaded; undefined where the file has no such section */
function loadKey<Key extends PublicKey | RelinKeys | GaloisKeys>(
  he: HeContext,
  artifact: Artifact<EvaluationKeysHeader>,
  wanted: { readonly name: string; readonly key: Key },
): Key | undefined {
  const index = artifact.header.sections.findIndex((section) => section.name === wanted.name);
  const [entry, bytes] = [artifact.header.sections[index], artifact.sections[index]];
  if (entry === undefined || bytes === undefined) return undefined;
  verifySection(entry, bytes, { sha256, file });
  try {
    wanted.key.loadFromArray(he.context, bytes);
    return wanted.key;
  } catch (cause) {
    throw new AppError('artifact.unreadable', `The section ${wanted.name} cannot be loaded.`, { file, cause });
  }
}
