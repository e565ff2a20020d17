import type { AffineChain } from '../model/ir.ts';
import { clearScores } from '../model/score.ts';
import type { Progress, Steps } from '../progress.ts';
import { batchMap, type BatchMap } from './batch-maps.ts';
import { below } from './canaries.ts';
import type { UnitQuadratics } from './hermite.ts';
import {
  batch,
  bend,
  finished,
  learn,
  learningUnits,
  move,
  tie,
  type Answers,
  type FittedLayer,
  type Learner,
} from './learning-units.ts';
import { likelyRows, type KnownRows } from './likely-rows.ts';
import { preActivations } from './network.ts';
import { weylWords } from './ranges.ts';

export interface Lesson {
  /** The original. */
  readonly chain: AffineChain;
  /** The same network with a quadratic a unit. */
  readonly layers: readonly FittedLayer[];
  readonly known: KnownRows;
  readonly effort: Effort;
  /** What is told of a step. */
  readonly report: (done: number, total: number) => Progress;
}

/** How long a network is fitted: rows made up beside the known ones, and batches. */
export interface Effort {
  readonly rows: number;
  readonly steps: number;
}

const seed = 5;
const mostEffort: Effort = { rows: 4000, steps: 1000 };
/** Fewer batches lead to nothing. */
const fewestSteps = 100;
/** Numbers that rows may take, as they are or before the first activation. */
const mostNumbers = 2 ** 25;
/** Of a step, in deviations of a layer's outputs; it shrinks to nothing, evenly. */
const stepSize = 0.02;
/** Share of the steps after which units have to bend: until then they may change the way in which they do. */
const bendFrom = 1 / 2;

/**
 * The most effort that costs no more than so many products.
 * @returns undefined where too little of it is left
 */
export function* effortWithin(products: number, chain: AffineChain, rows: number): Steps<Effort | undefined> {
  const [first, ...later] = chain.layers.filter((layer) => layer.kind === 'affine');
  const firstProducts = first?.matrix.values.length ?? 0;
  const maps = yield* mapsOf(later);
  const laterProducts = maps.reduce((sum, { matrix }) => sum + matrix.values.length, 0);
  const all = chain.layers.reduce((sum, layer) => sum + (layer.kind === 'affine' ? layer.matrix.values.length : 0), 0);
  const known = Math.min(rows, mostEffort.rows);
  const fixed = known * all;
  const full = mostEffort.rows * (firstProducts + all) + mostEffort.steps * batch * 2 * laterProducts;
  const width = Math.max(chain.inputs, first?.matrix.rows ?? 1);
  const share = Math.min(1, (products - fixed) / full, mostNumbers / width / (mostEffort.rows + known));
  const steps = Math.floor(share * mostEffort.steps);
  return steps < fewestSteps ? undefined : { rows: Math.floor(share * mostEffort.rows), steps };
}

/**
 * Fits the quadratics of all layers together, so that the network's scores come near the original's (distillation: Hinton et al., 2015) on the
 * known rows and on rows made up of them: least squares by stochastic gradients. Weights stay the model's. It starts from quadratics fitted
 * a layer at a time, whose errors add up; here later layers make up for earlier ones. Nothing but sums, products, quotients and square roots
 * in a fixed order is computed from numbers in single precision, so that every machine gets the same.
 * @returns for each layer its quadratics
 */
export function* distil(lesson: Lesson): Steps<(UnitQuadratics | undefined)[]> {
  const { layers, effort } = lesson;
  const answers = yield* ask(lesson);
  const maps = yield* mapsOf(layers);
  const learner: Learner = {
    maps,
    units: layers.slice(0, -1).map((layer, index) => learningUnits(layer, maps[index + 1])),
    errorScale: 2 / (batch * answers.outputs * (varianceOf(answers) || 1)),
  };
  const random = weylWords(seed);
  for (let step = 0; step < effort.steps; step += 1) {
    yield lesson.report(step, effort.steps);
    const chosen = Int32Array.from({ length: batch }, () => below(answers.rows, random));
    const slopes = learn(learner, answers, chosen);
    const size = stepSize * (1 - step / effort.steps);
    for (const [index, units] of learner.units.entries()) {
      if (units.isFixed) continue;
      move(units, slopes[index] ?? [], { size, count: step + 1 });
      tie(units);
      if (step >= effort.steps * bendFrom) bend(units);
    }
  }
  return layers.map(({ quadratics }, index) => {
    const units = learner.units[index];
    return quadratics === undefined || units === undefined ? undefined : finished(units);
  });
}

function* mapsOf(layers: readonly Parameters<typeof batchMap>[0][]): Steps<BatchMap[]> {
  const maps: BatchMap[] = [];
  for (const layer of layers) {
    yield;
    maps.push(batchMap(layer));
  }
  return maps;
}

function* ask({ chain, known, effort }: Lesson): Steps<Answers> {
  const { inputs, outputs } = chain;
  const [first, ...later] = chain.layers;
  if (first?.kind !== 'affine') throw new TypeError('a chain starts with an affine map');
  const width = first.matrix.rows;
  const own = known.values.subarray(0, mostEffort.rows * inputs);
  const others = yield* likelyRows(known, effort.rows);
  const rows = (own.length + others.length) / inputs;
  const answers = {
    rows,
    outputs,
    width,
    sums: new Float32Array(rows * width),
    scores: new Float32Array(rows * outputs),
  };
  let done = 0;
  for (const features of [own, others]) {
    for (let start = 0; start < features.length; start += 16 * inputs) {
      yield;
      const u = preActivations(first, features.subarray(start, start + 16 * inputs));
      answers.sums.set(u, done * width);
      const count = u.length / width;
      answers.scores.set(clearScores({ ...chain, inputs: width, layers: later }, u, count), done * outputs);
      done += count;
    }
  }
  return answers;
}

/** The mean variance of a score over the rows. */
function varianceOf({ rows, outputs, scores }: Answers): number {
  let sum = 0;
  for (let output = 0; output < outputs; output += 1) {
    let mean = 0;
    for (let row = 0; row < rows; row += 1) mean += (scores[row * outputs + output] ?? 0) / rows;
    for (let row = 0; row < rows; row += 1) {
      const distance = (scores[row * outputs + output] ?? 0) - mean;
      sum += (distance * distance) / rows;
    }
  }
  return sum / outputs;
}
