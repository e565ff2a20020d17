import { activationFunction } from '../model/affine.ts';
import type { Activation, AffineLayer } from '../model/ir.ts';
import { identityMatrix, multiply, stackRows, transpose } from '../model/sparse.ts';
import { unitMoments } from './hermite.ts';
import type { PolynomialLayer } from './network.ts';

/**
 * Activations of degree 4 as two layers of quadratics, so that nothing behind the fit has to know of them. With z the unit's standardized sum,
 * a first layer gives t = z (z + d) and s = z (z - d), both over the same sums, a second a quadratic of each, and the map behind it reads
 * their sum. Four coefficients are what a quartic has beside its constant; d is free and keeps the second layer's quadratics from being
 * nearly linear, which costs modulus.
 */

/** One quartic a unit, in powers of the standardized sum z = (u - mean) / deviation: k0 to k4. */
interface UnitQuartics {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
  readonly powers: readonly Float64Array[];
}

/**
 * A normal distribution with a share of wider ones in it: a quartic grows fast beyond what it was fitted to, and rows are not normal. Of the shares
 * and widths tried (ADR 0013) these keep most labels.
 */
const tail = { share: 0.1, width: 1.5 };
/** What d is chosen from. */
const shifts = Array.from({ length: 15 }, (_, index) => 0.75 + index / 4);
/** Largest |linear| / |square| coefficient of a quadratic of the second layer, t and s having deviation 1. */
const steepest = 64;

/** Two layers in place of an affine map and its activation. The second has twice the units, to be read by {@link readTwice}. */
export interface QuarticLayers {
  readonly layers: readonly [PolynomialLayer, PolynomialLayer];
  /** The activation is of degree 4 at most itself. */
  readonly exact: boolean;
}

/** @param u rows x units: sums that calibration rows give */
export function quarticLayers(
  affine: AffineLayer,
  { name, activation }: { readonly name: string; readonly activation: Activation },
  u: Float64Array,
): QuarticLayers {
  const units = affine.matrix.rows;
  const { mean, deviation } = unitMoments(u, units);
  const exact = isQuartic(activation);
  const project = projection(activationFunction(activation));
  const powers = Array.from({ length: 5 }, () => new Float64Array(units));
  for (let unit = 0; unit < units; unit += 1) {
    const projected = project(mean[unit] ?? 0, deviation[unit] ?? 1);
    for (const [power, values] of powers.entries()) values[unit] = projected[power] ?? 0;
  }
  return { layers: split(affine, name, { mean, deviation, powers }), exact };
}

/** A polynomial of degree 3 or 4: those of degree 2 need no second layer. */
export function isQuartic(activation: Activation): boolean {
  if (activation.kind !== 'polynomial') return false;
  const [, , , c3 = 0, c4 = 0, ...higher] = activation.coefficients;
  return (c3 !== 0 || c4 !== 0) && higher.every((coefficient) => coefficient === 0);
}

/** A map over twice the units, which reads the sum of both. */
export function readTwice(affine: AffineLayer): AffineLayer {
  const ones = identityMatrix(affine.matrix.columns);
  return { ...affine, matrix: multiply(affine.matrix, transpose(stackRows([ones, ones]))) };
}

function split(
  { matrix, bias }: AffineLayer,
  name: string,
  { mean, deviation, powers }: UnitQuartics,
): QuarticLayers['layers'] {
  const units = mean.length;
  const empty = () => ({
    c0: new Float64Array(2 * units),
    c1: new Float64Array(2 * units),
    c2: new Float64Array(2 * units),
  });
  const [first, second] = [empty(), empty()];
  for (let unit = 0; unit < units; unit += 1) {
    const [mu, sigma] = [mean[unit] ?? 0, deviation[unit] ?? 1];
    const { shift, halves } = splitUnit(powers.map((values) => values[unit] ?? 0));
    for (const [half, { c1, c2 }] of halves.entries()) {
      const at = half * units + unit;
      const d = half === 0 ? shift : -shift;
      // z (z + d) in powers of u, over its deviation.
      const size = 1 / (sigma * sigma * Math.sqrt(2 + d * d));
      first.c2[at] = Math.fround(size);
      first.c1[at] = Math.fround(size * (d * sigma - 2 * mu));
      first.c0[at] = Math.fround(size * mu * (mu - d * sigma));
      second.c2[at] = Math.fround(c2);
      second.c1[at] = Math.fround(c1);
      second.c0[at] = half === 0 ? Math.fround(powers[0]?.[unit] ?? 0) : 0;
    }
  }
  const twice = stackRows([matrix, matrix]);
  return [
    { name: `${name} (squares)`, matrix: twice, bias: Float64Array.from([...bias, ...bias]), polynomials: first },
    { name, matrix: identityMatrix(2 * units), bias: new Float64Array(2 * units), polynomials: second },
  ];
}

