import { createCipheriv, createHmac } from 'node:crypto';
import type { ClientDeployment } from '../../core/artifact/deployment.ts';
import { canonicalJson } from '../../core/artifact/ids.ts';
import { blockShapes, drawBlock, type RandomWords, type Slot } from '../../core/plan/canaries.ts';
import type { ClientPlan } from '../../core/plan/plan.ts';

/** The slots of each block: a stream keyed by HMAC-SHA-256(canary secret, identity), expanded with AES-256 in counter mode. */
export function drawSlots(
  deployment: ClientDeployment,
  plan: ClientPlan,
  query: { readonly identity: { readonly records: number }; readonly canarySecret: Uint8Array },
): Slot[][] {
  const message = canonicalJson({ deployment: deployment.id, ...query.identity });
  const random = keyedWords(createHmac('sha256', query.canarySecret).update(message).digest());
  return blockShapes(plan, query.identity.records, deployment.document.canaryPool).map((shape) =>
    drawBlock(shape, random),
  );
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
