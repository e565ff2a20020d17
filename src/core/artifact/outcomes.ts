import * as z from 'zod';

/** The JSON documents that `--json` prints, one a verb (docs/formats.md). Seconds and bytes are of one query unless said otherwise. */

const hexId = z.string().regex(/^[0-9a-f]{64}$/u);
const count = z.int().nonnegative();
const seconds = z.number().nonnegative();

export const planMode = z.enum(['latency', 'throughput']);
export type PlanMode = z.infer<typeof planMode>;

const packingName = z.enum(['records', 'coefficients', 'features', 'bits']);

const accuracy = z.strictObject({ kind: z.enum(['accuracy', 'r2']), value: z.number() });

export const planOutcome = z.strictObject({
  mode: planMode,
  scheme: z.enum(['ckks', 'bgv']),
  packing: packingName,
  polyModulusDegree: count,
  coeffModulusBits: z.array(count),
  securityBits: count,
  /** Most records in one query, canaries not counted. */
  capacity: count,
  /** Share of proof rows whose label (regression: value within maxError) agrees with the plaintext model, and its 95 % lower bound (Clopper-Pearson). */
  agreement: z.number(),
  agreementLowerBound: z.number(),
  /** Largest score error over the larger of the row's largest |score| and the calibration rows' root mean square of it. */
  maxError: z.number(),
  bytes: z.strictObject({ evaluationKeys: count, query: count, result: count }),
  seconds: z.strictObject({ keys: seconds, encrypt: seconds, evaluate: seconds, decrypt: seconds }),
  /** Largest absolute score error that a right result can show; results beyond it are refused. */
  errorBound: z.number().exactOptional(),
  /** Root mean square of what maxError is the largest of. */
  rmsError: z.number().exactOptional(),
  /** Of the calibration rows as decrypted, where their true answers were given. */
  accuracy: accuracy.exactOptional(),
  /** Time to evaluate a record, as a multiple of what the plaintext model takes. */
  slowdown: z.number().exactOptional(),
});
export type PlanOutcome = z.infer<typeof planOutcome>;

/** What was compiled. */
export const modelOutcome = z.strictObject({
  file: z.string(),
  source: z.string(),
  inputs: count,
  task: z.enum(['classification', 'regression']),
  classes: count.exactOptional(),
});
export type ModelOutcome = z.infer<typeof modelOutcome>;

/** The plaintext model on this machine: one thread of the reference interpreter over the calibration rows. */
export const plaintextOutcome = z.strictObject({ secondsPerRecord: seconds, accuracy: accuracy.exactOptional() });
export type PlaintextOutcome = z.infer<typeof plaintextOutcome>;

/** An activation as the planner replaced it by polynomials. */
export const activationOutcome = z.strictObject({
  layer: z.string(),
  degree: z.union([z.literal(2), z.literal(4)]),
  /** It is such a polynomial itself. */
  exact: z.boolean(),
  /**
   * With it and those before it replaced, on the calibration rows: share of the model's labels and its lower bound, as of a plan; of a
   * regression R2, without a bound (0).
   */
  agreement: z.number(),
  agreementLowerBound: z.number(),
});
export type ActivationOutcome = z.infer<typeof activationOutcome>;

/** One way that the planner weighed. Predictions are from the built-in cost table, the same on every machine. */
export const candidateOutcome = z.strictObject({
  mode: planMode,
  circuit: z.string(),
  parameters: z.string(),
  /** Whether it is the mode's plan. */
  chosen: z.boolean(),
  predicted: z.strictObject({
    /** Thread time and bytes of one block; where threads share a block, the time of two. */
    blockSeconds: seconds,
    queryBytes: count,
    resultBytes: count,
    /** A record's share of a full block, its bytes on the line included. */
    recordSeconds: seconds,
    /** Standard deviation of a score's error, over the calibration rows' typical score. */
    rmsError: z.number(),
    /** Resident memory of the evaluator with one block on the way. */
    memoryBytes: count.exactOptional(),
  }),
  /** Of the chosen one, in the proof, a block each; memory is that of compile itself, client and evaluator together. */
  measured: z
    .strictObject({
      /** Encrypting, evaluating and decrypting, in the same terms as the prediction. */
      blockSeconds: seconds,
      queryBytes: count,
      resultBytes: count,
      rmsError: z.number(),
      memoryBytes: count,
    })
    .exactOptional(),
});
export type CandidateOutcome = z.infer<typeof candidateOutcome>;

