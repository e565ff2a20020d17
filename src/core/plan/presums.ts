import type { SparseMatrix } from '../model/ir.ts';
import { forEachInRow, rowBuilder } from '../model/sparse.ts';
import { equalColumns } from './pooling.ts';
import { modulo } from './rotations.ts';
import type { SlotMap } from './slot-layers.ts';

/** Inputs that every row weighs alike, added up first: by as many rotations as a pooling window has halvings. */
export interface Presum {
  /** x becomes x + rot(x, step), one step after the other. */
  readonly steps: readonly number[];
  /** The map that is left: of inputs that were added up, the first. */
  readonly input: SlotMap;
  readonly matrix: SparseMatrix;
}

/**
 * Average pooling merged with the layer behind it multiplies each weight into every place of its window. Columns that are equal tell: where
 * all groups of equal columns lie in slots alike, their sums take a rotation a doubling, and the matrix shrinks by the window's size.
 */
export function findPresum(matrix: SparseMatrix, input: SlotMap): Presum {
  const nothing = { steps: [], input, matrix };
  const slotOf = singleSlots(input, matrix.columns);
  if (slotOf === undefined) return nothing;
  const groups = equalColumns(matrix).map((columns) =>
    columns.map((column) => slotOf[column] ?? 0).sort((a, b) => a - b),
  );
  const [first] = groups;
  if (first === undefined || first.length < 2) return nothing;
  const offsets = offsetsOf(first);
  const alike = groups.every((group) => offsetsOf(group).join() === offsets.join());
  const steps = alike ? generators(offsets) : undefined;
  if (steps === undefined) return nothing;
  const kept = new Set(groups.map(([base]) => base));
  const left = input.map((column, slot) => (column >= 0 && kept.has(slot) ? column : -1));
  return { steps, input: left, matrix: keepColumns(matrix, new Set(left)) };
}

/** The one slot of each entry; undefined where an entry stands in several, or in none. */
function singleSlots(input: SlotMap, entries: number): Int32Array | undefined {
  const slots = new Int32Array(entries).fill(-1);
  for (const [slot, entry] of input.entries()) {
    if (entry < 0) continue;
    if (slots[entry] !== -1) return undefined;
    slots[entry] = slot;
  }
  return slots.includes(-1) ? undefined : slots;
}

function offsetsOf(group: readonly number[]): number[] {
  return group.map((slot) => slot - (group[0] ?? 0));
}

/** Steps whose sums are just the offsets, each once. */
function generators(offsets: readonly number[]): number[] | undefined {
  const steps: number[] = [];
  let sums = [0];
  for (const offset of offsets) {
    if (sums.includes(offset)) continue;
    steps.push(offset);
    sums = [...sums, ...sums.map((sum) => sum + offset)];
  }
  const same = sums.sort((a, b) => a - b).join() === [...offsets].sort((a, b) => a - b).join();
  return same ? steps : undefined;
}

function keepColumns(matrix: SparseMatrix, kept: ReadonlySet<number>): SparseMatrix {
  const builder = rowBuilder(matrix.columns);
  for (let row = 0; row < matrix.rows; row += 1) {
    forEachInRow(matrix, row, (column, value) => {
      if (kept.has(column)) builder.add(column, value);
    });
    builder.endRow();
  }
  return builder.finish();
}

/** The clear twin: what the slots hold after the sums. */
export function presumSlots(slots: Float64Array, steps: readonly number[]): Float64Array {
  let sums = slots;
  for (const step of steps) {
    const before = sums;
    sums = before.map((value, slot) => value + (before[modulo(slot + step, before.length)] ?? 0));
  }
  return sums;
}
