import { AppError } from '../error.ts';
import type { SparseMatrix } from '../model/ir.ts';
import { findPresum, type Presum } from './presums.ts';
import { chooseWidth, rotationTree, splitStep } from './rotations.ts';
import { scatteredLayer } from './scattered-layer.ts';
import { diagonalsOf, foldedLayer, inputSlots, type InputLayout, type SlotLayer, type SlotMap } from './slot-layers.ts';

/** A layer of the features packing: where its rows lie and which rotations it takes. */
export interface FeaturesLayer extends SlotLayer {
  /**
   * Slots after which the input, the diagonals and the output repeat. Of a plaintext with a period few coefficients are not zero, so that
   * encoding rounds fewer, and folds end at the period.
   */
  readonly period: number;
  /** The layer's map, with columns that are added up ahead in the place of the first of them. */
  readonly matrix: SparseMatrix;
  /** Rotate-and-add ahead of the diagonals. */
  readonly presum: readonly number[];
  /** Width of the baby steps. */
  readonly width: number;
}

export interface FeaturesLayout {
  readonly slots: number;
  readonly input: InputLayout;
  readonly layers: readonly FeaturesLayer[];
}

/** What a layer costs, in operations at its level. */
interface LayerWork {
  readonly products: number;
  readonly rotations: number;
}

/** Maps that are fuller, or whose rows are longer, are taken for dense: looking for a layout of theirs would take long and find none. */
const scatteredMost = { share: 0.4, entries: 320 };

/**
 * Lays out a network's affine maps, each by itself in the cheapest way: convolutions by shared rotation steps, dense maps folded; the last
 * one folded, so that every slot of the result holds a score or zero, never a part of one.
 * @param slots of a ciphertext
 * @returns undefined where a layer is wider than the slots
 */
export function layOut(matrices: readonly SparseMatrix[], slots: number): FeaturesLayout | undefined {
  const [first] = matrices;
  if (first === undefined || matrices.some(({ rows, columns }) => Math.max(rows, columns) > slots)) return undefined;
  const layers: FeaturesLayer[] = [];
  const input = chooseInput(first, { slots, last: matrices.length === 1 });
  let map = inputMap(input, first.columns, slots);
  for (const [index, matrix] of matrices.entries()) {
    const layer = cheapest(matrix, map, { slots, isLast: index === matrices.length - 1 });
    layers.push(layer);
    map = layer.rowAt;
  }
  return { slots, input, layers };
}

/** A rotation costs as much as so many products with a plaintext. */
const rotationProducts = 8;

function costOf(work: LayerWork): number {
  return work.products + work.rotations * rotationProducts;
}

/** The input repeated as it is, or, for a dense map, each time rotated so far that every row meets all of it with the fewest steps. */
function chooseInput(matrix: SparseMatrix, shape: { readonly slots: number; readonly last: boolean }): InputLayout {
  const period = powerAbove(matrix.columns);
  const shift = Math.max(1, (powerAbove(matrix.rows) * period) / shape.slots);
  const layouts = isScattered(matrix) || period === shape.slots ? [0] : [0, shift];
  const [best] = layouts
    .map((turned) => {
      const layout = { period, shift: turned };
      const map = inputMap(layout, matrix.columns, shape.slots);
      return { layout, cost: costOf(workOf(cheapest(matrix, map, { slots: shape.slots, isLast: shape.last }))) };
    })
    .sort((a, b) => a.cost - b.cost);
  return best?.layout ?? { period, shift: 0 };
}

/** The map of what the client sends, as far as it does not repeat. */
function inputMap(layout: InputLayout, inputs: number, slots: number): SlotMap {
  return inputSlots(layout, inputs, layout.shift === 0 ? layout.period : slots);
}

