import { AppError } from '../error.ts';
import type { Activation, ActivationLayer, AffineChain, AffineLayer } from '../model/ir.ts';
import { inPowers, projectUnits } from './hermite.ts';
import type { FittedLayer } from './learning-units.ts';
import { applyPolynomialLayer, preActivations, type UnitPolynomials } from './network.ts';
import { isQuartic, quarticLayers, readTwice } from './quartics.ts';

/** An activation as it was replaced. */
export interface FittedActivation {
  readonly name: string;
  readonly degree: 2 | 4;
  readonly exact: boolean;
  /** With the affine map before it. */
  readonly layers: readonly FittedLayer[];
  /** The original's layers behind it, as they read what `layers` give. */
  readonly rest: AffineChain['layers'];
}

export interface FittedLayers {
  readonly activations: readonly FittedActivation[];
  readonly last: FittedLayer;
}

/**
 * Layer by layer, each fitted to what the layers before it, already replaced, produce on the calibration rows.
 * @param quartic the activations that are given degree 4
 * @throws {AppError} plan.impossible where a layer's values are not finite
 */
export function fitLayers(chain: AffineChain, calibration: Float64Array, quartic: ReadonlySet<number>): FittedLayers {
  const activations: FittedActivation[] = [];
  let [x, layers] = [calibration, chain.layers];
  for (;;) {
    const [affine, activation, ...behind] = layers;
    if (affine?.kind !== 'affine') throw new TypeError('a chain alternates between affine maps and activations');
    if (activation?.kind !== 'activation') return { activations, last: affine };
    const u = preActivations(affine, x);
    if (!u.every(Number.isFinite)) throw tooWide(activation.name);
    const fitted = quartic.has(activations.length)
      ? fitQuartic({ affine, activation, behind }, u)
      : fitQuadratic({ affine, activation, behind }, u);
    activations.push(fitted);
    for (const layer of fitted.layers) x = applyPolynomialLayer(layer, x);
    layers = fitted.rest;
  }
}

interface Replaced {
  readonly affine: AffineLayer;
  readonly activation: ActivationLayer;
  readonly behind: AffineChain['layers'];
}

function fitQuartic({ affine, activation, behind }: Replaced, u: Float64Array): FittedActivation {
  const { layers, exact } = quarticLayers(affine, activation, u);
  const [next, ...others] = behind;
  if (next?.kind !== 'affine') throw new TypeError('a chain ends with an affine map');
  return { name: activation.name, degree: 4, exact, layers, rest: [readTwice(next), ...others] };
}

/** @param u rows x units */
function fitQuadratic(
  { affine, activation: { name, activation }, behind }: Replaced,
  u: Float64Array,
): FittedActivation {
  const { matrix, bias } = affine;
  const known = exactPolynomials(activation, matrix.rows);
  const quadratics = known === undefined ? projectUnits(activation, u, matrix.rows) : undefined;
  const layer: FittedLayer =
    quadratics === undefined
      ? { name, matrix, bias, ...(known === undefined ? {} : { polynomials: known }) }
      : { name, matrix, bias, polynomials: inPowers(quadratics), quadratics };
  return { name, degree: 2, exact: known !== undefined, layers: [layer], rest: behind };
}

/** All of them, in order. */
export function layersOf({ activations, last }: FittedLayers): FittedLayer[] {
  return [...activations.flatMap(({ layers }) => layers), last];
}

/** Activations that are polynomials of degree 3 or 4. */
export function exactQuartics({ layers }: AffineChain): ReadonlySet<number> {
  const activations = layers.filter((layer) => layer.kind === 'activation');
  return new Set(
    [...activations.keys()].filter((index) => {
      const activation = activations[index]?.activation;
      return activation !== undefined && isQuartic(activation) && exactPolynomials(activation, 1) === undefined;
    }),
  );
}

function exactPolynomials(activation: Activation, units: number): UnitPolynomials | undefined {
  if (activation.kind !== 'polynomial') return undefined;
  const [c0 = 0, c1 = 0, c2 = 0, ...higher] = activation.coefficients;
  if (c2 === 0 || higher.some((coefficient) => coefficient !== 0)) return undefined;
  const all = (value: number): Float64Array => new Float64Array(units).fill(value);
  return { c0: all(c0), c1: all(c1), c2: all(c2) };
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
