import type { ClientDeployment } from '../../core/artifact/deployment.ts';
import { encodeContainer, verifySection } from '../../core/artifact/container.ts';
import { readArtifact, type ResultHeader } from '../../core/artifact/headers.ts';
import { queryDigest } from '../../core/artifact/ids.ts';
import type { PlanMode } from '../../core/artifact/outcomes.ts';
import { AppError } from '../../core/error.ts';
import type { Slot } from '../../core/plan/canaries.ts';
import type { ClientPlan } from '../../core/plan/plan.ts';
import type { PlannedRanges } from '../../core/table/range.ts';
import { makeContext, type HeContext } from '../context.ts';
import { sha256 } from '../digest.ts';
import { joinFrames, splitFrames } from '../frames.ts';
import type { Seal } from '../library.ts';
import type { BlockCodec, CodecOptions } from './block-codec.ts';
import { bitsCodec } from './bits-codec.ts';
import { coefficientsCodec } from './coefficients-codec.ts';
import { featuresCodec } from './features-codec.ts';
import { recordsCodec } from './records-codec.ts';
import { drawSlots, type QueryIdentity } from './slots.ts';
import { treeRecordsCodec } from './tree-records-codec.ts';

/** Secret keys of one key set by parameter set, as SEAL saves them, and the secret that canary slots are derived from. */
export interface KeySetSecrets {
  readonly key: string;
  readonly secretKeys: ReadonlyMap<string, Uint8Array>;
  readonly canarySecret: Uint8Array;
}

export interface EncryptedQuery {
  readonly query: Uint8Array;
  /** What the result must name as its query. */
  readonly digest: string;
  readonly seconds: number;
}

export interface DecryptedResult {
  readonly header: ResultHeader;
  /** Records of the user's: none in a canary query. */
  readonly records: number;
  /** records x outputs, in the query's order. */
  readonly scores: Float64Array;
  /** Canaries checked, all right. */
  readonly canaries: number;
  readonly seconds: number;
}

/** Holds secret keys; encrypts queries, decrypts and verifies results. Nothing that serves an endpoint can name this type. */
export interface SecretSession extends Disposable {
  /** @param features records x inputs, preprocessed and within the planned ranges; not looked at in a canary query */
  encryptQuery(
    identity: QueryIdentity,
    features: Float64Array,
    options: { readonly evaluationKeys?: string },
  ): EncryptedQuery;
  /** @throws {AppError} artifact.* where the file is not this job's; result.not-verified where a canary is off */
  decryptResult(bytes: Uint8Array, expected: { readonly file: string; readonly digest?: string }): DecryptedResult;
}

/** Opens a deployment with a key set; contexts and keys are made when a plan is first used. */
export function openSecretSession(seal: Seal, deployment: ClientDeployment, secrets: KeySetSecrets): SecretSession {
  const codecs = new Map<PlanMode, OpenCodec>();
  const { center, radius } = deployment.document.ranges;
  const ranges = { center: Float64Array.from(center), radius: Float64Array.from(radius) };
  const codecOf = (mode: PlanMode): OpenCodec => {
    const known = codecs.get(mode);
    if (known !== undefined) return known;
    const opened = openCodec(seal, planOf(deployment, mode), { secrets, ranges });
    codecs.set(mode, opened);
    return opened;
  };
  const opened: Opened = { deployment, secrets, ranges, codecOf };
  return {
    encryptQuery: (identity, features, options) => encryptQuery(opened, { identity, features }, options),
    decryptResult: (bytes, expected) => decryptResult(opened, bytes, expected),
    [Symbol.dispose]: () => {
      for (const { close } of codecs.values()) close();
    },
  };
}

/** What both directions of a session work with. */
interface Opened {
  readonly deployment: ClientDeployment;
  readonly secrets: KeySetSecrets;
  readonly ranges: PlannedRanges;
  readonly codecOf: (mode: PlanMode) => OpenCodec;
}

