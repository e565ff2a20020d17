import type { Ciphertext } from 'node-seal';
import { unitTerms } from '../../core/plan/network-cost.ts';
import type { NetworkLayerRef } from '../../core/plan/network-plan.ts';
import {
  schedule,
  shareOf,
  sharedLayer,
  type LayerEntries,
  type ScheduledLayer,
} from '../../core/plan/network-schedule.ts';
import { chainPrimes } from '../../core/plan/moduli.ts';
import type { ServerPlanOf } from '../../core/plan/plan.ts';
import { AppError } from '../../core/error.ts';
import { addSaved, loadCiphertext, saveCompact, saveWhole } from '../ciphertexts.ts';
import type { HeContext } from '../context.ts';
import { callSeal } from '../library.ts';
import { integerCombination, type Term } from './bucket-sums.ts';
import { encryptZero, evaluateWhole, shareName, type Share, type SplitCircuit } from './circuit.ts';
import { constantAdder, type AddConstant } from './constant.ts';
import type { EvaluationKeySet } from './evaluation-keys.ts';
import { coverRecords } from './result-noise.ts';
import { remembered } from './scalars.ts';

type Plan = ServerPlanOf<'network-records'>;

/** A layer's numbers. */
interface Layer extends LayerEntries {
  readonly bias: Float64Array;
  readonly shift: Float64Array | undefined;
  /** The next layer only adds up what this one gives. */
  readonly summed: boolean;
}

/**
 * A network with one slot a record: sums by additions alone, one product a hidden unit, no rotations. Units are computed when the next layer
 * first wants one and freed after the last use, so that of a convolution only a band of rows is held at a time. Threads that share a block
 * each compute the sums of one layer over some of its columns.
 */
export function networkRecordsCircuit(
  he: HeContext,
  plan: Plan,
  tensor: (ref: NetworkLayerRef['bias']) => Float64Array,
): SplitCircuit {
  const layers = openLayers(plan, tensor);
  const addConstant = constantAdder(he);
  const base = { he, plan, addConstant };
  const costs = unitTerms(plan);
  const shared = new Map<number, number>();
  const sharedOf = (of: number): number => remembered(shared, of, () => sharedLayer(layers, of, costs));
  const shares = new Map<string, readonly EvaluatedLayer[]>();
  const layersOf = (share: Share): readonly EvaluatedLayer[] =>
    remembered(shares, shareName(share), () => evaluated(layers, schedule(shareOf(layers, sharedOf(share.of), share))));
  const circuit: Pick<SplitCircuit, 'partial' | 'finish'> = {
    partial: (share, ciphertexts, keys) =>
      callSeal('evaluate a network', () => {
        const mine = layersOf(share);
        using units = unitStore({ ...base, layers: mine, keys, first: { ciphertexts } });
        return Array.from({ length: rowsOf(mine.at(-1)) }, (_, row) => {
          using sum = units.sum(mine.length - 1, row);
          return sum === undefined ? new Uint8Array(0) : saveWhole(he, sum);
        });
      }),
    finish: (partials, keys) =>
      callSeal('evaluate a network', () => {
        const rest = layers.slice(sharedOf(partials.length));
        using units = unitStore({ ...base, layers: evaluated(rest, schedule(rest)), keys, first: { partials } });
        return Array.from({ length: plan.outputs }, (_, output) => {
          using result = units.sum(rest.length - 1, output) ?? zeroResult(he, plan, keys);
          addConstant(result, rest.at(-1)?.bias[output] ?? 0);
          coverRecords(he, result, { keys, floodDeviation: plan.floodDeviation });
          return saveCompact(he, result);
        });
      }),
  };
  return {
    inputCiphertexts: plan.inputs,
    ...circuit,
    evaluate: (ciphertexts, keys) => evaluateWhole(circuit, ciphertexts, keys),
    prepare: layersOf,
    [Symbol.dispose]: () => {
      addConstant[Symbol.dispose]();
    },
  };
}

/** An encryption of zero at the level and scale of the results, for an output that depends on nothing. @returns owned */
function zeroResult(he: HeContext, plan: Plan, keys: EvaluationKeySet): Ciphertext {
  const primes = chainPrimes(he.parameters);
  let scale = 2 ** plan.logScale;
  const zero = encryptZero(he, keys, scale);
  for (const { shift } of plan.layers) {
    if (shift === undefined) continue;
    scale *= scale;
    if (!plan.rescale) continue;
    scale /= Number(primes[zero.coeffModulusSize() - 1]);
    he.evaluator.cipherModSwitchToNextInplace(zero);
  }
  zero.setScale(scale);
  return zero;
}

type EvaluatedLayer = Layer & ScheduledLayer;

function evaluated(layers: readonly Layer[], scheduled: readonly ScheduledLayer[]): EvaluatedLayer[] {
  return scheduled.map((entries, index) => {
    const { bias, shift, summed } = layers[index] ?? { bias: new Float64Array(0), shift: undefined, summed: false };
    return { ...entries, bias, shift, summed };
  });
}

function rowsOf(layer: LayerEntries | undefined): number {
  return (layer?.rowStart.length ?? 1) - 1;
}

/** What the first layer starts from: a block's inputs, or its own sums as threads found them, by thread and row. */
type First =
  { readonly ciphertexts: readonly Uint8Array[] } | { readonly partials: readonly (readonly Uint8Array[])[] };

interface Evaluation {
  readonly he: HeContext;
  readonly plan: Plan;
  readonly layers: readonly EvaluatedLayer[];
  readonly addConstant: AddConstant;
  readonly keys: EvaluationKeySet;
  readonly first: First;
}

