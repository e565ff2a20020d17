import type { CKKSEncoder, Ciphertext, Plaintext } from 'node-seal';
import { AppError } from '../../core/error.ts';
import { shareOfGiants } from '../../core/plan/features-layers.ts';
import { scaleTrack } from '../../core/plan/features-levels.ts';
import type { TensorRef } from '../../core/plan/network-plan.ts';
import type { ServerPlanOf } from '../../core/plan/plan.ts';
import { diagonalsOf, inputSlots, type SlotMap } from '../../core/plan/slot-layers.ts';
import { addSaved, loadCiphertext, saveCompact, saveWhole } from '../ciphertexts.ts';
import type { HeContext } from '../context.ts';
import { callSeal } from '../library.ts';
import { encryptZero, evaluateWhole, type SplitCircuit } from './circuit.ts';
import {
  babySteps,
  encodeGiants,
  encodeSlots,
  giantSum,
  rotateAndAdd,
  type GiantDiagonals,
  type Place,
  type Rotations,
} from './diagonal-sums.ts';
import type { EvaluationKeySet } from './evaluation-keys.ts';
import { coverLoneRecord, zeroLike } from './result-noise.ts';

type Plan = ServerPlanOf<'network-features'>;

/** A layer as the plan has it, before anything is encoded. */
interface Layer {
  readonly rotations: Rotations;
  readonly presum: readonly number[];
  readonly folds: readonly number[];
  readonly diagonals: ReadonlyMap<number, readonly number[]>;
  /** By slot, as far as they do not repeat. */
  readonly bias: Float64Array;
  readonly shift: Float64Array | undefined;
  /** Of its weights. */
  readonly weights: Place;
  /** Of its sums, when they are added up. */
  readonly sums: Place;
  /** The scale of its products. */
  readonly product: number;
  readonly early: boolean;
}

/** What a layer adds to its sums. */
interface EncodedOffsets {
  readonly bias: Plaintext;
  readonly shift: Plaintext | undefined;
}

/**
 * A network on one record in one ciphertext: each affine map by generalized diagonals, baby and giant steps, then rotate-and-add; each
 * activation one product a (a + shift), relinearized and rescaled by one prime.
 * Threads share the first layer's giant steps; the rest is one thread's.
 */
export function featuresCircuit(he: HeContext, plan: Plan, tensor: (ref: TensorRef) => Float64Array): SplitCircuit {
  const owned = new DisposableStack();
  const encoder = owned.use(new he.seal.CKKSEncoder(he.context));
  const layers = openLayers(he, plan, { tensor, encoder });
  const store = encodedLayers(he, layers, owned);
  const first = layers[0];
  if (first === undefined) throw new AppError('artifact.unreadable', 'A network has at least one layer.');
  const circuit: Pick<SplitCircuit, 'partial' | 'finish'> = {
    partial: (share, ciphertexts, keys) =>
      callSeal('evaluate the first layer', () => {
        const giants = store.giants(0, shareOfGiants(first.rotations, share));
        return firstSums(he, { plan, layer: first, giants, keys }, ciphertexts);
      }),
    finish: (partials, keys) =>
      callSeal('evaluate a network', () => {
        using sum = addUp(he, partials.flat(), { keys, scale: first.product });
        using result = restOf(he, { layers, store, keys }, sum);
        coverLoneRecord(he, result, { keys, floodDeviation: plan.floodDeviation, outputs: plan.outputs });
        return [saveCompact(he, result)];
      }),
  };
  return {
    inputCiphertexts: plan.rotations.length,
    ...circuit,
    evaluate: (ciphertexts, keys) => evaluateWhole(circuit, ciphertexts, keys),
    prepare: (share) => {
      store.giants(0, shareOfGiants(first.rotations, share));
      if (share.part > 0) return;
      for (const index of layers.keys()) {
        store.offsets(index);
        if (index > 0) store.giants(index);
      }
    },
    [Symbol.dispose]: () => {
      owned.dispose();
    },
  };
}

