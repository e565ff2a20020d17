import { AppError } from '../error.ts';
import type { Activation, AffineChain, Task } from '../model/ir.ts';
import { clearScores } from '../model/score.ts';
import type { Steps } from '../progress.ts';
import { measureAgreement, type Agreement } from '../table/accuracy.ts';
import { distil, effortWithin, type Effort } from './distillation.ts';
import { inPowers, projectUnits, type UnitQuadratics } from './hermite.ts';
import type { FittedLayer } from './learning-units.ts';
import {
  applyPolynomials,
  polynomialScores,
  preActivations,
  type PolynomialNetwork,
  type UnitPolynomials,
} from './network.ts';
import { blendedRows } from './ranges.ts';

/** How well the network still agrees when one layer's activation after the other is replaced: this one and those before it. */
export interface LayerFit {
  readonly layer: string;
  /** The activation is a polynomial of degree 2 itself and was taken as it is. */
  readonly exact: boolean;
  /** Share of calibration rows with the plaintext model's label, before all layers are fitted together. */
  readonly agreement: number;
}

export interface FittedNetwork {
  readonly network: PolynomialNetwork;
  readonly fits: readonly LayerFit[];
  /** Some activation was approximated. */
  readonly approximate: boolean;
  /** Over the calibration rows, each as scored by a network that was fitted to others in the same way. */
  readonly heldOut: Agreement;
}

export interface FitRequest {
  readonly chain: AffineChain;
  readonly task: Task;
  /** rows x chain.inputs. */
  readonly calibration: Float64Array;
  readonly rows: number;
  readonly maxError: number;
  readonly typicalScore: number;
  /** Where layers fitted one at a time reach it, they are not fitted together. */
  readonly minAgreement: number;
}

/** Calibration rows are held out by thirds. */
const folds = 3;
/** Products that all fits may take: less than a minute of a thread. Those with rows held out take half the effort of the last one. */
const mostProducts = 7e10;

/**
 * Replaces activations by quadratics, a unit each. First layer by layer, each fitted to what the layers before it, already replaced, produce
 * on the calibration rows; then all together, by distillation, where that brings rows that were held out nearer to the original's scores.
 * Polynomials of degree 2 stay as they are.
 * @throws {AppError} plan.impossible where a layer's calibrated values are not finite
 */
export function* fitActivations(request: FitRequest): Steps<FittedNetwork> {
  const { chain, calibration, rows } = request;
  const start = fitLayers(chain, calibration);
  yield;
  const fits = yield* layerFits(request, start);
  const approximate = fits.some((fit) => !fit.exact);
  if (!approximate) {
    const network = networkOf(chain, start);
    return { network, fits, approximate, heldOut: agreementOf(request, polynomialScores(network, calibration, rows)) };
  }
  const apart = yield* crossValidate(request, function* (_fold, layers) {
    yield;
    return layers;
  });
  yield;
  const whole = { network: networkOf(chain, start), fits, approximate, heldOut: agreementOf(request, apart) };
  const effort = agreesEnough(request, whole)
    ? undefined
    : yield* effortWithin(mostProducts / (1 + folds / 2), chain, rows);
  if (effort === undefined) return whole;
  const half = { rows: effort.rows >> 1, steps: effort.steps >> 1 };
  const together = yield* crossValidate(request, (fold, layers, learnt) =>
    fitTogether(request, layers, { effort: half, fold, calibration: learnt }),
  );
  const heldOut = agreementOf(request, together);
  if (heldOut.agreement < whole.heldOut.agreement) return whole;
  const layers = yield* fitTogether(request, start, { effort, fold: folds, calibration });
  return { network: networkOf(chain, layers), fits, approximate, heldOut };
}

