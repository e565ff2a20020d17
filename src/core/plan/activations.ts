import type { AffineChain, Task } from '../model/ir.ts';
import { clearScores } from '../model/score.ts';
import type { Steps } from '../progress.ts';
import { measureApproximation, type Agreement } from '../table/accuracy.ts';
import { distil, effortWithin, type Effort } from './distillation.ts';
import { exactQuartics, fitLayers, layersOf, type FittedLayers } from './fitted-layers.ts';
import { inPowers } from './hermite.ts';
import type { FittedLayer } from './learning-units.ts';
import { applyPolynomialLayer, polynomialScores, type PolynomialNetwork } from './network.ts';
import { refitLast } from './refit.ts';

/** How well the network still agrees when one layer's activation after the other is replaced: this one and those before it. */
export interface LayerFit {
  readonly layer: string;
  readonly degree: 2 | 4;
  /** The activation is a polynomial of such a degree itself and was taken as it is. */
  readonly exact: boolean;
  /** On the calibration rows. */
  readonly agreement: Agreement;
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
  /** The original's, rows x chain.outputs. */
  readonly scores: Float64Array;
  readonly maxError: number;
  readonly typicalScore: number;
  /** What is tried goes on until rows held out reach it. */
  readonly minAgreement: number;
}

/** Calibration rows are held out by thirds. */
const folds = 3;
/** Products that all fits may take: less than a minute of a thread. Those with rows held out take half the effort of the last one. */
const mostProducts = 7e10;
/** Products one behind the other that a modulus has room for at N = 16384. */
const mostSquarings = 6;

/**
 * Replaces activations by polynomials, a unit each. Polynomials of degree 2 stay as they are, those of degree 3 and 4 too. For others the
 * first of these that keeps the agreement, else the one that keeps most of it; of the first two, which cost the same to evaluate, the better:
 * 1. quadratics, layer by layer, each fitted to what the layers before it, already replaced, produce on the calibration rows;
 * 2. of several layers, quadratics fitted together, by distillation;
 * 3. quartics where quadratics cost most, layer by layer, in one layer more each time.
 * Then the last map is fitted once more (refit.ts).
 * @throws {AppError} plan.impossible where a layer's calibrated values are not finite
 */
export function* fitActivations(request: FitRequest): Steps<FittedNetwork> {
  const { chain, calibration, minAgreement } = request;
  yield;
  const exact = roomFor(chain, exactQuartics(chain)) ? exactQuartics(chain) : new Set<number>();
  const start = fitLayers(chain, calibration, exact);
  const apart = yield* fitApart(request, start);
  if (!apart.fitted.approximate) return apart.fitted;
  const together = yield* fitAllTogether(request, start);
  let best = together === undefined ? apart : better(apart, together, minAgreement);
  for (const quartic of quarticSets(apart.fitted, exact)) {
    if (best.agreement >= minAgreement || !roomFor(chain, quartic)) break;
    yield { stage: 'Fitting activations of degree 4' };
    best = better(best, yield* fitApart(request, fitLayers(chain, calibration, quartic)), minAgreement);
  }
  return best.fitted;
}

function roomFor({ layers }: AffineChain, quartic: ReadonlySet<number>): boolean {
  return layers.filter(({ kind }) => kind === 'activation').length + quartic.size <= mostSquarings;
}

/** Agreement counts as far as it is asked for; beyond that errors do. Scores that are no numbers agree with nothing. */
function better(one: Attempt, other: Attempt, minAgreement: number): Attempt {
  const keptBy = ({ agreement }: Attempt): number =>
    Number.isNaN(agreement) ? -Infinity : Math.min(agreement, minAgreement);
  const errorOf = ({ fitted: { heldOut } }: Attempt): number =>
    Number.isNaN(heldOut.rmsError) ? Infinity : heldOut.rmsError;
  const gained = keptBy(other) - keptBy(one);
  return gained > 0 || (gained === 0 && errorOf(other) < errorOf(one)) ? other : one;
}

/** A fitted network, and what it is held to: the lower of its agreements on rows held out and on those that it was fitted to. */
interface Attempt {
  readonly fitted: FittedNetwork;
  readonly agreement: number;
}

