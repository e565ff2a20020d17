import type { ServerDeployment } from '../../core/artifact/deployment.ts';
import { verifySection, type SectionEntry } from '../../core/artifact/container.ts';
import type { PlanMode } from '../../core/artifact/outcomes.ts';
import { AppError } from '../../core/error.ts';
import type { TensorRef } from '../../core/plan/network-plan.ts';
import type { ServerPlan } from '../../core/plan/plan.ts';
import { makeContext, type HeContext } from '../context.ts';
import { sha256 } from '../digest.ts';
import { joinFrames, splitFrames } from '../frames.ts';
import type { Seal } from '../library.ts';
import { bitsCircuit } from './bits-circuit.ts';
import type { Circuit, Share, SplitCircuit } from './circuit.ts';
import { coefficientsCircuit } from './coefficients-circuit.ts';
import { featuresCircuit } from './features-circuit.ts';
import { loadEvaluationKeys, type EvaluationKeySet } from './evaluation-keys.ts';
import { networkRecordsCircuit } from './network-records-circuit.ts';
import { recordsCircuit } from './records-circuit.ts';
import { treeRecordsCircuit } from './tree-records-circuit.ts';

/** Whose keys a block is evaluated with. */
interface KeyedRequest {
  readonly mode: PlanMode;
  readonly key: string;
  /** The .spk file; shared between threads, parsed once a thread and key id. */
  readonly evaluationKeys: Uint8Array;
}

export interface BlockRequest extends KeyedRequest {
  readonly entry: SectionEntry;
  readonly bytes: Uint8Array;
}

export interface ShareRequest extends BlockRequest {
  readonly share: Share;
}

export interface FinishRequest extends KeyedRequest {
  readonly partials: readonly (readonly Uint8Array[])[];
}

export interface EvaluatedBlock {
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/** Computes on ciphertexts with evaluation keys; has no place for a secret key. */
export interface ServerSession extends Disposable {
  evaluateBlock(request: BlockRequest): EvaluatedBlock;
  /** Makes ready for a share of blocks to come. */
  prepareShare(request: { readonly mode: PlanMode; readonly share: Share }): void;
  evaluateShare(request: ShareRequest): Uint8Array[];
  finishBlock(request: FinishRequest): EvaluatedBlock;
}

/** Parsed evaluation keys kept a thread; the least recently used go first. */
const keptKeySets = 8;

/** Opens a deployment; weights are encoded when a plan is first used, evaluation keys kept by key id. */
export function openServerSession(seal: Seal, deployment: ServerDeployment): ServerSession {
  const plans = new Map<PlanMode, { readonly he: HeContext; readonly circuit: Circuit }>();
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
  const keySets = keySetCache(deployment.id);
  const splitOf = (mode: PlanMode): { readonly he: HeContext; readonly circuit: SplitCircuit } => {
    const { he, circuit } = planOf(mode);
    if (!('finish' in circuit)) throw new TypeError(`the circuit of the ${mode} plan does not split`);
    return { he, circuit: circuit as SplitCircuit };
  };
  return {
    evaluateBlock: (request) => {
      const { he, circuit } = planOf(request.mode);
      return blockOf(circuit.evaluate(checkedCiphertexts(request, circuit), keySets.of(he, request)));
    },
    prepareShare: ({ mode, share }) => {
      splitOf(mode).circuit.prepare(share);
    },
    evaluateShare: (request) => {
      const { he, circuit } = splitOf(request.mode);
      return circuit.partial(request.share, checkedCiphertexts(request, circuit), keySets.of(he, request));
    },
    finishBlock: (request) => {
      const { he, circuit } = splitOf(request.mode);
      return blockOf(circuit.finish(request.partials, keySets.of(he, request)));
    },
    [Symbol.dispose]: () => {
      keySets[Symbol.dispose]();
      owned.dispose();
    },
  };
}

/** Parsed evaluation keys by parameters and key id. */
interface KeySetCache extends Disposable {
  of(he: HeContext, request: KeyedRequest): EvaluationKeySet;
}

function keySetCache(deployment: string): KeySetCache {
  const keySets = new Map<string, EvaluationKeySet>();
  return {
    of: (he, request) => {
      const name = `${he.parameters.id}/${request.key}`;
      const keys =
        keySets.get(name) ?? loadEvaluationKeys(he, request.evaluationKeys, { key: request.key, deployment });
      keySets.delete(name);
      keySets.set(name, keys);
      for (const [oldest, unused] of keySets) {
        if (keySets.size <= keptKeySets) break;
        keySets.delete(oldest);
        unused[Symbol.dispose]();
      }
      return keys;
    },
    [Symbol.dispose]: () => {
      for (const keys of keySets.values()) keys[Symbol.dispose]();
    },
  };
}

function checkedCiphertexts({ entry, bytes }: BlockRequest, { inputCiphertexts }: Circuit): Uint8Array[] {
  verifySection(entry, bytes, { sha256, file: 'query' });
  return splitFrames(bytes, inputCiphertexts);
}

function blockOf(ciphertexts: readonly Uint8Array[]): EvaluatedBlock {
  const bytes = joinFrames(ciphertexts);
  return { bytes, sha256: sha256(bytes) };
}

function openCircuit(he: HeContext, plan: ServerPlan, tensors: Float64Array): Circuit {
  const tensor = (ref: TensorRef): Float64Array => tensors.subarray(ref.offset, ref.offset + ref.length);
  if (plan.circuit === 'network-features') return featuresCircuit(he, plan, tensor);
  if (plan.circuit === 'network-records') return networkRecordsCircuit(he, plan, tensor);
  if (plan.circuit === 'trees-records') {
    return treeRecordsCircuit(he, plan, { trees: tensor(plan.trees), base: tensor(plan.base) });
  }
  if (plan.circuit === 'trees-bits') {
    const { nodes, reads, constants, factors, base } = plan;
    return bitsCircuit(he, plan, {
      nodes: tensor(nodes),
      reads: tensor(reads),
      constants: tensor(constants),
      factors: tensor(factors),
      base: tensor(base),
    });
  }
  const values = { weights: tensor(plan.weights), bias: tensor(plan.bias) };
  return plan.circuit === 'affine-coefficients'
    ? coefficientsCircuit(he, plan, values)
    : recordsCircuit(he, plan, values);
}
