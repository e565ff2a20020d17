import { errorDeviation, zeroEncryptionDeviation } from './linear.ts';
import { chainPrimes } from './moduli.ts';
import { preActivations } from './network.ts';
import {
  dataModulusBits,
  isSecure,
  makeParameterSet,
  type ParameterSet,
  type PolyModulusDegree,
} from './parameters.ts';
import { applyRoundedLayer, type RoundedLayer, type RoundedNetwork } from './rounding.ts';

/** How large the values of a rounded network get, layer by layer, over the rows that it was tried on. */
export interface NetworkMagnitudes {
  /** max of |a| and |a + shift|, one a layer. */
  readonly sums: readonly number[];
  /** max of |a (a + shift)| and of what is added up of it before it is rescaled, one an activation. */
  readonly products: readonly number[];
  /** Root mean square of a (a + shift), one an activation. */
  readonly typicalProducts: readonly number[];
}

/** @param layers as they are evaluated. @param rows any number of rows of inputs, scaled */
export function networkMagnitudes(layers: readonly RoundedLayer[], rows: Float64Array): NetworkMagnitudes {
  const found = { sums: [] as number[], products: [] as number[], typicalProducts: [] as number[] };
  let x = rows;
  for (const [index, layer] of layers.entries()) {
    const a = preActivations(layer, x);
    const { shift } = layer;
    if (shift === undefined && index < layers.length - 1) {
      // Products added up before they are rescaled.
      found.products.push(Math.max(found.products.pop() ?? 1, largestSize(a)));
      x = a;
      continue;
    }
    const shifted =
      shift === undefined ? 0 : largestSize(a.map((value, unit) => value + (shift[unit % shift.length] ?? 0)));
    found.sums.push(Math.max(1, largestSize(a), shifted));
    if (shift === undefined) break;
    x = applyRoundedLayer(layer, x);
    found.products.push(Math.max(1, largestSize(x)));
    found.typicalProducts.push(Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length) || 1);
  }
  return found;
}

