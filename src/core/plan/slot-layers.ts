import { AppError } from '../error.ts';
import type { SparseMatrix } from '../model/ir.ts';
import { forEachInRow } from '../model/sparse.ts';

/** For each slot the entry of a vector that stands there; -1: zero. */
export type SlotMap = Int32Array;

/** Where the rows of an affine map lie in slots, and how its input is rotated to give them. */
export interface SlotLayer {
  /** By slot modulo its length: sums over slots that are so far apart give a row; -1: none. */
  readonly rowAt: Int32Array;
  /** Rotation steps, in [0, slots), ascending. */
  readonly steps: readonly number[];
}

/** What the client sends: entries with a period, each period rotated further to the left than the one before it. */
export interface InputLayout {
  /** A power of two, at least the number of entries. */
  readonly period: number;
  readonly shift: number;
}

/** @returns the map of a client's ciphertext */
export function inputSlots({ period, shift }: InputLayout, inputs: number, slots: number): SlotMap {
  return Int32Array.from({ length: slots }, (_, slot) => {
    const entry = (slot + shift * Math.floor(slot / period)) % period;
    return entry < inputs ? entry : -1;
  });
}

/**
 * Row r at every slot that is r modulo `fold`: rotations by 0 .. reach - 1 bring each column to one of them, rotate-and-add by fold, 2 fold,
 * … adds them up and leaves the sums in all of them. For dense maps.
 * @param reach how far a row must look: fold, or less where the input is repeated with a shift
 */
export function foldedLayer(rows: number, shape: { readonly fold: number; readonly reach: number }): SlotLayer {
  return {
    rowAt: Int32Array.from({ length: shape.fold }, (_, row) => (row < rows ? row : -1)),
    steps: Array.from({ length: shape.reach }, (_, step) => step),
  };
}

/**
 * The generalized diagonals of a layer: slot s of the diagonal of step d holds the matrix entry that multiplies what slot s of the input
 * rotated by d holds; each entry once for every slot modulo the fold that has its row.
 * @returns by step: slot, value, slot, value, …; steps whose diagonal is empty are left out
 */
export function diagonalsOf(layer: SlotLayer, matrix: SparseMatrix, input: SlotMap): Map<number, number[]> {
  const slots = input.length;
  const diagonals = new Map(layer.steps.map((step): [number, number[]] => [step, []]));
  const pending = new Map<number, number>();
  for (const [group, row] of layer.rowAt.entries()) {
    if (row < 0) continue;
    forEachInRow(matrix, row, (column, value) => pending.set(column, value));
    const places = Array.from({ length: slots / layer.rowAt.length }, (_, turn) => group + turn * layer.rowAt.length);
    for (const [step, diagonal] of diagonals) {
      if (pending.size === 0) break;
      for (const slot of places) takeEntry(diagonal, { slot, column: input[(slot + step) % slots] ?? -1, pending });
    }
    if (pending.size > 0)
      throw new AppError('internal', `Row ${String(row)} of a layer reaches not all of its columns.`);
  }
  for (const [step, diagonal] of diagonals) if (diagonal.length === 0) diagonals.delete(step);
  return diagonals;
}

function takeEntry(
  diagonal: number[],
  at: { readonly slot: number; readonly column: number; readonly pending: Map<number, number> },
): void {
  const value = at.pending.get(at.column);
  if (value === undefined) return;
  diagonal.push(at.slot, value);
  at.pending.delete(at.column);
}