/** @param input repeats after its length */
function cheapest(
  matrix: SparseMatrix,
  input: SlotMap,
  options: { readonly slots: number; readonly isLast: boolean },
): FeaturesLayer {
  const fold = powerAbove(matrix.rows);
  const candidates: FeaturesLayer[] = [];
  const add = (make: (presum: Presum) => SlotLayer | undefined, period: number): void => {
    const presum = findPresum(matrix, repeated(input, period));
    const layer = make(presum);
    if (layer === undefined) return;
    const steps = [...diagonalsOf(layer, presum.matrix, presum.input).keys()];
    const width = chooseWidth(steps, period);
    candidates.push({ ...layer, steps, matrix: presum.matrix, presum: presum.steps, width, period });
  };
  if (!options.isLast) add(scattered, options.slots);
  // A fold takes about as many steps as it is long.
  if (candidates.every(({ steps }) => steps.length > fold / 2))
    add(() => foldedLayer(matrix.rows, { fold, reach: fold }), Math.max(fold, input.length));
  const [best] = candidates.sort((a, b) => costOf(workOf(a)) - costOf(workOf(b)));
  if (best === undefined) throw new AppError('internal', 'A layer has no layout.');
  return best;
}

function scattered({ matrix, input }: Presum): SlotLayer | undefined {
  return isScattered(matrix) ? scatteredLayer(matrix, input) : undefined;
}

function repeated(map: SlotMap, length: number): SlotMap {
  return Int32Array.from({ length }, (_, slot) => map[slot % map.length] ?? -1);
}

function isScattered({ rows, columns, values }: SparseMatrix): boolean {
  return values.length <= rows * Math.min(scatteredMost.entries, scatteredMost.share * columns);
}

/** @returns the operations of a layer whose input comes in one ciphertext */
function workOf(layer: FeaturesLayer): LayerWork {
  const { babies, giants } = scheduleOf(layer, [0]);
  const folds = Math.log2(layer.period / layer.rowAt.length);
  return { products: layer.steps.length, rotations: babies.length + giants.length + folds + layer.presum.length };
}

/** The rotations of a layer's baby and giant steps. */
export function scheduleOf(
  layer: Pick<FeaturesLayer, 'steps' | 'width' | 'period'>,
  sent: readonly number[],
): { readonly babies: ReturnType<typeof rotationTree>; readonly giants: ReturnType<typeof rotationTree> } {
  const babies = new Set<number>();
  const giants = new Set<number>();
  for (const step of layer.steps) {
    const { baby, giant } = splitStep(step, layer);
    babies.add(baby);
    giants.add(giant);
  }
  return {
    babies: rotationTree([...babies], sent, layer.period),
    giants: rotationTree([...giants], [0], layer.period),
  };
}

/** At most so many threads share a layer: each share of giant steps may want keys of its own. */
export const mostShares = 4;

/** How many threads, of those there are, share a layer: a power of two. */
export function sharesOf(threads: number): number {
  return Math.min(mostShares, 2 ** Math.floor(Math.log2(threads)));
}

/**
 * A thread's share of the first layer: consecutive giant steps, as near as possible equally many.
 * @returns steps in [0, slots); none where there are more threads than shares
 */
export function shareOfGiants(
  layer: Pick<FeaturesLayer, 'steps' | 'width' | 'period'>,
  share: { readonly part: number; readonly of: number },
): number[] {
  const giants = [...new Set(layer.steps.map((step) => splitStep(step, layer).giant))].sort((a, b) => a - b);
  const shares = sharesOf(share.of);
  const edge = (part: number) => Math.round((giants.length * Math.min(part, shares)) / shares);
  return giants.slice(edge(share.part), edge(share.part + 1));
}

/** Every rotation step that a layout takes, however many threads share its first layer. */
export function galoisSteps({ layers }: FeaturesLayout, rotations: readonly number[]): number[] {
  const labels = new Set<number>();
  for (const [index, layer] of layers.entries()) {
    const { babies, giants } = scheduleOf(layer, index === 0 ? rotations : [0]);
    for (const { label } of [...babies, ...giants]) labels.add(label);
    for (const step of layer.presum) labels.add(step);
    for (let fold = layer.rowAt.length; fold < layer.period; fold *= 2) labels.add(fold);
  }
  const [first] = layers;
  for (let of = 2; first !== undefined && of <= mostShares; of *= 2) {
    for (let part = 0; part < of; part += 1) {
      const giants = shareOfGiants(first, { part, of });
      for (const { label } of rotationTree(giants, [0], first.period)) labels.add(label);
    }
  }
  return [...labels].sort((a, b) => a - b);
}

/** The smallest power of two that is at least so large. */
function powerAbove(value: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, value)));
}