/** A share of the first layer's sums, before folds. */
function firstSums(
  he: HeContext,
  work: {
    readonly plan: Plan;
    readonly layer: Layer;
    readonly giants: ReadonlyMap<number, GiantDiagonals>;
    readonly keys: EvaluationKeySet;
  },
  ciphertexts: readonly Uint8Array[],
): Uint8Array[] {
  const { plan, layer, giants, keys } = work;
  if (giants.size === 0) return [];
  using owner = new DisposableStack();
  const given = openRotated(he, plan, { ciphertexts, owner });
  const babies = babySteps(he, given, { rotations: layer.rotations, keys, owner });
  const sum = giantSum(he, babies, { giants, period: layer.rotations.period, keys });
  return sum === undefined ? [] : [saveWhole(he, owner.use(sum))];
}

/** From the first layer's sums, borrowed, to the last layer's. @returns owned */
function restOf(
  he: HeContext,
  work: { readonly layers: readonly Layer[]; readonly store: EncodedLayers; readonly keys: EvaluationKeySet },
  first: Ciphertext,
): Ciphertext {
  const { layers, store, keys } = work;
  let sum = first.copy();
  for (const [index, layer] of layers.entries()) {
    if (index > 0) {
      using x = sum;
      sum = nextSums(he, x, { layer, giants: store.giants(index), keys });
    }
    if (layer.early) he.evaluator.rescaleToNextInplace(sum);
    rotateAndAdd(he, sum, { steps: layer.folds, keys });
    const { bias, shift } = store.offsets(index);
    he.evaluator.addPlainInplace(sum, bias);
    if (shift !== undefined) activate(he, sum, { shift, keys });
  }
  return sum;
}

function openLayers(
  he: HeContext,
  plan: Plan,
  source: { readonly tensor: (ref: TensorRef) => Float64Array; readonly encoder: CKKSEncoder },
): Layer[] {
  const { tensor, encoder } = source;
  const track = scaleTrack(he.parameters, plan).layers;
  let input: SlotMap = inputSlots(plan.input, plan.inputs, encoder.slotCount());
  return plan.layers.map((layer, index) => {
    const at = track[index];
    if (at === undefined) throw new RangeError('a layer without a scale');
    const rowAt = Int32Array.from(tensor(layer.rowAt));
    const { width, period } = layer;
    const rotations = { steps: Array.from(tensor(layer.steps)), width, period };
    const matrix = {
      rows: layer.rows,
      columns: layer.columns,
      rowStart: Uint32Array.from(tensor(layer.rowStart)),
      columnIndex: Uint32Array.from(tensor(layer.columnIndex)),
      values: tensor(layer.values),
    };
    const diagonals = diagonalsOf({ rowAt, steps: rotations.steps }, matrix, repeated(input, period));
    const weights = { encoder, level: at.level, scale: 2 ** layer.logWeightScale };
    const sums = { encoder, ...at.sums };
    input = rowAt;
    const bySlot = (values: Float64Array) => Float64Array.from(rowAt, (row) => (row < 0 ? 0 : (values[row] ?? 0)));
    return {
      rotations,
      presum: layer.presum,
      folds: foldSteps(rowAt.length, period),
      diagonals,
      bias: bySlot(tensor(layer.bias)),
      shift: layer.shift === undefined ? undefined : bySlot(tensor(layer.shift)),
      weights,
      sums,
      product: at.product,
      early: layer.early,
    };
  });
}

function repeated(map: SlotMap, length: number): SlotMap {
  return Int32Array.from({ length }, (_, slot) => map[slot % map.length] ?? -1);
}

function foldSteps(fold: number, period: number): number[] {
  const steps: number[] = [];
  for (let step = fold; step < period; step *= 2) steps.push(step);
  return steps;
}

/** Plaintexts, each encoded when it is first wanted. */
interface EncodedLayers {
  /** @param wanted giant steps; default: all of the layer's */
  giants(index: number, wanted?: readonly number[]): ReadonlyMap<number, GiantDiagonals>;
  offsets(index: number): EncodedOffsets;
}

