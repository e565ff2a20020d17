import type { SparseMatrix } from '../model/ir.ts';
import { forEachInRow } from '../model/sparse.ts';
import { centred, modulo } from './rotations.ts';
import type { SlotLayer, SlotMap } from './slot-layers.ts';

/** What has been laid out so far. */
interface Laid {
  readonly slots: number;
  /** For each column the slots that hold it. */
  readonly places: readonly (readonly number[])[];
  readonly rowAt: Int32Array;
  readonly steps: Set<number>;
}

/**
 * Each row at one slot, chosen so that rows share rotation steps: of a convolution, whatever its strides, padding and channels, one step a
 * kernel tap and pair of channels (Juvekar et al., USENIX Security 2018), with the layout found rather than told. Rows that read the same
 * columns are channels of one place: the first channel is laid out row by row, the others as the first one moved as a whole. No sums over
 * slots follow.
 * @returns undefined where the rows do not fit the slots
 */
export function scatteredLayer(matrix: SparseMatrix, input: SlotMap): SlotLayer | undefined {
  const slots = input.length;
  if (matrix.rows > slots) return undefined;
  const laid: Laid = {
    slots,
    places: placesOf(input, matrix.columns),
    rowAt: new Int32Array(slots).fill(-1),
    steps: new Set(),
  };
  const supports = Array.from({ length: matrix.rows }, (_, row) => columnsOf(matrix, row));
  const [first = new Map<string, number>(), ...others] = channels(supports);
  const votes = new Int32Array(slots);
  for (const row of first.values()) place(laid, { row, slot: bestSlot(laid, supports[row] ?? [], votes) }, supports);
  for (const channel of others) placeChannel(laid, { channel, first, supports });
  return { rowAt: laid.rowAt, steps: [...laid.steps].sort((a, b) => a - b) };
}

function columnsOf(matrix: SparseMatrix, row: number): number[] {
  const columns: number[] = [];
  forEachInRow(matrix, row, (column) => columns.push(column));
  return columns;
}

function placesOf(map: SlotMap, entries: number): number[][] {
  const places = Array.from({ length: entries }, (): number[] => []);
  for (const [slot, entry] of map.entries()) places[entry]?.push(slot);
  return places;
}

/** Rows by the columns that they read: the first row with each set of columns, the second, and so on. */
function channels(supports: readonly (readonly number[])[]): Map<string, number>[] {
  const found: Map<string, number>[] = [];
  const seen = new Map<string, number>();
  for (const [row, columns] of supports.entries()) {
    const key = columns.join();
    const channel = seen.get(key) ?? 0;
    seen.set(key, channel + 1);
    (found[channel] ??= new Map()).set(key, row);
  }
  return found;
}

/** The free slot from which known steps reach most of the columns. */
function bestSlot(laid: Laid, columns: readonly number[], votes: Int32Array): number {
  const { slots, places, rowAt, steps } = laid;
  let best = -1;
  const seen: number[] = [];
  const vote = (slot: number): void => {
    if (rowAt[slot] !== -1) return;
    const count = (votes[slot] ?? 0) + 1;
    if (count === 1) seen.push(slot);
    votes[slot] = count;
    if (best < 0 || count > (votes[best] ?? 0)) best = slot;
  };
  for (const where of columns.flatMap((column) => places[column] ?? []))
    for (const step of steps) vote(where >= step ? where - step : where - step + slots);
  for (const slot of seen) votes[slot] = 0;
  return best >= 0 ? best : freeSlot(laid, columns[0] ?? 0);
}

/** Where a column stands, if nothing stands there yet; else the first free slot. */
function freeSlot({ places, rowAt }: Laid, column: number): number {
  return places[column]?.find((slot) => rowAt[slot] === -1) ?? rowAt.indexOf(-1);
}

function place(
  laid: Laid,
  at: { readonly row: number; readonly slot: number },
  supports: readonly (readonly number[])[],
): void {
  laid.rowAt[at.slot] = at.row;
  for (const column of supports[at.row] ?? []) {
    const reaching = (laid.places[column] ?? []).map((where) => modulo(where - at.slot, laid.slots));
    if (reaching.some((step) => laid.steps.has(step))) continue;
    const size = (step: number) => Math.abs(centred(step, laid.slots));
    const [nearest] = reaching.sort((a, b) => size(a) - size(b));
    if (nearest !== undefined) laid.steps.add(nearest);
  }
}

/** Moves the first channel's slots by what costs the fewest new steps, the shortest way; row by row where no move fits. */
function placeChannel(
  laid: Laid,
  moved: {
    readonly channel: ReadonlyMap<string, number>;
    readonly first: ReadonlyMap<string, number>;
    readonly supports: readonly (readonly number[])[];
  },
): void {
  const { slots } = laid;
  const { channel, first, supports } = moved;
  const slotOf = new Map([...laid.rowAt.entries()].map(([slot, row]) => [row, slot]));
  const rows = [...channel].map(([key, row]) => ({ row, slot: slotOf.get(first.get(key) ?? -1) ?? 0 }));
  const best = bestMove(laid, rows, stepsFrom(laid, rows, supports));
  const votes = new Int32Array(slots);
  for (const { row, slot } of rows) {
    const moving = best === undefined ? bestSlot(laid, supports[row] ?? [], votes) : (slot + best) % slots;
    place(laid, { row, slot: moving }, supports);
  }
}

/** The move to free slots that adds the fewest steps. @param steps by which the rows reach their columns from where they are */
function bestMove(
  laid: Laid,
  rows: readonly { readonly slot: number }[],
  steps: ReadonlySet<number>,
): number | undefined {
  const { slots, rowAt } = laid;
  const known = knownSteps(laid);
  let best: { readonly move: number; readonly fresh: number } | undefined;
  for (let distance = 1; distance <= slots / 2; distance += 1) {
    for (const move of [distance, slots - distance]) {
      let fresh = 0;
      for (const step of steps) if (known[step >= move ? step - move : step - move + slots] === 0) fresh += 1;
      if (best !== undefined && fresh >= best.fresh) continue;
      if (rows.every(({ slot }) => rowAt[(slot + move) % slots] === -1)) best = { move, fresh };
    }
  }
  return best?.move;
}

/** By step: 1 where it, or one that leads to another copy of the same column, is there already. */
function knownSteps(laid: Laid): Uint8Array {
  const known = new Uint8Array(laid.slots);
  const copies = copyOffsets(laid);
  for (const step of laid.steps) for (const copy of copies) known[modulo(step - copy, laid.slots)] = 1;
  return known;
}

/** How far the copies of a column lie apart, where that is the same for all of them. */
function copyOffsets({ places, slots }: Laid): number[] {
  const offsets = places.map((where) => where.map((slot) => modulo(slot - (where[0] ?? 0), slots)));
  const [first = [0]] = offsets;
  return offsets.every((other) => other.join() === first.join()) ? first : [0];
}

/** The steps by which rows at these slots reach their columns. */
function stepsFrom(
  laid: Laid,
  rows: readonly { readonly row: number; readonly slot: number }[],
  supports: readonly (readonly number[])[],
): Set<number> {
  const used = new Set<number>();
  for (const { row, slot } of rows) {
    for (const column of supports[row] ?? []) {
      const known = (laid.places[column] ?? [])
        .map((where) => modulo(where - slot, laid.slots))
        .find((step) => laid.steps.has(step));
      if (known !== undefined) used.add(known);
    }
  }
  return used;
}