function encryptQuery(
  opened: Opened,
  { identity, features }: { readonly identity: QueryIdentity; readonly features: Float64Array },
  options: { readonly evaluationKeys?: string },
): EncryptedQuery {
  const { deployment, secrets, ranges } = opened;
  const started = performance.now();
  const { codec, plan } = opened.codecOf(identity.mode);
  const blocks = drawSlots(deployment, plan, { identity, canarySecret: secrets.canarySecret });
  const sections = blocks.map((slots, index) => ({
    name: `block-${String(index)}`,
    bytes: joinFrames(
      codec.encrypt(fillBlock(slots, { features, canaries: deployment.canaries, empty: ranges.center })),
    ),
  }));
  const hashed = sections.map((section) => ({ ...section, sha256: sha256(section.bytes) }));
  const { mode, ...rest } = identity;
  const header = {
    format: 'sealpoint.query',
    version: 1,
    deployment: deployment.id,
    plan: mode,
    key: secrets.key,
    ...rest,
    ...(options.evaluationKeys === undefined ? {} : { evaluationKeys: options.evaluationKeys }),
  };
  const query = encodeContainer(header, hashed, sha256);
  return { query, digest: queryDigest(hashed, sha256), seconds: (performance.now() - started) / 1000 };
}

function decryptResult(
  opened: Opened,
  bytes: Uint8Array,
  expected: { readonly file: string; readonly digest?: string },
): DecryptedResult {
  const { deployment, secrets } = opened;
  const started = performance.now();
  const { header, sections } = readArtifact('sealpoint.result', bytes, expected.file);
  checkIds(header, { deployment: deployment.id, key: secrets.key }, expected);
  const { codec, plan } = opened.codecOf(header.plan);
  const identity = { mode: header.plan, job: header.job, index: header.index, records: header.records };
  const blocks = drawSlots(deployment, plan, { identity, canarySecret: secrets.canarySecret });
  if (blocks.length !== sections.length) {
    throw new AppError('artifact.altered', 'The result does not have as many blocks as its query.', {
      file: expected.file,
    });
  }
  const records = blocks.flat().filter((slot) => slot.kind === 'record').length;
  const scores = new Float64Array(records * plan.outputs);
  let canaries = 0;
  for (const [index, slots] of blocks.entries()) {
    const [entry, section] = [header.sections[index], sections[index]];
    if (entry === undefined || section === undefined) continue;
    verifySection(entry, section, { sha256, file: expected.file });
    const decrypted = codec.decrypt(splitFrames(section, codec.resultCiphertexts));
    canaries += verifyCanaries(slots, decrypted, { plan, deployment, file: expected.file });
    copyScores(slots, decrypted, { scores, outputs: plan.outputs });
  }
  return { header, records, scores, canaries, seconds: (performance.now() - started) / 1000 };
}

interface OpenCodec {
  readonly codec: BlockCodec;
  readonly plan: ClientPlan;
  readonly close: () => void;
}

function openCodec(
  seal: Seal,
  plan: ClientPlan,
  options: { readonly secrets: KeySetSecrets; readonly ranges: PlannedRanges },
): OpenCodec {
  const saved = options.secrets.secretKeys.get(plan.parameters.id);
  if (saved === undefined) {
    throw new AppError(
      'key.other-deployment',
      `The key set has no secret key for the parameters ${plan.parameters.id}.`,
      {
        hint: 'Use the key set that was made for this deployment.',
      },
    );
  }
  using unwind = new DisposableStack();
  const he = unwind.use(makeContext(seal, plan.parameters));
  const secretKey = unwind.use(new seal.SecretKey());
  secretKey.loadFromArray(he.context, saved);
  // The encryptor wants a public key even where it only ever encrypts under the secret one.
  using generator = new seal.KeyGenerator(he.context, secretKey);
  using publicKey = generator.createPublicKey();
  const encryptor = unwind.use(new seal.Encryptor(he.context, publicKey, secretKey));
  const decryptor = unwind.use(new seal.Decryptor(he.context, secretKey));
  const borrowed = { encryptor, decryptor, ranges: options.ranges };
  const codec = unwind.use(codecOf(he, plan, borrowed));
  const owned = unwind.move();
  return {
    codec,
    plan,
    close: () => {
      owned.dispose();
    },
  };
}