function encodedLayers(he: HeContext, layers: readonly Layer[], owned: DisposableStack): EncodedLayers {
  const giants = layers.map(() => new Map<number, GiantDiagonals>());
  const offsets: (EncodedOffsets | undefined)[] = [];
  const layerAt = (index: number): Layer => {
    const layer = layers[index];
    if (layer === undefined) throw new RangeError(`there is no layer ${String(index)}`);
    return layer;
  };
  return {
    giants: (index, wanted) => {
      const { rotations, diagonals, weights } = layerAt(index);
      const all = wanted ?? shareOfGiants(rotations, { part: 0, of: 1 });
      const known = giants[index] ?? new Map<number, GiantDiagonals>();
      const missing = all.filter((giant) => !known.has(giant));
      for (const [giant, encoded] of encodeGiants(he, { diagonals, rotations, place: weights }, missing)) {
        for (const plaintext of encoded.values()) owned.use(plaintext);
        known.set(giant, encoded);
      }
      return new Map(all.map((giant) => [giant, known.get(giant) ?? new Map<number, Plaintext>()]));
    },
    offsets: (index) => {
      const { bias, shift, sums } = layerAt(index);
      const encode = (values: Float64Array) => owned.use(encodeSlots(he, values, sums));
      return (offsets[index] ??= { bias: encode(bias), shift: shift === undefined ? undefined : encode(shift) });
    },
  };
}

/** The record as it was sent, by rotation. */
function openRotated(
  he: HeContext,
  plan: Plan,
  source: { readonly ciphertexts: readonly Uint8Array[]; readonly owner: DisposableStack },
): Map<number, Ciphertext> {
  return new Map(
    plan.rotations.map((rotation, index) => {
      const ciphertext = source.owner.use(loadCiphertext(he, source.ciphertexts[index] ?? new Uint8Array(0)));
      ciphertext.setScale(2 ** plan.logScale);
      return [rotation, ciphertext];
    }),
  );
}

/** @returns owned; an encryption of zero where the first layer has no weights: its units are then constant */
function addUp(
  he: HeContext,
  parts: readonly Uint8Array[],
  { keys, scale }: { readonly keys: EvaluationKeySet; readonly scale: number },
): Ciphertext {
  const sum = addSaved(he, parts) ?? encryptZero(he, keys, scale);
  sum.setScale(scale);
  return sum;
}

/** A later layer's sums before its folds. @param x borrowed; changed. @returns owned; an encryption of zero where it has no weights */
function nextSums(
  he: HeContext,
  x: Ciphertext,
  options: {
    readonly layer: Layer;
    readonly giants: ReadonlyMap<number, GiantDiagonals>;
    readonly keys: EvaluationKeySet;
  },
): Ciphertext {
  const { layer, giants, keys } = options;
  using owner = new DisposableStack();
  rotateAndAdd(he, x, { steps: layer.presum, keys });
  const babies = babySteps(he, new Map([[0, x]]), { rotations: layer.rotations, keys, owner });
  const sum = giantSum(he, babies, { giants, period: layer.rotations.period, keys });
  if (sum !== undefined) return sum;
  const zero = zeroLike(he, x, keys);
  zero.setScale(layer.product);
  return zero;
}

/** a (a + shift) in place of a; one level lower. */
function activate(
  he: HeContext,
  a: Ciphertext,
  { shift, keys }: { readonly shift: Plaintext; readonly keys: EvaluationKeySet },
): void {
  if (keys.relinearizationKeys === undefined)
    throw new AppError('artifact.unreadable', 'The evaluation keys have no relinearization keys.');
  if (shift.isZero()) he.evaluator.squareInplace(a);
  else {
    using shifted = a.copy();
    he.evaluator.addPlainInplace(shifted, shift);
    he.evaluator.multiplyInplace(a, shifted);
  }
  he.evaluator.relinearizeInplace(a, keys.relinearizationKeys);
  he.evaluator.rescaleToNextInplace(a);
}
