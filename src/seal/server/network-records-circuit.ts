import type { Ciphertext } from 'node-seal';
import { zeroSlotDeviation } from '../../core/plan/levels.ts';
import type { NetworkLayerRef } from '../../core/plan/network-plan.ts';
import type { ServerPlanOf } from '../../core/plan/plan.ts';
import { AppError } from '../../core/error.ts';
import { loadCiphertext, saveCompact } from '../ciphertexts.ts';
import type { HeContext } from '../context.ts';
import { callSeal } from '../library.ts';
import { integerCombination, type Term } from './bucket-sums.ts';
import { encryptZero, type Circuit } from './circuit.ts';
import { constantAdder, type AddConstant } from './constant.ts';
import type { EvaluationKeySet } from './evaluation-keys.ts';
import { rerandomize } from './result-noise.ts';

type Plan = ServerPlanOf<'network-records'>;

/** A layer's numbers; each row's entries in the order in which units are wanted. */
interface Layer {
  readonly rows: number;
  readonly rowStart: Float64Array;
  readonly columnIndex: Float64Array;
  readonly values: Float64Array;
  readonly bias: Float64Array;
  readonly shift: Float64Array | undefined;
  /** How many rows want each column. */
  readonly uses: Uint32Array;
}

/**
 * A network with one slot a record: sums by additions alone, one product a hidden unit, no rotations. Units are computed when the next layer
 * first wants one and freed after the last use, so that of a convolution only a band of rows is held at a time.
 */
export function networkRecordsCircuit(
  he: HeContext,
  plan: Plan,
  tensor: (ref: NetworkLayerRef['bias']) => Float64Array,
): Circuit {
  const layers = openLayers(plan, tensor);
  const addConstant = constantAdder(he);
  return {
    inputCiphertexts: plan.inputs,
    evaluate: (ciphertexts, keys) =>
      callSeal('evaluate a network', () => {
        using units = unitStore({ he, plan, layers, addConstant, keys, ciphertexts });
        return Array.from({ length: plan.outputs }, (_, output) => {
          using result = units.sum(layers.length - 1, output) ?? units.constant();
          addConstant(result, layers.at(-1)?.bias[output] ?? 0);
          rerandomize(he, result, {
            keys,
            floodDeviation: plan.floodDeviation,
            zeroDeviation: zeroSlotDeviation(plan),
          });
          return saveCompact(he, result);
        });
      }),
    [Symbol.dispose]: () => {
      addConstant[Symbol.dispose]();
    },
  };
}

interface Evaluation {
  readonly he: HeContext;
  readonly plan: Plan;
  readonly layers: readonly Layer[];
  readonly addConstant: AddConstant;
  readonly keys: EvaluationKeySet;
  readonly ciphertexts: readonly Uint8Array[];
}

