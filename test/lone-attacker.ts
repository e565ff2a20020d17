import type { Body } from '../src/core/model/ir.ts';
import { outputMeans, outputSpacing } from '../src/core/plan/lone-result.ts';
import type { TensorRef } from '../src/core/plan/network-plan.ts';
import { planModel, type PlannedDeployment } from '../src/core/plan/plan-model.ts';
import type { ServerPlan } from '../src/core/plan/plan.ts';
import { bitsCodec } from '../src/seal/client/bits-codec.ts';
import { featuresCodec } from '../src/seal/client/features-codec.ts';
import { loadCiphertext } from '../src/seal/ciphertexts.ts';
import { makeContext, type HeContext } from '../src/seal/context.ts';
import type { Seal } from '../src/seal/library.ts';
import { bitsCircuit } from '../src/seal/server/bits-circuit.ts';
import type { SplitCircuit } from '../src/seal/server/circuit.ts';
import { featuresCircuit } from '../src/seal/server/features-circuit.ts';
import { inOneGo } from './in-one-go.ts';
import { complexSlots, phaseReader } from './raw-phase.ts';

/** Plans a small model of numbers for one record a query, its thresholds revealed. */
export function planLone(body: Body, calibration: Float64Array): PlannedDeployment {
  const columns = Array.from({ length: body.inputs }, (_, index) => ({
    name: `c${String(index)}`,
    type: 'number' as const,
  }));
  const number = { kind: 'number', missing: 'refuse', offset: 0, scale: 1, float32: true } as const;
  const features = columns.map((_, column) => ({ ...number, column }));
  const preprocessing = { columns, features, refuseUnknown: [], normalize: 'none' } as const;
  const model = {
    source: 'test',
    preprocessing,
    body,
    task: { kind: 'regression', link: { kind: 'identity' } },
  } as const;
  const wanted = { modes: ['latency'], reveal: 'thresholds', maxError: 1e-3, minAgreement: 0 } as const;
  return inOneGo(planModel({ model, calibration, rows: calibration.length / body.inputs, ...wanted }));
}

/** All that the raw phase of one record's result says, in units of scores. */
export interface Answer {
  /** What the client reads: one number an output. */
  readonly scores: Float64Array;
  /** What total folds leave and nobody reads: means of real parts where no output stands, then of imaginary parts. */
  readonly unread: readonly number[];
  /** What is left of slots when scores are taken away: real parts, and imaginary ones. */
  readonly rest: readonly Float64Array[];
}

/** As the server sends it, or with no noise added. */
export type AnswerKind = 'covered' | 'bare';

/** The owner of a key that computes raw phases: of what the server sends and, for comparison, of the same with no noise added. */
export interface LoneAttacker extends Disposable {
  /** A query of one record: its ciphertexts as they are sent. */
  encrypt(record: Float64Array): Uint8Array[];
  /** Real parts of the slots of a query's first ciphertext, in units of features. */
  sent(query: readonly Uint8Array[]): Float64Array;
  /** A query's answers, each finished anew. */
  ask(query: readonly Uint8Array[], kinds: readonly AnswerKind[]): Answer[];
}

/** With fresh keys for the deployment's only plan. */
export function openLoneAttacker(seal: Seal, planned: PlannedDeployment): LoneAttacker {
  const { client, server } = lonePlans(planned);
  const owned = new DisposableStack();
  const he = owned.use(makeContext(seal, client.parameters));
  const generator = owned.use(new seal.KeyGenerator(he.context));
  const secretKey = owned.use(generator.secretKey());
  const publicKey = owned.use(generator.createPublicKey());
  const encryptor = owned.use(new seal.Encryptor(he.context, publicKey, secretKey));
  const decryptor = owned.use(new seal.Decryptor(he.context, secretKey));
  const keys = {
    encryptor,
    relinearizationKeys: owned.use(generator.createRelinKeys()),
    galoisKeys: owned.use(generator.createGaloisKeysWithSteps(Int32Array.from(client.evaluationKeys.galoisSteps))),
    [Symbol.dispose]: () => undefined,
  };
  const options = { encryptor, decryptor, ranges: planned.ranges };
  const codec = owned.use(
    client.circuit === 'trees-bits' ? bitsCodec(he, client, options) : featuresCodec(he, client, options),
  );
  const circuits = {
    covered: owned.use(openCircuit(he, server, planned.tensors)),
    bare: owned.use(openCircuit(he, { ...server, floodDeviation: 0 }, planned.tensors)),
  };
  const reader = phaseReader(he, secretKey);
  const slotsOf = (bytes: Uint8Array) => {
    using ciphertext = loadCiphertext(he, bytes);
    return complexSlots(reader.read(ciphertext));
  };
  const read = (bytes: Uint8Array): Answer => {
    const { real, imaginary } = slotsOf(bytes);
    return answerOf(
      [real, imaginary].map((part) => part.map((value) => value / client.resultScale)),
      client.outputs,
    );
  };
  return {
    encrypt: (record) => codec.encrypt(record),
    sent: ([bytes = new Uint8Array(0)]) =>
      slotsOf(bytes).real.map((value) => value / 2 ** ('logScale' in client ? client.logScale : client.logBitScale)),
    ask: (query, kinds) => {
      const partials = [circuits.covered.partial({ part: 0, of: 1 }, query, keys)];
      return kinds.flatMap((kind) => circuits[kind].finish(partials, keys).map(read));
    },
    [Symbol.dispose]: () => {
      owned.dispose();
    },
  };
}

function lonePlans({ client, server }: PlannedDeployment) {
  const [ours, theirs] = [client.plans[0], server.plans[0]];
  if (ours?.circuit !== 'trees-bits' && ours?.circuit !== 'network-features') throw new Error('no plan for one record');
  if (theirs?.circuit !== 'trees-bits' && theirs?.circuit !== 'network-features') throw new Error('no plan');
  return { client: ours, server: theirs };
}

function openCircuit(
  he: HeContext,
  plan: Extract<ServerPlan, { readonly circuit: 'trees-bits' | 'network-features' }>,
  tensors: Float64Array,
): SplitCircuit {
  const tensor = ({ offset, length }: TensorRef): Float64Array => tensors.subarray(offset, offset + length);
  if (plan.circuit === 'network-features') return featuresCircuit(he, plan, tensor);
  return bitsCircuit(he, plan, {
    nodes: tensor(plan.nodes),
    reads: tensor(plan.reads),
    constants: tensor(plan.constants),
    factors: tensor(plan.factors),
    base: tensor(plan.base),
  });
}

function answerOf([real, imaginary]: readonly Float64Array[], outputs: number): Answer {
  if (real === undefined || imaginary === undefined) throw new TypeError('slots have two parts');
  const spacing = outputSpacing(outputs);
  const scores = outputMeans(real, outputs);
  const differences = real.map((value, slot) => value - (scores[slot % spacing] ?? 0));
  const unread = [...outputMeans(real, spacing).subarray(outputs), ...outputMeans(imaginary, spacing)];
  return { scores, unread, rest: [differences, imaginary] };
}
