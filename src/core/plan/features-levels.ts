import { chainPrimes } from './moduli.ts';
import { errorDeviation } from './linear.ts';
import { preActivations } from './network.ts';
import { makeParameterSet, maxCoeffModulusBits, type ParameterSet, type PolyModulusDegree } from './parameters.ts';
import { applyRoundedLayer, type RoundedNetwork } from './rounding.ts';
import { roundingDeviation } from './levels.ts';

/** What happens to the scale in a layer. */
export interface LayerLevel {
  /** log2 of the scale of its weights. */
  readonly logWeightScale: number;
  /** Its sums are rescaled before the activation, by a prime of their own. */
  readonly early: boolean;
}

/**
 * Scales of the features packing. A layer multiplies its input (scale 2^s) by weights (scale 2^w). Late: the sums are multiplied as they are
 * and one prime of s + 2 w bits takes the product back to 2^s: one prime an activation, because a rotation's cost grows with the square of
 * their number. Early: a prime of w bits behind the map, one of s bits behind the product: more primes, fewer bits, so that more precise
 * scales fit.
 */
export interface FeaturesLevels {
  readonly parameters: ParameterSet;
  /** log2 of the scale of an encrypted feature. */
  readonly logScale: number;
  readonly layers: readonly LayerLevel[];
  /** The scale of the last layer's sums, with the primes as they are. */
  readonly resultScale: number;
  /** Predicted deviation of a score, in units of the scaled network. */
  readonly deviation: number;
}

/** How errors travel, measured on rows in the clear: each layer's figures per unit of error, as variances. */
export interface ErrorGains {
  /** Score variance for a variance of 1 in every input of layer i. */
  readonly input: readonly number[];
  /** For a variance of 1 in every sum of layer i. */
  readonly sum: readonly number[];
  /** Sum of squares of a row's inputs of layer i, mean over rows. */
  readonly inputSquares: readonly number[];
  /** Largest |sum| of the last layer. */
  readonly largestScore: number;
}

/** @param rows rows x inputs, scaled */
export function errorGains(network: RoundedNetwork, rows: Float64Array): ErrorGains {
  const count = rows.length / network.inputs;
  const xs = [rows];
  for (const layer of network.layers) xs.push(applyRoundedLayer(layer, xs.at(-1) ?? rows));
  const ones = (units: number) => new Float64Array(units * count).fill(1);
  const scores = xs.pop() ?? rows;
  return {
    input: network.layers.map((layer, index) =>
      travel(network, xs, { index, variance: spread(layer, ones(layer.matrix.columns)) }),
    ),
    sum: network.layers.map((layer, index) => travel(network, xs, { index, variance: ones(layer.matrix.rows) })),
    inputSquares: xs.map((x) => x.reduce((sum, value) => sum + value * value, 0) / count),
    largestScore: scores.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
  };
}

/** K squared entry by entry, times variances. */
function spread({ matrix }: RoundedNetwork['layers'][number], variance: Float64Array): Float64Array {
  const squares = { ...matrix, values: matrix.values.map((value) => value * value) };
  return preActivations({ matrix: squares, bias: new Float64Array(matrix.rows) }, variance);
}

/** The largest variance of a score that a variance of layer `index`'s sums leads to: first derivatives, independent errors. */
function travel(
  network: RoundedNetwork,
  xs: readonly Float64Array[],
  start: { readonly index: number; readonly variance: Float64Array },
): number {
  let { variance } = start;
  for (let index = start.index; index < network.layers.length - 1; index += 1) {
    const layer = network.layers[index];
    const next = network.layers[index + 1];
    if (layer?.shift === undefined || next === undefined) break;
    const { shift } = layer;
    const a = preActivations(layer, xs[index] ?? new Float64Array(0));
    const product = variance.map(
      (value, unit) => value * (2 * (a[unit] ?? 0) + (shift[unit % shift.length] ?? 0)) ** 2,
    );
    variance = spread(next, product);
  }
  return variance.reduce((most, value) => Math.max(most, value), 0);
}