/** The values that are alive: layer 0's are the inputs, layer l's what layer l - 1 gives. */
interface UnitStore extends Disposable {
  /** @returns owned: a row's combination of the values before it, without bias; undefined for a row of zeros */
  sum(layer: number, row: number): Ciphertext | undefined;
  /** @returns owned: an encryption of zero at the last level, for an output that depends on nothing */
  constant(): Ciphertext;
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
  const { he, plan, layers } = evaluation;
  const values = layers.map(() => new Map<number, Ciphertext>());
  const units: Units = { evaluation, values, left: layers.map((layer) => layer.uses.slice()) };
  return {
    sum: (level, row) => sumOf(units, level, row),
    constant: () => {
      const zero = encryptZero(he, evaluation.keys, 2 ** plan.logScale);
      for (let level = 1; plan.rescale && level < layers.length; level += 1) {
        he.evaluator.cipherModSwitchToNextInplace(zero);
      }
      return zero;
    },
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
  const ciphertext = loadCiphertext(evaluation.he, evaluation.ciphertexts[index] ?? new Uint8Array(0));
  ciphertext.setScale(2 ** evaluation.plan.logScale);
  return ciphertext;
}

/** (a + bias)(a + bias + shift), a the unit's combination of the layer before. */
function hiddenUnit(units: Units, level: number, row: number): Ciphertext {
  const { evaluation } = units;
  const { he } = evaluation;
  const layer = evaluation.layers[level];
  const a = sumOf(units, level, row);
  if (a === undefined || layer?.shift === undefined) throw new TypeError('a unit without inputs is folded into a bias');
  evaluation.addConstant(a, layer.bias[row] ?? 0);
  const shift = layer.shift[row] ?? 0;
  if (shift === 0) he.evaluator.squareInplace(a);
  else {
    using shifted = a.copy();
    evaluation.addConstant(shifted, shift);
    he.evaluator.multiplyInplace(a, shifted);
  }
  if (evaluation.plan.rescale) relinearizeAndRescale(evaluation, a);
  return a;
}

function relinearizeAndRescale({ he, keys }: Evaluation, ciphertext: Ciphertext): void {
  if (keys.relinearizationKeys === undefined) throw missingKeys();
  he.evaluator.relinearizeInplace(ciphertext, keys.relinearizationKeys);
  he.evaluator.rescaleToNextInplace(ciphertext);
}

function sumOf(units: Units, level: number, row: number): Ciphertext | undefined {
  const layer = units.evaluation.layers[level];
  if (layer === undefined) return undefined;
  const terms: Term[] = [];
  for (let entry = layer.rowStart[row] ?? 0; entry < (layer.rowStart[row + 1] ?? 0); entry += 1) {
    const ciphertext = valueOf(units, level, layer.columnIndex[entry] ?? 0);
    terms.push({ ciphertext, factor: layer.values[entry] ?? 0 });
  }
  const total = integerCombination(units.evaluation.he, terms);
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

/** Each row's entries in the order in which their columns become available, and when the row itself is. */
function orderedByNeed(
  entries: { readonly rowStart: Float64Array; readonly columns: Float64Array; readonly factors: Float64Array },
  wanted: Float64Array,
): { readonly columnIndex: Float64Array; readonly values: Float64Array; readonly next: Float64Array<ArrayBuffer> } {
  const { rowStart, columns, factors } = entries;
  const available = columns.map((column) => wanted[column] ?? 0);
  const [columnIndex, values] = [columns.slice(), factors.slice()];
  const next = new Float64Array(rowStart.length - 1);
  for (let row = 0; row < next.length; row += 1) {
    const [start = 0, end = 0] = [rowStart[row], rowStart[row + 1]];
    const order = Array.from({ length: end - start }, (_, place) => start + place);
    order.sort((a, b) => (available[a] ?? 0) - (available[b] ?? 0));
    columnIndex.set(
      order.map((entry) => columns[entry] ?? 0),
      start,
    );
    values.set(
      order.map((entry) => factors[entry] ?? 0),
      start,
    );
    // A unit can be computed once the last of its inputs is there.
    next[row] = available[order.at(-1) ?? -1] ?? 0;
  }
  return { columnIndex, values, next };
}

function openLayers(plan: Plan, tensor: (ref: NetworkLayerRef['bias']) => Float64Array): Layer[] {
  let wanted = Float64Array.from({ length: plan.inputs }, (_, index) => index);
  return plan.layers.map((ref) => {
    const [rowStart, columns, factors] = [tensor(ref.rowStart), tensor(ref.columnIndex), tensor(ref.values)];
    const uses = new Uint32Array(ref.columns);
    for (const column of columns) uses[column] = (uses[column] ?? 0) + 1;
    const { columnIndex, values, next } = orderedByNeed({ rowStart, columns, factors }, wanted);
    wanted = next;
    return {
      rows: ref.rows,
      rowStart,
      columnIndex,
      values,
      bias: tensor(ref.bias),
      shift: ref.shift === undefined ? undefined : tensor(ref.shift),
      uses,
    };
  });
}
