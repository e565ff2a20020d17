import { AppError } from '../core/error.ts';
import { querySizes } from '../core/plan/canaries.ts';
import { queryCapacity, type ClientPlan } from '../core/plan/plan.ts';
import type { Cipher } from '../seal/cipher.ts';
import { canaryQueries } from '../seal/client/slots.ts';
import type { Evaluator } from '../seal/evaluator.ts';
import { freshJob } from './job.ts';
import type { KeyMaterial } from './key-material.ts';

/** What a proof's queries go through. */
export interface Bench {
  readonly deployment: string;
  readonly cipher: Cipher;
  readonly evaluator: Evaluator;
  readonly keys: KeyMaterial;
  readonly keySeconds: number;
  readonly signal: AbortSignal;
}

const timedQueries = 5;
/** Once so much time has gone into timing, what has been measured is enough. */
const timedMs = 5000;

export interface TimedQuery {
  readonly records: number;
  readonly queryBytes: number;
  readonly resultBytes: number;
  readonly encrypt: number;
  readonly evaluate: number;
  /** Of `evaluate`, where threads share a block: what one of them computed after the shared steps. */
  readonly alone?: number;
  readonly decrypt: number;
}

/** A row a query: until so much time has passed, or so many rows are through, whichever comes first, but at least a few. */
const loneRows = { most: 32, least: 4, ms: 8_000 };

/**
 * Some rows through a plan that takes one at a time; each must come as near to the plan's clear twin as the plan says. The twin scores all
 * the others.
 * @throws {AppError} plan.not-proven
 */
export async function scoreSome(
  proved: {
    readonly plan: ClientPlan;
    readonly features: Float64Array;
    /** The twin's scores of all rows. */
    readonly twin: Float64Array | undefined;
  },
  bench: Bench,
): Promise<EncryptedScores> {
  const { plan, features } = proved;
  const { inputs, outputs } = plan;
  const rows = features.length / inputs;
  const scores = Float64Array.from(proved.twin ?? []);
  const until = performance.now() + loneRows.ms;
  const stride = Math.max(1, Math.floor(rows / loneRows.most));
  let canaries = 0;
  for (let place = 0; place < loneRows.most && place * stride < rows; place += 1) {
    if (place >= loneRows.least && performance.now() > until) break;
    const row = place * stride;
    const lone = features.slice(row * inputs, (row + 1) * inputs);
    const encrypted = await scoreEncrypted(plan, lone, bench);
    canaries += encrypted.canaries;
    const twin = scores.subarray(row * outputs, (row + 1) * outputs);
    const error = twin.reduce(
      (most, score, output) => Math.max(most, Math.abs(score - (encrypted.scores[output] ?? Number.NaN))),
      0,
    );
    // Written so that NaN fails.
    if (!(error <= plan.errorBound)) throw farFromTwin(plan, error);
    twin.set(encrypted.scores);
  }
  return { scores, canaries };
}

function farFromTwin(plan: ClientPlan, error: number): AppError {
  const seen = `an encrypted row is ${error.toExponential(1)} off, not within ${plan.errorBound.toExponential(1)}`;
  return new AppError('plan.not-proven', `The ${plan.mode} plan did not prove: ${seen}.`, {
    hint: 'Allow a larger --max-error.',
  });
}

export interface EncryptedScores {
  readonly scores: Float64Array;
  readonly canaries: number;
  /** A query that took so long that it need not be timed again: a block costs the same however full it is. */
  readonly slow?: TimedRun;
}

/** A query's way. */
interface TimedRun {
  readonly query: Awaited<ReturnType<Cipher['encrypt']>>;
  readonly evaluation: Awaited<ReturnType<Evaluator['evaluate']>>;
  readonly decrypted: Awaited<ReturnType<Cipher['decrypt']>>;
}

/** All rows through the plan, in as many queries as it takes. */
export async function scoreEncrypted(
  plan: ClientPlan,
  allFeatures: Float64Array,
  bench: Bench,
): Promise<EncryptedScores> {
  const capacity = queryCapacity(plan);
  const rows = allFeatures.length / plan.inputs;
  const scores = new Float64Array(rows * plan.outputs);
  let canaries = 0;
  let slow: TimedRun | undefined;
  const job = freshJob();
  const isCanary = canaryQueries(bench.deployment, plan, bench.keys.secrets.canarySecret);
  let [first, index] = [0, 0];
  for (const size of querySizes(rows, { capacity, isCanary: (query) => isCanary(job, query) })) {
    const features = allFeatures.slice(first * plan.inputs, (first + size) * plan.inputs);
    const run = await throughPlan(plan, { job, index, features }, bench);
    scores.set(run.decrypted.scores, first * plan.outputs);
    canaries += run.decrypted.canaries;
    if (plan.blocksPerQuery === 1 && run.evaluation.seconds * 1000 > timedMs) slow = run;
    first += size;
    index += 1;
  }
  return { scores, canaries, ...(slow === undefined ? {} : { slow }) };
}

/** Medians over a few queries: of one record for `latency`, full for `throughput`. */
export async function timeQuery(
  plan: ClientPlan,
  { allFeatures, slow }: { readonly allFeatures: Float64Array; readonly slow: TimedRun | undefined },
  bench: Bench,
): Promise<TimedQuery> {
  const records = plan.mode === 'latency' ? 1 : queryCapacity(plan);
  const rows = allFeatures.length / plan.inputs;
  const features = new Float64Array(records * plan.inputs);
  for (let record = 0; record < records; record += 1) {
    const row = record % rows;
    features.set(allFeatures.subarray(row * plan.inputs, (row + 1) * plan.inputs), record * plan.inputs);
  }
  const job = freshJob();
  const runs = slow === undefined ? [] : [slow];
  const until = performance.now() + timedMs;
  while (runs.length === 0 || (slow === undefined && runs.length < timedQueries && performance.now() < until))
    runs.push(await throughPlan(plan, { job, index: runs.length, features }, bench));
  const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
  const alone = runs.map(({ evaluation }) => evaluation.aloneSeconds).filter((seconds) => seconds !== undefined);
  return {
    records,
    ...(alone.length === 0 ? {} : { alone: median(alone) }),
    queryBytes: median(runs.map((run) => run.query.query.length)),
    resultBytes: median(runs.map((run) => run.evaluation.result.length)),
    encrypt: median(runs.map((run) => run.query.seconds)),
    evaluate: median(runs.map((run) => run.evaluation.seconds)),
    decrypt: median(runs.map((run) => run.decrypted.seconds)),
  };
}

async function throughPlan(
  plan: ClientPlan,
  query: { readonly job: string; readonly index: number; readonly features: Float64Array },
  bench: Bench,
): Promise<TimedRun> {
  const { cipher, evaluator, keys, signal } = bench;
  const identity = {
    mode: plan.mode,
    job: query.job,
    index: query.index,
    records: Math.max(1, query.features.length / plan.inputs),
  };
  const encrypted = await cipher.encrypt(identity, query.features, { signal });
  const evaluation = await evaluator.evaluate(encrypted.query, () => Promise.resolve(keys.evaluationKeys), signal);
  const decrypted = await cipher.decrypt(evaluation.result, { file: 'the proof', digest: encrypted.digest, signal });
  return { query: encrypted, evaluation, decrypted };
}
