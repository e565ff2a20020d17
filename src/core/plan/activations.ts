import { AppError } from '../error.ts';
import { activationFunction, erf } from '../model/affine.ts';
import type { Activation, AffineChain, Task } from '../model/ir.ts';
import { clearScores } from '../model/score.ts';
import { measureAgreement } from '../table/accuracy.ts';
import {
  applyPolynomials,
  preActivations,
  type PolynomialLayer,
  type PolynomialNetwork,
  type UnitPolynomials,
} from './network.ts';

/** How well the network still agrees when one layer's activation after the other is replaced: this one and those before it. */
export interface LayerFit {
  readonly layer: string;
  /** The activation is a polynomial of degree 2 itself and was taken as it is. */
  readonly exact: boolean;
  /** Share of calibration rows with the plaintext model's label, and its 95 % lower bound (Clopper-Pearson). */
  readonly agreement: number;
  readonly agreementLowerBound: number;
  /** Largest score error over the larger of the row's largest |score| and the typical one. */
  readonly maxError: number;
}

export interface FittedNetwork {
  readonly network: PolynomialNetwork;
  readonly fits: readonly LayerFit[];
  /** Some activation was approximated. */
  readonly approximate: boolean;
}

export interface FitRequest {
  readonly chain: AffineChain;
  readonly task: Task;
  /** rows x chain.inputs. */
  readonly calibration: Float64Array;
  readonly rows: number;
  readonly maxError: number;
  readonly typicalScore: number;
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
 * Replaces activations by quadratics, a unit each, layer by layer: each layer is fitted to what the layers before it, already replaced,
 * produce on the calibration rows. Polynomials of degree 2 stay as they are.
 * @throws {AppError} plan.impossible where a layer's calibrated values are not finite
 */
export function fitActivations(request: FitRequest): FittedNetwork {
  const { chain, calibration, rows } = request;
  const clear = clearScores(chain, calibration, rows);
  const layers: PolynomialLayer[] = [];
  const fits: LayerFit[] = [];
  let x = calibration;
  for (let index = 0; index < chain.layers.length; index += 2) {
    const [affine, activation] = [chain.layers[index], chain.layers[index + 1]];
    if (affine?.kind !== 'affine') throw new TypeError('a chain alternates between affine maps and activations');
    const { name, matrix, bias } = affine;
    if (activation?.kind !== 'activation') {
      layers.push({ name, matrix, bias });
      break;
    }
    const u = preActivations(affine, x);
    if (!u.every(Number.isFinite)) throw tooWide(activation.name);
    const polynomials = exactPolynomials(activation.activation, matrix.rows);
    const fitted = polynomials ?? fitUnits(activation.activation, unitMoments(u, matrix.rows));
    layers.push({ name: activation.name, matrix, bias, polynomials: fitted });
    x = applyPolynomials(fitted, u);
    const rest: AffineChain = { ...chain, inputs: matrix.rows, layers: chain.layers.slice(index + 2) };
    const agreement = measureAgreement(request.task, { clear, other: clearScores(rest, x, rows), rows }, request);
    fits.push({
      layer: activation.name,
      exact: polynomials !== undefined,
      agreement: agreement.agreement,
      agreementLowerBound: agreement.agreementLowerBound,
      maxError: agreement.maxError,
    });
  }
  const network = { inputs: chain.inputs, outputs: chain.outputs, layers };
  return { network, fits, approximate: fits.some((fit) => !fit.exact) };
}

function tooWide(layer: string): AppError {
  return new AppError(
    'plan.impossible',
    `The values before the activation ${layer} have no finite range on the calibration rows.`,
    {
      hint: 'Fewer activations, or standardized features: each squaring squares the range.',
    },
  );
}

function exactPolynomials(activation: Activation, units: number): UnitPolynomials | undefined {
  if (activation.kind !== 'polynomial') return undefined;
  const [c0 = 0, c1 = 0, c2 = 0, ...higher] = activation.coefficients;
  if (c2 === 0 || higher.some((coefficient) => coefficient !== 0)) return undefined;
  const all = (value: number): Float64Array => new Float64Array(units).fill(value);
  return { c0: all(c0), c1: all(c1), c2: all(c2) };
}

/** What calibration rows produce at a unit. */
interface Moments {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** @param u rows x units. @returns means and deviations, the latter at least a share of the layer's */
function unitMoments(u: Float64Array, units: number): Moments {
  const rows = u.length / units;
  const mean = new Float64Array(units);
  const deviation = new Float64Array(units);
  for (const [index, value] of u.entries()) mean[index % units] = (mean[index % units] ?? 0) + value / rows;
  for (const [index, value] of u.entries()) {
    const unit = index % units;
    deviation[unit] = (deviation[unit] ?? 0) + (value - (mean[unit] ?? 0)) ** 2 / rows;
  }
  const layer = Math.sqrt(deviation.reduce((sum, variance) => sum + variance, 0) / units) || 1;
  return { mean, deviation: deviation.map((variance) => Math.max(Math.sqrt(variance), leastDeviation * layer)) };
}

function fitUnits(activation: Activation, { mean, deviation }: Moments): UnitPolynomials {
  const units = mean.length;
  const fitted = { c0: new Float64Array(units), c1: new Float64Array(units), c2: new Float64Array(units) };
  const project = projection(activation);
  for (let unit = 0; unit < units; unit += 1) {
    const mu = mean[unit] ?? 0;
    const sigma = deviation[unit] ?? 1;
    const [h0, h1, free] = project(mu, sigma);
    const least = Math.abs(h1) / largestShift;
    const h2 = Math.abs(free) >= least ? free : free < 0 ? -least : least;
    // h0 + h1 z + h2 (z² - 1) with z = (u - mu) / sigma, in powers of u; single precision, so that no machine's last bit shows.
    const c2 = h2 / sigma ** 2;
    const c1 = h1 / sigma - 2 * c2 * mu;
    fitted.c2[unit] = Math.fround(c2);
    fitted.c1[unit] = Math.fround(c1);
    fitted.c0[unit] = Math.fround(h0 - h2 - (h1 / sigma) * mu + c2 * mu * mu);
  }
  return fitted;
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