function* fitApart(request: FitRequest, start: FittedLayers): Steps<Attempt> {
  const { chain, calibration, rows } = request;
  const quartic = new Set(start.activations.flatMap(({ degree }, index) => (degree === 4 ? [index] : [])));
  const fits = yield* layerFits(request, start);
  const approximate = fits.some((fit) => !fit.exact);
  if (!approximate) {
    const network = networkOf(chain, layersOf(start));
    const scores = polynomialScores(network, calibration, rows);
    return attemptOf(request, { network, fits, approximate, heldOut: agreementOf(request, scores) });
  }
  const scores = yield* crossValidate(request, (_fold, learnt) =>
    refitLast(layersOf(fitLayers(chain, learnt, quartic)), chain, learnt),
  );
  const network = networkOf(chain, yield* refitLast(layersOf(start), chain, calibration));
  return attemptOf(request, { network, fits, approximate, heldOut: agreementOf(request, scores) });
}

/** @returns undefined for a single activation, of which the last map makes up for most, and where the network is too large */
function* fitAllTogether(request: FitRequest, start: FittedLayers): Steps<Attempt | undefined> {
  const { chain, calibration, rows } = request;
  if (start.activations.length < 2 || start.activations.some(({ degree }) => degree > 2)) return undefined;
  const effort = yield* effortWithin(mostProducts / (1 + folds / 2), chain, rows);
  if (effort === undefined) return undefined;
  const half = { rows: effort.rows >> 1, steps: effort.steps >> 1 };
  const scores = yield* crossValidate(request, (fold, learnt) =>
    fitTogether(request, layersOf(fitLayers(chain, learnt, new Set())), { effort: half, fold, calibration: learnt }),
  );
  const layers = yield* fitTogether(request, layersOf(start), { effort, fold: folds, calibration });
  const activations = start.activations.map((activation, index) => ({
    ...activation,
    layers: layers.slice(index, index + 1),
  }));
  const fits = yield* layerFits(request, { ...start, activations });
  const network = networkOf(chain, layers);
  return attemptOf(request, { network, fits, approximate: true, heldOut: agreementOf(request, scores) });
}

/** Which activations have degree 4 beside the exact ones, one more each time: that which costs the most agreement first. */
function quarticSets({ fits }: FittedNetwork, exact: ReadonlySet<number>): ReadonlySet<number>[] {
  const lost = fits.map(({ agreement, exact }, index) =>
    exact ? -1 : (fits[index - 1]?.agreement.agreement ?? 1) - agreement.agreement,
  );
  const order = [...fits.keys()].filter((index) => fits[index]?.exact === false);
  order.sort((a, b) => (lost[b] ?? 0) - (lost[a] ?? 0));
  return order.map((_, count) => new Set([...exact, ...order.slice(0, count + 1)]));
}

function attemptOf(request: FitRequest, fitted: FittedNetwork): Attempt {
  const known = agreementOf(request, polynomialScores(fitted.network, request.calibration, request.rows));
  return { fitted, agreement: Math.min(fitted.heldOut.agreement, known.agreement) };
}

/** Scores of each row by a network that has not seen it. @param fit makes it of the other rows */
function* crossValidate(
  { chain, calibration, rows }: FitRequest,
  fit: (fold: number, learnt: Float64Array) => Steps<readonly FittedLayer[]>,
): Steps<Float64Array> {
  const { inputs, outputs } = chain;
  const scores = new Float64Array(rows * outputs);
  for (let fold = 0; fold < folds; fold += 1) {
    yield;
    const isHeldOut = (row: number): boolean => row % folds === fold;
    const learnt = calibration.filter((_, index) => !isHeldOut(Math.floor(index / inputs)));
    const held = calibration.filter((_, index) => isHeldOut(Math.floor(index / inputs)));
    const layers = yield* fit(fold, learnt);
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
  const fitted = start.map((layer, index) => {
    const own = quadratics[index];
    return own === undefined ? layer : { ...layer, quadratics: own, polynomials: inPowers(own) };
  });
  return fitted;
}

function* layerFits(request: FitRequest, { activations }: FittedLayers): Steps<LayerFit[]> {
  const fits: LayerFit[] = [];
  let x = request.calibration;
  for (const { name, degree, exact, layers, rest } of activations) {
    yield;
    for (const layer of layers) x = applyPolynomialLayer(layer, x);
    const inputs = layers.at(-1)?.matrix.rows ?? 0;
    const agreement = agreementOf(request, clearScores({ ...request.chain, inputs, layers: rest }, x, request.rows));
    fits.push({ layer: name, degree, exact, agreement });
  }
  return fits;
}

function networkOf({ inputs, outputs }: AffineChain, layers: readonly FittedLayer[]): PolynomialNetwork {
  return { inputs, outputs, layers: layers.map(({ quadratics: _, ...layer }) => layer) };
}

function agreementOf(request: FitRequest, other: Float64Array): Agreement {
  const { scores, rows, task } = request;
  return measureApproximation(task, { clear: scores, other, rows }, request);
}
