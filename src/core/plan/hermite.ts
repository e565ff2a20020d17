import { activationFunction, erf } from '../model/affine.ts';
import type { Activation } from '../model/ir.ts';
import type { UnitPolynomials } from './network.ts';

/**
 * One quadratic a unit, in Hermite polynomials of what calibration rows produce there: h0 + h1 z + h2 (z² - 1) with z = (u - mean) / deviation.
 * For normal z the three terms are uncorrelated, with variances 0, h1² and 2 h2².
 */
export interface UnitQuadratics {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
  readonly h0: Float64Array;
  readonly h1: Float64Array;
  readonly h2: Float64Array;
}

/**
 * A calibrated deviation below this share of its layer's is taken for that: a unit that calibration hardly moved (a border pixel) may move
 * later, and a quadratic fitted to a narrow range grows fast outside of it.
 */
const leastDeviation = 0.35;
/**
 * Largest c1 / (c2 deviation): p(u) is evaluated as c2 u (u + c1 / c2), so that a nearly linear unit wants a factor far larger than u, which
 * costs bits. The curvature added instead is at most 1 / 64 of a deviation.
 */
const largestShift = 64;

/**
 * The quadratics that come nearest to an activation under a normal distribution with each unit's mean and deviation: the projection on the
 * first three Hermite polynomials. In single precision, so that no machine's last bit shows.
 * @param u rows x units
 */
export function projectUnits(activation: Activation, u: Float64Array, units: number): UnitQuadratics {
  const { mean, deviation } = unitMoments(u, units);
  const [h0, h1, h2] = [new Float64Array(units), new Float64Array(units), new Float64Array(units)];
  const project = projection(activation);
  for (let unit = 0; unit < units; unit += 1) {
    const projected = project(mean[unit] ?? 0, deviation[unit] ?? 1);
    h0[unit] = Math.fround(projected[0]);
    h1[unit] = Math.fround(projected[1]);
    const curvature = Math.max(Math.abs(projected[2]), Math.abs(projected[1]) / largestShift);
    h2[unit] = Math.fround(projected[2] < 0 ? -curvature : curvature);
  }
  return { mean, deviation, h0, h1, h2 };
}

/** In powers of u; single precision again. */
export function inPowers({ mean, deviation, h0, h1, h2 }: UnitQuadratics): UnitPolynomials {
  const units = mean.length;
  const powers = { c0: new Float64Array(units), c1: new Float64Array(units), c2: new Float64Array(units) };
  for (let unit = 0; unit < units; unit += 1) {
    const [mu, sigma, curvature] = [mean[unit] ?? 0, deviation[unit] ?? 1, h2[unit] ?? 0];
    const c2 = curvature / (sigma * sigma);
    const slope = (h1[unit] ?? 0) / sigma;
    powers.c2[unit] = Math.fround(c2);
    powers.c1[unit] = Math.fround(slope - 2 * c2 * mu);
    powers.c0[unit] = Math.fround((h0[unit] ?? 0) - curvature - slope * mu + c2 * mu * mu);
  }
  return powers;
}

/** @returns means and deviations, the latter at least a share of the layer's */
export function unitMoments(u: Float64Array, units: number): Pick<UnitQuadratics, 'mean' | 'deviation'> {
  const rows = u.length / units;
  const mean = new Float64Array(units);
  const variance = new Float64Array(units);
  for (const [index, value] of u.entries()) mean[index % units] = (mean[index % units] ?? 0) + value / rows;
  for (const [index, value] of u.entries()) {
    const unit = index % units;
    const distance = value - (mean[unit] ?? 0);
    variance[unit] = (variance[unit] ?? 0) + (distance * distance) / rows;
  }
  const layer = Math.sqrt(variance.reduce((sum, value) => sum + value, 0) / units) || 1;
  return { mean, deviation: variance.map((value) => Math.max(Math.sqrt(value), leastDeviation * layer)) };
}

/** The first three coefficients in Hermite polynomials 1, z, z² - 1 of f(mu + sigma z) for normal z. */
type Projection = (mu: number, sigma: number) => readonly [number, number, number];

function projection(activation: Activation): Projection {
  if (activation.kind === 'relu') return reluProjection;
  if (activation.kind === 'leaky-relu') {
    const { slope } = activation;
    return (mu, sigma) => {
      const [h0, h1, h2] = reluProjection(mu, sigma);
      return [slope * mu + (1 - slope) * h0, slope * sigma + (1 - slope) * h1, (1 - slope) * h2];
    };
  }
  return numericProjection(activationFunction(activation));
}

/** In closed form, with a = mu / sigma: E f = mu F(a) + sigma f(a); E z f = sigma F(a); E (z² - 1) f / 2 = sigma f(a) / 2. */
function reluProjection(mu: number, sigma: number): readonly [number, number, number] {
  const a = mu / sigma;
  const density = Math.exp((-a * a) / 2) / Math.sqrt(2 * Math.PI);
  const below = (1 + erf(a * Math.SQRT1_2)) / 2;
  return [mu * below + sigma * density, sigma * below, (sigma * density) / 2];
}

/** By the trapezoid rule, which converges faster than any power for smooth functions under a normal weight. */
function numericProjection(f: (x: number) => number): Projection {
  const steps = 192;
  const width = 16 / steps;
  const nodes = Array.from({ length: steps + 1 }, (_, index) => {
    const z = index * width - 8;
    return { z, weight: (width * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI) };
  });
  return (mu, sigma) => {
    let [h0, h1, h2] = [0, 0, 0];
    for (const { z, weight } of nodes) {
      const value = f(mu + sigma * z) * weight;
      h0 += value;
      h1 += value * z;
      h2 += (value * (z * z - 1)) / 2;
    }
    return [h0, h1, h2];
  };
}