/** The values that are alive: layer 0's are the inputs, layer l's what layer l - 1 gives. */
interface UnitStore extends Disposable {
  /** @returns owned: a row's combination of the values before it, without bias; undefined for a row of zeros */
  sum(layer: number, row: number): Ciphertext | undefined;
}

/** What a store works with. */
interface Units {
  readonly evaluation: Evaluation;
  /** By layer and unit, while anything still wants it. */
  readonly values: readonly Map<number, Ciphertext>[];
  /** How often each is still wanted. */
  readonly left: readonly Uint32Array[];
}

function unitStore(evaluation: Evaluation): UnitStore {
  const { layers } = evaluation;
  const values = layers.map(() => new Map<number, Ciphertext>());
  const units: Units = { evaluation, values, left: layers.map((layer) => layer.uses.slice()) };
  return {
    sum: (level, row) => sumOf(units, level, row),
    [Symbol.dispose]: () => {
      for (const level of values) for (const ciphertext of level.values()) ciphertext.delete();
    },
  };
}

function valueOf(units: Units, level: number, index: number): Ciphertext {
  const known = units.values[level]?.get(index);
  if (known !== undefined) return known;
  const made = level === 0 ? inputOf(units, index) : hiddenUnit(units, level - 1, index);
  units.values[level]?.set(index, made);
  return made;
}

function inputOf({ evaluation }: Units, index: number): Ciphertext {
  const { he, first, plan } = evaluation;
  if (!('ciphertexts' in first)) throw new TypeError('inputs are read before sums are shared');
  const ciphertext = loadCiphertext(he, first.ciphertexts[index] ?? new Uint8Array(0));
  ciphertext.setScale(2 ** plan.logScale);
  return ciphertext;
}

/**
 * a + bias, or (a + bias)(a + bias + shift); a the unit's combination of the layer before. Products that are only added up (pooling.ts) stay
 * of size 3; their sums are relinearized and rescaled.
 */
function hiddenUnit(units: Units, level: number, row: number): Ciphertext {
  const { evaluation } = units;
  const layer = evaluation.layers[level];
  const a = sumOf(units, level, row);
  if (a === undefined) throw new TypeError('a unit without inputs is folded into a bias');
  evaluation.addConstant(a, layer?.bias[row] ?? 0);
  if (layer?.shift !== undefined) multiplyShifted(evaluation, a, layer.shift[row] ?? 0);
  if (evaluation.plan.rescale && layer?.summed !== true) relinearizeAndRescale(evaluation, a);
  return a;
}

/** a (a + shift), in place. */
function multiplyShifted({ he, addConstant }: Evaluation, a: Ciphertext, shift: number): void {
  if (shift === 0) {
    he.evaluator.squareInplace(a);
    return;
  }
  using shifted = a.copy();
  addConstant(shifted, shift);
  he.evaluator.multiplyInplace(a, shifted);
}

function relinearizeAndRescale({ he, keys }: Evaluation, ciphertext: Ciphertext): void {
  if (keys.relinearizationKeys === undefined) throw missingKeys();
  he.evaluator.relinearizeInplace(ciphertext, keys.relinearizationKeys);
  he.evaluator.rescaleToNextInplace(ciphertext);
}

function sumOf(units: Units, level: number, row: number): Ciphertext | undefined {
  const { he, layers, first } = units.evaluation;
  if (level === 0 && 'partials' in first)
    return addSaved(
      he,
      first.partials.map((partial) => partial[row] ?? new Uint8Array(0)),
    );
  const layer = layers[level];
  if (layer === undefined) return undefined;
  const terms: Term[] = [];
  for (let entry = layer.rowStart[row] ?? 0; entry < (layer.rowStart[row + 1] ?? 0); entry += 1) {
    const ciphertext = valueOf(units, level, layer.columnIndex[entry] ?? 0);
    terms.push({ ciphertext, factor: layer.values[entry] ?? 0 });
  }
  const total = integerCombination(he, terms);
  release(units, level, row);
  return total;
}

/** Frees the values that this row was the last to want. */
function release({ evaluation, values, left }: Units, level: number, row: number): void {
  const { rowStart, columnIndex } = evaluation.layers[level] ?? noEntries;
  const counts = left[level] ?? new Uint32Array(0);
  for (const column of columnIndex.subarray(rowStart[row], rowStart[row + 1])) {
    const wanted = (counts[column] ?? 1) - 1;
    counts[column] = wanted;
    if (wanted > 0) continue;
    values[level]?.get(column)?.delete();
    values[level]?.delete(column);
  }
}

const noEntries = { rowStart: new Float64Array(0), columnIndex: new Float64Array(0) };

function missingKeys(): AppError {
  return new AppError(
    'artifact.unreadable',
    'The evaluation keys hold no relinearization keys, which this plan needs.',
    {
      file: 'evaluation keys',
    },
  );
}

function openLayers(plan: Plan, tensor: (ref: NetworkLayerRef['bias']) => Float64Array): Layer[] {
  return plan.layers.map((ref, index, refs) => ({
    columns: ref.columns,
    rowStart: tensor(ref.rowStart),
    columnIndex: tensor(ref.columnIndex),
    values: tensor(ref.values),
    bias: tensor(ref.bias),
    shift: ref.shift === undefined ? undefined : tensor(ref.shift),
    summed: index + 1 < refs.length - 1 && refs[index + 1]?.shift === undefined,
  }));
}
