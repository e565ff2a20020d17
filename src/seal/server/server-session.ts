import type { ServerDeployment } from '../../core/artifact/deployment.ts';
import { verifySection, type SectionEntry } from '../../core/artifact/container.ts';
import type { PlanMode } from '../../core/artifact/outcomes.ts';
import { AppError } from '../../core/error.ts';
import type { ServerPlan, TensorRef } from '../../core/plan/plan.ts';
import { makeContext, type HeContext } from '../context.ts';
import { sha256 } from '../digest.ts';
import { joinFrames, splitFrames } from '../frames.ts';
import type { Seal } from '../library.ts';
import type { Circuit } from './circuit.ts';
import { coefficientsCircuit } from './coefficients-circuit.ts';
import { loadEvaluationKeys, type EvaluationKeySet } from './evaluation-keys.ts';
import { networkRecordsCircuit } from './network-records-circuit.ts';
import { recordsCircuit } from './records-circuit.ts';
import { treeRecordsCircuit } from './tree-records-circuit.ts';

export interface BlockRequest {
  readonly mode: PlanMode;
  readonly entry: SectionEntry;
  readonly bytes: Uint8Array;
  readonly key: string;
  /** The .spk file; shared between threads, parsed once a thread and key id. */
  readonly evaluationKeys: Uint8Array;
}

export interface EvaluatedBlock {
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/** Computes on ciphertexts with evaluation keys; has no place for a secret key. */
export interface ServerSession extends Disposable {
  evaluateBlock(request: BlockRequest): EvaluatedBlock;
}

/** Parsed evaluation keys kept a thread; the least recently used go first. */
const keptKeySets = 8;

/** Opens a deployment; weights are encoded when a plan is first used, evaluation keys kept by key id. */
export function openServerSession(seal: Seal, deployment: ServerDeployment): ServerSession {
  const plans = new Map<PlanMode, { readonly he: HeContext; readonly circuit: Circuit }>();
  const keySets = new Map<string, EvaluationKeySet>();
  const owned = new DisposableStack();
  const planOf = (mode: PlanMode): { readonly he: HeContext; readonly circuit: Circuit } => {
    const known = plans.get(mode);
    if (known !== undefined) return known;
    const plan = deployment.document.plans.find((candidate) => candidate.mode === mode);
    if (plan === undefined) throw new AppError('artifact.unreadable', `The deployment has no plan for ${mode}.`);
    const he = owned.use(makeContext(seal, plan.parameters));
    const opened = { he, circuit: owned.use(openCircuit(he, plan, deployment.tensors)) };
    plans.set(mode, opened);
    return opened;
  };
  const keysOf = (he: HeContext, request: BlockRequest): EvaluationKeySet => {
    const name = `${he.parameters.id}/${request.key}`;
    const keys =
      keySets.get(name) ??
      loadEvaluationKeys(he, request.evaluationKeys, { key: request.key, deployment: deployment.id });
    keySets.delete(name);
    keySets.set(name, keys);
    for (const [oldest, unused] of keySets) {
      if (keySets.size <= keptKeySets) break;
      keySets.delete(oldest);
      unused[Symbol.dispose]();
    }
    return keys;
  };
  return {
    evaluateBlock: (request) => {
      const { he, circuit } = planOf(request.mode);
      verifySection(request.entry, request.bytes, { sha256, file: 'query' });
      const ciphertexts = splitFrames(request.bytes, circuit.inputCiphertexts);
      const bytes = joinFrames(circuit.evaluate(ciphertexts, keysOf(he, request)));
      return { bytes, sha256: sha256(bytes) };
    },
    [Symbol.dispose]: () => {
      for (const keys of keySets.values()) keys[Symbol.dispose]();
      owned.dispose();
    },
  };
}

function openCircuit(he: HeContext, plan: ServerPlan, tensors: Float64Array): Circuit {
  const tensor = (ref: TensorRef): Float64Array => tensors.subarray(ref.offset, ref.offset + ref.length);
  if (plan.circuit === 'network-records') return networkRecordsCircuit(he, plan, tensor);
  if (plan.circuit === 'trees-records') {
    return treeRecordsCircuit(he, plan, { trees: tensor(plan.trees), base: tensor(plan.base) });
  }
  const values = { weights: tensor(plan.weights), bias: tensor(plan.bias) };
  return plan.circuit === 'affine-coefficients'
    ? coefficientsCircuit(he, plan, values)
    : recordsCircuit(he, plan, values);
}
