import { createCipheriv, createHmac } from 'node:crypto';
import type { ClientDeployment } from '../../core/artifact/deployment.ts';
import { canonicalJson } from '../../core/artifact/ids.ts';
import { below, blockShapes, drawBlock, isCanaryQuery, type RandomWords, type Slot } from '../../core/plan/canaries.ts';
import { isOneRecord, type ClientPlan } from '../../core/plan/plan.ts';
import type { PlanMode } from '../../core/artifact/outcomes.ts';

/** What identifies a query, and with the canary secret its slots. */
export interface QueryIdentity {
  readonly mode: PlanMode;
  readonly job: string;
  readonly index: number;
  readonly records: number;
}

/** The slots of each block: a stream keyed by HMAC-SHA-256(canary secret, identity), expanded with AES-256 in counter mode. */
export function drawSlots(
  deployment: ClientDeployment,
  plan: ClientPlan,
  query: { readonly identity: QueryIdentity; readonly canarySecret: Uint8Array },
): Slot[][] {
  const { identity, canarySecret } = query;
  const random = identityWords({ deployment: deployment.id, ...identity }, canarySecret);
  if (isOneRecord(plan)) {
    const isCanary = canaryQueries(deployment.id, plan, canarySecret)(identity.job, identity.index);
    return [[isCanary ? { kind: 'canary', canary: below(deployment.document.canaryPool, random) } : lone]];
  }
  return blockShapes(plan, query.identity.records, deployment.document.canaryPool).map((shape) =>
    drawBlock(shape, random),
  );
}

const lone: Slot = { kind: 'record', record: 0 };

/** Which queries of a job are canaries. */
export type CanaryQueries = (job: string, index: number) => boolean;

/** @returns always false where queries carry canaries beside their records */
export function canaryQueries(deployment: string, plan: ClientPlan, canarySecret: Uint8Array): CanaryQueries {
  if (!isOneRecord(plan)) return () => false;
  const { mode } = plan;
  return (job, index) =>
    isCanaryQuery(index, (of) =>
      identityWords({ deployment, job, mode, canary: true, ...(of === undefined ? {} : { index: of }) }, canarySecret),
    );
}

function identityWords(identity: object, canarySecret: Uint8Array): RandomWords {
  return keyedWords(createHmac('sha256', canarySecret).update(canonicalJson(identity)).digest());
}

function keyedWords(key: Uint8Array): RandomWords {
  const cipher = createCipheriv('aes-256-ctr', key, new Uint8Array(16));
  let words = new Uint32Array(0);
  let next = 0;
  return () => {
    if (next >= words.length) {
      const bytes = Uint8Array.from(cipher.update(new Uint8Array(16_384)));
      words = new Uint32Array(bytes.buffer);
      next = 0;
    }
    next += 1;
    return words[next - 1] ?? 0;
  };
}