/** What rotations do to a layer's noise. */
export interface LayerNoise {
  /** Variance of a sum for a variance of 1 in every encoded slot, over the sum of squares of a row's inputs. */
  readonly encoding: number;
  /** Rotations one after the other that an input goes through. */
  readonly chain: number;
}

/** What noise is predicted from. */
export interface NoiseRequest {
  readonly gains: ErrorGains;
  readonly layers: readonly LayerNoise[];
  /** Room above the largest values seen, in bits, in the first layer's sums; each activation doubles it. */
  readonly headroom: number;
}

/** What is chosen freely: the rest follows. */
interface Choice {
  readonly logScale: number;
  readonly layers: readonly LayerLevel[];
}

/**
 * For each way to rescale the scales with the least noise that a degree allows.
 * @param early whether each activation's sums are rescaled
 * @returns undefined where they need more modulus than there is
 */
export function featuresLevels(
  degree: PolyModulusDegree,
  early: readonly boolean[],
  request: NoiseRequest,
): FeaturesLevels | undefined {
  let best: Followed | undefined;
  for (const choice of choices(early)) {
    const followed = follow(degree, choice, request);
    if (followed !== undefined && (best === undefined || followed.variance < best.variance)) best = followed;
  }
  return best === undefined ? undefined : finished(best);
}

function* choices(early: readonly boolean[]): Generator<Choice> {
  const middles = early.length > 1 ? range(12, 26, 2) : [0];
  for (const logScale of range(22, 38, 1)) {
    for (const first of range(14, 28, 1)) {
      for (const middle of middles) {
        for (const last of range(12, 28, 1)) {
          const layers = early.map((rescaled, index) => ({
            logWeightScale: index === 0 ? first : middle,
            early: rescaled,
          }));
          yield { logScale, layers: [...layers, { logWeightScale: last, early: false }] };
        }
      }
    }
  }
}

function range(first: number, last: number, step: number): number[] {
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, index) => first + index * step);
}

/** A choice with what follows from it, in nominal bits. */
interface Followed extends Choice {
  readonly degree: PolyModulusDegree;
  /** First the prime that is left at the end, last the one that goes first, then the special one. */
  readonly bits: readonly number[];
  readonly variance: number;
}

/** SEAL's primes have at most 60 bits; below 22 there are too few that are 1 modulo 2N. */
const [smallestPrime, largestPrime] = [22, 60];

function follow(degree: PolyModulusDegree, choice: Choice, request: NoiseRequest): Followed | undefined {
  const scales = scalesAlong(choice);
  if (scales === undefined) return undefined;
  const { inputs, sums, dropped, result } = scales;
  const lastRoom = request.headroom * 2 ** (choice.layers.length - 1);
  const first = Math.max(
    smallestPrime + 2,
    Math.ceil(result + Math.log2(request.gains.largestScore || 1) + lastRoom + 2),
  );
  const data = [first, ...dropped.flat().toReversed()];
  const special = Math.min(largestPrime, maxCoeffModulusBits[degree] - data.reduce((sum, bits) => sum + bits, 0));
  if (first > largestPrime || special < Math.max(...data)) return undefined;
  // What is left of the modulus must hold each product, with the room that its inputs may need.
  let left = data.reduce((sum, bits) => sum + bits, 0);
  for (const [index, drops] of dropped.entries()) {
    const before = drops.length > 1 ? (drops[0] ?? 0) : 0;
    if (2 * ((sums[index] ?? 0) + request.headroom * 2 ** index) + 2 > left - before) return undefined;
    left -= drops.reduce((sum, bits) => sum + bits, 0);
  }
  const bits = [...data, special];
  return {
    ...choice,
    degree,
    bits,
    variance: varianceOf({ ...choice, degree, bits }, { inputs, sums, result }, request),
  };
}