function codecOf(he: HeContext, plan: ClientPlan, borrowed: CodecOptions): BlockCodec {
  if (plan.circuit === 'affine-coefficients') return coefficientsCodec(he, plan, borrowed);
  if (plan.circuit === 'network-features') return featuresCodec(he, plan, borrowed);
  if (plan.circuit === 'trees-bits') return bitsCodec(he, plan, borrowed);
  return plan.circuit === 'trees-records' ? treeRecordsCodec(he, plan, borrowed) : recordsCodec(he, plan, borrowed);
}

function planOf(deployment: ClientDeployment, mode: PlanMode): ClientPlan {
  const plan = deployment.document.plans.find((candidate) => candidate.mode === mode);
  if (plan !== undefined) return plan;
  throw new AppError('artifact.unreadable', `The deployment has no plan for ${mode}.`);
}

function checkIds(
  header: ResultHeader,
  own: { readonly deployment: string; readonly key: string },
  expected: { readonly file: string; readonly digest?: string },
): void {
  const { file } = expected;
  if (header.deployment !== own.deployment)
    throw new AppError('artifact.other-deployment', 'This result belongs to another deployment.', { file });
  if (header.key !== own.key)
    throw new AppError('artifact.other-key', 'This result was made for another key set.', { file });
  if (expected.digest !== undefined && header.query !== expected.digest) {
    throw new AppError('result.not-verified', 'This result does not answer the query that was sent.', { file });
  }
}

/** @returns blockRecords x inputs */
function fillBlock(
  slots: readonly Slot[],
  source: { readonly features: Float64Array; readonly canaries: Float64Array; readonly empty: Float64Array },
): Float64Array {
  const inputs = source.empty.length;
  const block = new Float64Array(slots.length * inputs);
  for (const [slot, content] of slots.entries()) {
    if (content.kind === 'record') block.set(row(source.features, content.record, inputs), slot * inputs);
    else if (content.kind === 'canary') block.set(row(source.canaries, content.canary, inputs), slot * inputs);
    else block.set(source.empty, slot * inputs);
  }
  return block;
}

function verifyCanaries(
  slots: readonly Slot[],
  decrypted: Float64Array,
  context: { readonly plan: ClientPlan; readonly deployment: ClientDeployment; readonly file: string },
): number {
  const { plan, deployment } = context;
  const known = deployment.canaryScores[plan.mode] ?? new Float64Array(0);
  let checked = 0;
  for (const [slot, content] of slots.entries()) {
    if (content.kind !== 'canary') continue;
    checked += 1;
    for (let output = 0; output < plan.outputs; output += 1) {
      const score = decrypted[slot * plan.outputs + output] ?? Number.NaN;
      const answer = known[content.canary * plan.outputs + output] ?? Number.NaN;
      // Written so that NaN fails.
      if (Math.abs(score - answer) <= plan.errorBound) continue;
      throw new AppError('result.not-verified', 'The result is not that of this query: a canary came back wrong.', {
        file: context.file,
        hint: 'The endpoint or the store altered, swapped or replayed a result, or runs another model. No prediction was written.',
      });
    }
  }
  return checked;
}

function copyScores(
  slots: readonly Slot[],
  decrypted: Float64Array,
  target: { readonly scores: Float64Array; readonly outputs: number },
): void {
  for (const [slot, content] of slots.entries()) {
    if (content.kind === 'record')
      target.scores.set(row(decrypted, slot, target.outputs), content.record * target.outputs);
  }
}

function row(values: Float64Array, index: number, width: number): Float64Array {
  return values.subarray(index * width, (index + 1) * width);
}
