import type { Ciphertext } from 'node-seal';
import { zeroSlotDeviation } from '../../core/plan/levels.ts';
import type { NetworkLayerRef } from '../../core/plan/network-plan.ts';
import type { ServerPlanOf } from '../../core/plan/plan.ts';
import { AppError } from '../../core/error.ts';
import { loadCiphertext, saveCompressed } from '../ciphertexts.ts';
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
          rerandomize(he, result, { keys, floodDeviation: plan.floodDeviation, zeroDeviation: zeroSlotDeviation(plan) });
          return saveCompressed(he, result);
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

function unitStore(evaluation: Evaluation): UnitStore {
  const { he, plan, layers } = evaluation;
  const values = layers.map(() => new Map<number, Ciphertext>());
  const left = layers.map((layer) => layer.uses.slice());
  const valueOf = (level: number, index: number): Ciphertext => {
    const known = values[level]?.get(index);
    if (known !== undefined) return known;
    const made = level === 0 ? input(index) : hidden(level - 1, index);
    values[level]?.set(index, made);
    return made;
  };
  const input = (index: number): Ciphertext => {
    const ciphertext = loadCiphertext(he, evaluation.ciphertexts[index] ?? new Uint8Array(0));
    ciphertext.setScale(2 ** plan.logScale);
    return ciphertext;
  };
  const hidden = (level: number, row: number): Ciphertext => {
    const layer = layers[level];
    const a = sum(level, row);
    if (a === undefined || layer?.shift === undefined) throw new TypeError('a unit without inputs is folded into a bias');
    using unwind = new DisposableStack();
    evaluation.addConstant(a, layer.bias[row] ?? 0);
    const shift = layer.shift[row] ?? 0;
    if (shift === 0) he.evaluator.squareInplace(a);
    else {
      const shifted = unwind.use(a.copy());
      evaluation.addConstant(shifted, shift);
      he.evaluator.multiplyInplace(a, shifted);
    }
    if (plan.rescale) {
      if (evaluation.keys.relinearizationKeys === undefined) throw missingKeys();
      he.evaluator.relinearizeInplace(a, evaluation.keys.relinearizationKeys);
      he.evaluator.rescaleToNextInplace(a);
    }
    return a;
  };
  const sum = (level: number, row: number): Ciphertext | undefined => {
    const layer = layers[level];
    if (layer === undefined) return undefined;
    const terms: Term[] = [];
    for (let entry = layer.rowStart[row] ?? 0; entry < (layer.rowStart[row + 1] ?? 0); entry += 1) {
      terms.push({ ciphertext: valueOf(level, layer.columnIndex[entry] ?? 0), factor: layer.values[entry] ?? 0 });
    }
    const total = integerCombination(he, terms);
    release(level, row);
    return total;
  };
  const release = (level: number, row: number): void => {
    const layer = layers[level];
    const counts = left[level];
    if (layer === undefined || counts === undefined) return;
    for (let entry = layer.rowStart[row] ?? 0; entry < (layer.rowStart[row + 1] ?? 0); entry += 1) {
      const column = layer.columnIndex[entry] ?? 0;
      counts[column] = (counts[column] ?? 1) - 1;
      if (counts[column] > 0) continue;
      values[level]?.get(column)?.delete();
      values[level]?.delete(column);
    }
  };
  return {
    sum,
    constant: () => {
      const zero = encryptZero(he, evaluation.keys, 2 ** plan.logScale);
      for (const layer of layers.slice(1)) {
        if (plan.rescale) he.evaluator.cipherModSwitchToNextInplace(zero);
        void layer;
      }
      return zero;
    },
    [Symbol.dispose]: () => {
      for (const level of values) for (const ciphertext of level.values()) ciphertext.delete();
    },
  };
}

function missingKeys(): AppError {
  return new AppError('artifact.unreadable', 'The evaluation keys hold no relinearization keys, which this plan needs.', {
    file: 'evaluation keys',
  });
}

function openLayers(plan: Plan, tensor: (ref: NetworkLayerRef['bias']) => Float64Array): Layer[] {
  let wanted = Float64Array.from({ length: plan.inputs }, (_, index) => index);
  return plan.layers.map((ref) => {
    const [rowStart, columns, factors] = [tensor(ref.rowStart), tensor(ref.columnIndex), tensor(ref.values)];
    const uses = new Uint32Array(ref.columns);
    for (const column of columns) uses[column] = (uses[column] ?? 0) + 1;
    const [columnIndex, values] = [columns.slice(), factors.slice()];
    const next = new Float64Array(ref.rows);
    for (let row = 0; row < ref.rows; row += 1) {
      const [start, end] = [rowStart[row] ?? 0, rowStart[row + 1] ?? 0];
      const order = Array.from({ length: end - start }, (_, place) => start + place);
      order.sort((a, b) => (wanted[columns[a] ?? 0] ?? 0) - (wanted[columns[b] ?? 0] ?? 0));
      for (const [place, entry] of order.entries()) {
        columnIndex[start + place] = columns[entry] ?? 0;
        values[start + place] = factors[entry] ?? 0;
      }
      // A unit can be computed once the last of its inputs is there.
      next[row] = order.length === 0 ? 0 : (wanted[columns[order.at(-1) ?? 0] ?? 0] ?? 0);
    }
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
