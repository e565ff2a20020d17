import { createHash, randomBytes } from 'node:crypto';
import { encodeContainer } from '../src/core/artifact/container.ts';
import type { ClientDeployment, ServerDeployment } from '../src/core/artifact/deployment.ts';
import { readArtifact } from '../src/core/artifact/headers.ts';
import { evaluationKeysId, queryDigest } from '../src/core/artifact/ids.ts';
import type { PlannedDeployment } from '../src/core/plan/plan-model.ts';
import { generateKeys } from '../src/seal/client/key-generation.ts';
import type { KeySetSecrets, openSecretSession } from '../src/seal/client/secret-session.ts';
import type { Seal } from '../src/seal/library.ts';
import type { BlockRequest, EvaluatedBlock, openServerSession } from '../src/seal/server/server-session.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const deployment = 'e'.repeat(64);

/** Both sides of a planned deployment, with fresh keys. */
export interface Sides {
  readonly client: ClientDeployment;
  readonly server: ServerDeployment;
  readonly secrets: KeySetSecrets;
  readonly evaluationKeys: Uint8Array;
}

/** Generates keys for every plan. */
export function sidesOf(seal: Seal, planned: PlannedDeployment): Sides {
  const digests = { client: '', server: '' };
  const generated = planned.client.plans.map((plan) => generateKeys(seal, plan.parameters, plan.evaluationKeys));
  const sections = generated.flatMap((keys) =>
    keys.evaluationKeys.map((section) => ({ ...section, sha256: sha256(section.bytes) })),
  );
  const key = evaluationKeysId(sections, sha256);
  return {
    client: {
      id: deployment,
      digests,
      document: planned.client,
      canaries: planned.canaries,
      canaryScores: planned.canaryScores,
    },
    server: { id: deployment, digests, document: planned.server, tensors: planned.tensors },
    secrets: {
      key,
      secretKeys: new Map(generated.map((keys) => [keys.parameters, keys.secretKey])),
      canarySecret: randomBytes(32),
    },
    evaluationKeys: encodeContainer(
      { format: 'sealpoint.evaluation-keys', version: 1, deployment, key },
      sections,
      sha256,
    ),
  };
}

export interface Travelling {
  readonly features: Float64Array;
  /** Of the query in its job; default: 0. */
  readonly index?: number;
  /** Default: the whole block on this thread. */
  readonly evaluate?: (request: BlockRequest) => EvaluatedBlock;
}

/** What travels between both sides, and nothing else. @returns the scores: none of a canary query */
export function through(sides: Sides, sessions: Sessions, travelling: Travelling): Float64Array {
  const { features, index = 0 } = travelling;
  const evaluate = travelling.evaluate ?? ((request: BlockRequest) => sessions.server.evaluateBlock(request));
  const records = features.length / sides.client.document.ranges.center.length;
  const { mode } = sides.client.document.plans[0] ?? { mode: 'latency' };
  const identity = { mode, job: 'f'.repeat(32), index, records };
  const { query, digest } = sessions.secret.encryptQuery(identity, features, {});
  const { header, sections } = readArtifact('sealpoint.query', query, 'q');
  const blocks = header.sections.map((entry, place) => {
    const bytes = sections[place] ?? new Uint8Array(0);
    const request = { mode, entry, bytes, key: header.key, evaluationKeys: sides.evaluationKeys };
    return { name: entry.name, ...evaluate(request) };
  });
  const { format: _format, evaluationKeys: _uri, ...ids } = header;
  const result = { ...ids, format: 'sealpoint.result', query: queryDigest(header.sections, sha256), seconds: 0 };
  return sessions.secret.decryptResult(encodeContainer(result, blocks, sha256), { file: 'r', digest }).scores;
}

export interface Sessions {
  readonly secret: ReturnType<typeof openSecretSession>;
  readonly server: ReturnType<typeof openServerSession>;
}