/** What the chosen plans would take on instance types. */
export const instancesOutcome = z.strictObject({
  /** What the estimates rest on, in a sentence. */
  basis: z.string(),
  estimates: z.array(
    z.strictObject({
      instance: z.string(),
      virtualProcessors: count,
      mode: planMode,
      seconds,
      recordsPerSecond: z.number().nonnegative(),
    }),
  ),
});
export type InstancesOutcome = z.infer<typeof instancesOutcome>;

export const compileOutcome = z.strictObject({
  deployment: hexId,
  path: z.string(),
  backend: z.literal('seal'),
  plans: z.array(planOutcome),
  reveals: z.array(z.string()),
  bytes: z.strictObject({ client: count, server: count }),
  /** Say, a mode of `auto` that the model is too deep for. */
  warnings: z.array(z.string()).exactOptional(),
  model: modelOutcome.exactOptional(),
  plaintext: plaintextOutcome.exactOptional(),
  /** Of a network, from the first one on. */
  activations: z.array(activationOutcome).exactOptional(),
  /** With `--explain`. */
  candidates: z.array(candidateOutcome).exactOptional(),
  instances: instancesOutcome.exactOptional(),
});
export type CompileOutcome = z.infer<typeof compileOutcome>;

export const runOutcome = z.strictObject({
  job: z.string(),
  deployment: hexId,
  plan: planMode,
  key: hexId,
  profile: z.string(),
  output: z.string(),
  records: count,
  queries: count,
  /** Canaries checked, all of them right. */
  verified: count,
  /** Values beyond the planned range that were clipped. */
  clipped: count,
  bytes: z.strictObject({ sent: count, received: count }),
  seconds: z.strictObject({ encrypt: seconds, evaluate: seconds, decrypt: seconds, total: seconds }),
  warnings: z.array(z.string()),
});
export type RunOutcome = z.infer<typeof runOutcome>;

export const keySetOutcome = z.strictObject({
  key: hexId,
  name: z.string(),
  deployment: hexId,
  created: z.iso.datetime(),
  slots: z.array(z.enum(['passphrase', 'editor'])),
  bytes: z.strictObject({ evaluationKeys: count, secretKeys: count }),
});
export type KeySetOutcome = z.infer<typeof keySetOutcome>;

export const keyListOutcome = z.strictObject({ keys: z.array(keySetOutcome) });
export type KeyListOutcome = z.infer<typeof keyListOutcome>;

/** What `keys export` and `keys evaluation-keys` print. */
export const keyFileOutcome = z.strictObject({ key: hexId, name: z.string(), file: z.string(), bytes: count });
export type KeyFileOutcome = z.infer<typeof keyFileOutcome>;

export const keyDeletedOutcome = z.strictObject({
  key: hexId,
  name: z.string(),
  /** URIs of its evaluation keys in the stores of known profiles, and whether they were removed. */
  published: z.array(z.string()),
  publishedRemoved: z.boolean(),
  /** Profiles whose store did not answer. */
  unchecked: z.array(z.string()),
});
export type KeyDeletedOutcome = z.infer<typeof keyDeletedOutcome>;

export const filesOutcome = z.strictObject({
  deployment: hexId,
  plan: planMode,
  key: hexId,
  files: z.array(z.string()),
  records: count,
  seconds,
  bytes: count,
});
/** What `encrypt` and `evaluate` print. */
export type FilesOutcome = z.infer<typeof filesOutcome>;

export const decryptOutcome = z.strictObject({ output: z.string(), records: count, verified: count, seconds });
export type DecryptOutcome = z.infer<typeof decryptOutcome>;

export const inspectOutcome = z.looseObject({ kind: z.string() });
export type InspectOutcome = z.infer<typeof inspectOutcome>;