function largestSize(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** A modulus chain and the scales along it. */
export interface Levels {
  readonly parameters: ParameterSet;
  readonly logScale: number;
  /** Products are relinearized and rescaled; otherwise they stay of size 3 at the top level. */
  readonly rescale: boolean;
  /** The scale of what each activation gives. */
  readonly productScales: readonly number[];
  /** The scale of the last layer's sums. */
  readonly resultScale: number;
}

/** Room above the largest value seen, in bits, for sums of the first layer; each activation doubles it. */
export type Headroom = number;

/** SEAL's primes have at most so many bits. */
const largestPrime = 60;

/** Without rescaling: one activation, no key but the public one. The special prime switches nothing and may be tiny. */
export function flatLevels(magnitudes: NetworkMagnitudes, headroom: Headroom): Levels | undefined {
  if (magnitudes.products.length !== 1) return undefined;
  const parameters = makeParameterSet({ scheme: 'ckks', polyModulusDegree: 4096, coeffModulusBits: [45, 45, 16] });
  const [, result = 1] = magnitudes.sums;
  const room =
    dataModulusBits(parameters) - 2 - 2 * headroom - Math.log2(Math.max(result, magnitudes.products[0] ?? 1));
  const logScale = Math.min(36, Math.floor(room / 2));
  if (logScale < 12) return undefined;
  const scale = 2 ** (2 * logScale);
  return { parameters, logScale, rescale: false, productScales: [scale], resultScale: scale };
}

/**
 * One level an activation: the prime behind it takes the product's scale back to where the values keep `kept` bits above the scale's unit.
 * @returns undefined where the chain is longer than 128-bit security allows at this degree
 */
export function rescaledLevels(
  magnitudes: NetworkMagnitudes,
  shape: { readonly degree: PolyModulusDegree; readonly kept: number; readonly headroom: Headroom },
): Levels | undefined {
  const logScale = shape.kept + 1;
  const primes: number[] = [];
  const productScales: number[] = [];
  let scale = 2 ** logScale;
  let headroom = shape.headroom;
  let needed = 0;
  for (const [index, product] of magnitudes.products.entries()) {
    // What the whole modulus must hold when this product is taken, less the primes that are gone by then.
    needed = Math.max(
      needed,
      primes.reduce((sum, bits) => sum + bits, 0) + 2 * Math.log2(scale) + Math.log2(product) + 2 * headroom + 2,
    );
    const bits = Math.round(2 * Math.log2(scale) + Math.log2(magnitudes.typicalProducts[index] ?? 1) - shape.kept);
    if (bits < 22 || bits > largestPrime) return undefined;
    primes.push(bits);
    scale = scale ** 2 / 2 ** bits;
    productScales.push(scale);
    headroom *= 2;
  }
  const gone = primes.reduce((sum, bits) => sum + bits, 0);
  const last = Math.log2(scale * (magnitudes.sums.at(-1) ?? 1)) + headroom + 2;
  const first = Math.max(Math.ceil(last), Math.ceil(needed - gone), 24);
  if (first > largestPrime) return undefined;
  const special = Math.min(largestPrime, Math.max(first, ...primes) + 1);
  const parameters = makeParameterSet({
    scheme: 'ckks',
    polyModulusDegree: shape.degree,
    coeffModulusBits: [first, ...primes.toReversed(), special],
  });
  return isSecure(parameters) ? withPrimes(parameters, logScale) : undefined;
}

/** The scales with the primes as they are, not as powers of two. */
function withPrimes(parameters: ParameterSet, logScale: number): Levels {
  const primes = chainPrimes(parameters).map(Number);
  const productScales: number[] = [];
  let scale = 2 ** logScale;
  for (const prime of primes.slice(1, -1).toReversed()) {
    scale = (scale * scale) / prime;
    productScales.push(scale);
  }
  return { parameters, logScale, rescale: true, productScales, resultScale: scale };
}

/**
 * Predicted deviation of a score from what the same weights give in the clear: fresh noise and the noise of each rescale, carried along by
 * the first derivative, a row at a time; the largest over rows and outputs. Slots' noises are independent and nearly normal.
 */
export function noiseDeviation(network: RoundedNetwork, levels: Levels, rows: Float64Array): number {
  const degree = levels.parameters.polyModulusDegree;
  const fresh = (errorDeviation * Math.sqrt(degree / 2) + 1) / 2 ** levels.logScale;
  let x = rows;
  let variance = new Float64Array(rows.length).fill(fresh ** 2);
  for (const [index, layer] of network.layers.entries()) {
    const squares = {
      matrix: { ...layer.matrix, values: layer.matrix.values.map((value) => value * value) },
      bias: new Float64Array(layer.bias.length),
    };
    const carried = preActivations(squares, variance);
    if (layer.shift === undefined) {
      const largest = carried.reduce((most, value) => Math.max(most, value), 0);
      return network.step * Math.sqrt(largest + zeroNoise(levels) ** 2);
    }
    const { shift } = layer;
    const a = preActivations(layer, x);
    const rounding = levels.rescale ? (roundingDeviation(degree) / (levels.productScales[index] ?? 1)) ** 2 : 0;
    variance = carried.map(
      (value, unit) => value * (2 * (a[unit] ?? 0) + (shift[unit % shift.length] ?? 0)) ** 2 + rounding,
    );
    x = applyRoundedLayer(layer, x);
  }
  throw new TypeError('a network ends with an affine map');
}

/** Deviation in a slot of the rounding error of a rescale, for ternary secrets. */
export function roundingDeviation(degree: number): number {
  return Math.sqrt((1 + (2 / 3) * degree) / 12) * Math.sqrt(degree / 2);
}

/** Deviation of the encryptions of zero that re-randomize a result, in units of its sums. */
function zeroNoise({ parameters, rescale, resultScale }: Levels): number {
  const degree = parameters.polyModulusDegree;
  const slot = rescale ? 2 * roundingDeviation(degree) : zeroEncryptionDeviation(degree) * Math.sqrt(degree / 2);
  return slot / resultScale;
}