/** Scores of each row by a network that has not seen it. @param fit makes it of what layers fitted one at a time are */
function* crossValidate(
  { chain, calibration, rows }: FitRequest,
  fit: (fold: number, start: readonly FittedLayer[], learnt: Float64Array) => Steps<readonly FittedLayer[]>,
): Steps<Float64Array> {
  const { inputs, outputs } = chain;
  const scores = new Float64Array(rows * outputs);
  for (let fold = 0; fold < folds; fold += 1) {
    yield;
    const isHeldOut = (row: number): boolean => row % folds === fold;
    const learnt = calibration.filter((_, index) => !isHeldOut(Math.floor(index / inputs)));
    const held = calibration.filter((_, index) => isHeldOut(Math.floor(index / inputs)));
    const layers = yield* fit(fold, fitLayers(chain, learnt), learnt);
    const own = polynomialScores(networkOf(chain, layers), held, held.length / inputs);
    for (const [index, score] of own.entries())
      scores[(Math.floor(index / outputs) * folds + fold) * outputs + (index % outputs)] = score;
  }
  return scores;
}

function* fitTogether(
  { chain }: FitRequest,
  start: readonly FittedLayer[],
  to: { readonly effort: Effort; readonly fold: number; readonly calibration: Float64Array },
): Steps<FittedLayer[]> {
  const { effort, fold, calibration } = to;
  const quadratics = yield* distil({
    chain,
    layers: start,
    known: { values: calibration, inputs: chain.inputs },
    effort,
    report: (done, total) => ({
      stage: 'Fitting activations',
      done: fold * total + done,
      total: (folds + 1) * total,
      unit: 'steps',
    }),
  });
  return start.map((layer, index) => {
    const fitted = quadratics[index];
    return fitted === undefined ? layer : { ...layer, quadratics: fitted, polynomials: inPowers(fitted) };
  });
}

function fitLayers(chain: AffineChain, calibration: Float64Array): FittedLayer[] {
  const layers: FittedLayer[] = [];
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
    const replaced = replace(activation.activation, u, matrix.rows);
    layers.push({ name: activation.name, matrix, bias, ...replaced });
    x = applyPolynomials(replaced.polynomials, u);
  }
  return layers;
}

/** @param u rows x units */
function replace(
  activation: Activation,
  u: Float64Array,
  units: number,
): { readonly polynomials: UnitPolynomials; readonly quadratics?: UnitQuadratics } {
  const exact = exactPolynomials(activation, units);
  if (exact !== undefined) return { polynomials: exact };
  const quadratics = projectUnits(activation, u, units);
  return { polynomials: inPowers(quadratics), quadratics };
}

function* layerFits(request: FitRequest, layers: readonly FittedLayer[]): Steps<LayerFit[]> {
  const { chain, calibration } = request;
  const fits: LayerFit[] = [];
  let x = calibration;
  for (const [index, layer] of layers.entries()) {
    if (layer.polynomials === undefined) break;
    yield;
    x = applyPolynomials(layer.polynomials, preActivations(layer, x));
    const rest = { ...chain, inputs: layer.matrix.rows, layers: chain.layers.slice(2 * index + 2) };
    const { agreement } = agreementOf(request, clearScores(rest, x, request.rows));
    fits.push({ layer: layer.name, exact: layer.quadratics === undefined, agreement });
  }
  return fits;
}

/** On rows that it was not fitted to, and on those that the proof will ask for: the known ones and rows between them. */
function agreesEnough(request: FitRequest, { network, heldOut }: FittedNetwork): boolean {
  const { chain, calibration, rows, task, minAgreement } = request;
  const blended = blendedRows(calibration, chain.inputs);
  const clear = clearScores(chain, blended, rows);
  const between = measureAgreement(task, { clear, other: polynomialScores(network, blended, rows), rows }, request);
  const known = agreementOf(request, polynomialScores(network, calibration, rows));
  return Math.min(heldOut.agreement, (known.agreement + between.agreement) / 2) >= minAgreement;
}

function networkOf({ inputs, outputs }: AffineChain, layers: readonly FittedLayer[]): PolynomialNetwork {
  return { inputs, outputs, layers: layers.map(({ quadratics: _, ...layer }) => layer) };
}

function agreementOf(request: FitRequest, other: Float64Array): Agreement {
  const { chain, calibration, rows, task } = request;
  return measureAgreement(task, { clear: clearScores(chain, calibration, rows), other, rows }, request);
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