interface Half {
  readonly c1: number;
  readonly c2: number;
}

/**
 * k1 z + ... + k4 z⁴ = c2 (t² + ...) of t = z (z + d) and s = z (z - d): with a, b the sums' coefficients of t², s² and p, q those of t, s,
 * a + b = k4, 2 d (a - b) = k3, p + q = k2 - d² k4, d (p - q) = k1. Both are given over the deviations of t and s.
 */
function splitUnit([, k1 = 0, k2 = 0, k3 = 0, k4 = 0]: readonly number[]): {
  readonly shift: number;
  readonly halves: readonly Half[];
} {
  const [best] = shifts
    .map((shift) => {
      const size = Math.sqrt(2 + shift * shift);
      const half = (sign: number): Half => ({
        c2: ((k4 + (sign * k3) / (2 * shift)) / 2) * size * size,
        c1: ((k2 - shift * shift * k4 + (sign * k1) / shift) / 2) * size,
      });
      const halves = [half(1), half(-1)];
      return { shift, halves, slope: Math.max(...halves.map(({ c1, c2 }) => (c1 === 0 ? 0 : Math.abs(c1 / c2)))) };
    })
    .sort((a, b) => a.slope - b.slope);
  if (best === undefined) throw new TypeError('there are shifts');
  return { ...best, halves: best.halves.map(bent) };
}

/** Bent a little where it would be all but linear. */
function bent({ c1, c2 }: Half): Half {
  const least = Math.abs(c1) / steepest;
  return { c1, c2: Math.abs(c2) >= least ? c2 : c2 < 0 ? -least : least };
}

/** Of f(mu + sigma z): the powers of z of the quartic that comes nearest under a normal distribution with a wider tail. */
function projection(f: (x: number) => number): (mu: number, sigma: number) => readonly number[] {
  const nodes = tailedNodes();
  const moment = (power: number): number => nodes.reduce((sum, { z, weight }) => sum + weight * z ** power, 0);
  const [m2, m4, m6, m8] = [moment(2), moment(4), moment(6), moment(8)];
  // Orthogonal polynomials by Gram and Schmidt: 1, z, z² - m2, z³ - (m4 / m2) z, z⁴ - alpha z² - beta.
  const alpha = (m6 - m2 * m4) / (m4 - m2 * m2);
  const beta = m4 - alpha * m2;
  const [norm2, norm3, norm4] = [m4 - m2 * m2, m6 - (m4 * m4) / m2, m8 - alpha * m6 - beta * m4];
  return (mu, sigma) => {
    let [by0, by1, by2, by3, by4] = [0, 0, 0, 0, 0];
    for (const { z, weight } of nodes) {
      const value = f(mu + sigma * z) * weight;
      const square = z * z;
      by0 += value;
      by1 += value * z;
      by2 += value * (square - m2);
      by3 += value * z * (square - m4 / m2);
      by4 += value * (square * (square - alpha) - beta);
    }
    const [h1, h2, h3, h4] = [by1 / m2, by2 / norm2, by3 / norm3, by4 / norm4];
    return [by0 - h2 * m2 - h4 * beta, h1 - (h3 * m4) / m2, h2 - h4 * alpha, h3, h4];
  };
}

function tailedNodes(): { readonly z: number; readonly weight: number }[] {
  const steps = 192;
  const width = 16 / steps;
  const density = (z: number): number => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  return Array.from({ length: steps + 1 }, (_, index) => {
    const z = index * width - 8;
    const wide = density(z / tail.width) / tail.width;
    return { z, weight: width * ((1 - tail.share) * density(z) + tail.share * wide) };
  });
}