/** log2 of the scales along a choice; undefined where a prime would have too few or too many bits. */
function scalesAlong({ logScale, layers }: Choice):
  | {
      readonly inputs: number[];
      readonly sums: number[];
      /** For each activation the primes that go, in order. */
      readonly dropped: number[][];
      readonly result: number;
    }
  | undefined {
  const [inputs, sums, dropped]: [number[], number[], number[][]] = [[], [], []];
  let scale = logScale;
  for (const { logWeightScale: weight, early } of layers.slice(0, -1)) {
    inputs.push(scale);
    const sum = early ? scale : scale + weight;
    const drops = early ? [weight, scale] : [Math.min(largestPrime, Math.round(2 * sum - logScale))];
    if (drops.some((bits) => bits < smallestPrime || bits > largestPrime)) return undefined;
    sums.push(sum);
    dropped.push(drops);
    scale = 2 * sum - (drops.at(-1) ?? 0);
  }
  inputs.push(scale);
  const result = scale + (layers.at(-1)?.logWeightScale ?? 0);
  return { inputs, sums, dropped, result };
}

function freshDeviation(degree: number): number {
  return errorDeviation * Math.sqrt(degree / 2) + 1;
}

/** Deviation in a slot of what a key switch adds: digits times errors over the special prime, and rounding. */
function keySwitchDeviation({ degree, bits }: Pick<Followed, 'degree' | 'bits'>): number {
  const special = bits.at(-1) ?? 0;
  const digits = bits.slice(0, -1).reduce((sum, prime) => sum + 4 ** (prime - special), 0);
  const errors = errorDeviation * Math.sqrt((digits * degree) / 3);
  return Math.hypot(errors * Math.sqrt(degree / 2), roundingDeviation(degree));
}

function varianceOf(
  chosen: Omit<Followed, 'variance'>,
  scales: { readonly inputs: readonly number[]; readonly sums: readonly number[]; readonly result: number },
  { gains, layers }: NoiseRequest,
): number {
  const { degree } = chosen;
  const switching = keySwitchDeviation(chosen) ** 2;
  const rounding = roundingDeviation(degree) ** 2;
  let variance = (4 * rounding) / 4 ** scales.result;
  for (const [index, { encoding, chain }] of layers.entries()) {
    const before = index === 0 ? freshDeviation(degree) ** 2 : rounding;
    const input = (before + chain * switching) / 4 ** at(scales.inputs, index);
    // Encoding rounds coefficients to integers: variance 1/12 each, of which a slot's real part sees half.
    const encoded = at(gains.inputSquares, index) * encoding * (degree / 24);
    const { logWeightScale, early } = chosen.layers[index] ?? { logWeightScale: 0, early: false };
    const sum = encoded / 4 ** logWeightScale + (early ? rounding / 4 ** at(scales.sums, index) : 0);
    variance += at(gains.input, index) * input + at(gains.sum, index) * sum;
  }
  return variance;
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? 0;
}

/** With the primes as they are. */
function finished({ degree, bits, logScale, layers, variance }: Followed): FeaturesLevels {
  const parameters = makeParameterSet({ scheme: 'ckks', polyModulusDegree: degree, coeffModulusBits: [...bits] });
  const { resultScale } = scaleTrack(parameters, { logScale, layers });
  return { parameters, logScale, layers, resultScale, deviation: Math.sqrt(variance) };
}

/** The scales of each layer's input and sums, and how many primes are gone by then, with the primes as SEAL has them. */
export function scaleTrack(
  parameters: ParameterSet,
  { logScale, layers }: Choice,
): {
  readonly layers: readonly {
    readonly level: number;
    readonly product: number;
    readonly sums: { readonly level: number; readonly scale: number };
  }[];
  readonly resultScale: number;
} {
  const primes = chainPrimes(parameters).slice(0, -1).map(Number);
  let scale = 2 ** logScale;
  let level = 0;
  const drop = (): number => {
    level += 1;
    return primes[primes.length - level] ?? 1;
  };
  const track = layers.map(({ logWeightScale, early }, index) => {
    const product = { level, product: scale * 2 ** logWeightScale };
    const sum = early ? product.product / drop() : product.product;
    const sums = { level, scale: sum };
    scale = index === layers.length - 1 ? sum : (sum * sum) / drop();
    return { ...product, sums };
  });
  return { layers: track, resultScale: scale };
}
