/**
 * Which units of a network a thread computes, and in which order. Threads share a block by columns of one layer: each computes the units in
 * its columns, with all that these want, and the sums of the layer's rows over them; the sums of the threads, added up, are the layer's.
 */

/** A layer's rows, in compressed form; entries not zero. */
export interface LayerEntries {
  readonly columns: number;
  readonly rowStart: Float64Array;
  readonly columnIndex: Float64Array;
  readonly values: Float64Array;
}

/** A layer as it is evaluated: each row's entries in the order in which their columns become available. */
export interface ScheduledLayer extends LayerEntries {
  /** How many rows want each column. */
  readonly uses: Uint32Array;
}

/** Layers in the order in which they are evaluated. */
export function schedule(layers: readonly LayerEntries[]): ScheduledLayer[] {
  let available = Float64Array.from({ length: layers[0]?.columns ?? 0 }, (_, index) => index);
  return layers.map((layer) => {
    const uses = new Uint32Array(layer.columns);
    for (const column of layer.columnIndex) uses[column] = (uses[column] ?? 0) + 1;
    const { columnIndex, values, next } = orderedByNeed(layer, available);
    available = next;
    return { ...layer, columnIndex, values, uses };
  });
}

/** Each row's entries in the order in which their columns become available, and when the row itself is. */
function orderedByNeed(
  { rowStart, columnIndex: columns, values: factors }: LayerEntries,
  wanted: Float64Array,
): { readonly columnIndex: Float64Array; readonly values: Float64Array; readonly next: Float64Array<ArrayBuffer> } {
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

/**
 * The layer, after the first, whose columns threads share best: units before it are spread, those of a convolution's borders computed by
 * both neighbours; what comes behind is left to one thread.
 * @param unitTerms what a unit of each layer costs beside its terms, in terms
 */
export function sharedLayer(layers: readonly LayerEntries[], of: number, unitTerms: readonly number[]): number {
  const whole = layers.map((layer, index) => costOf(layer, unitTerms[index] ?? 0));
  let best = { layer: layers.length - 1, cost: Infinity };
  for (let layer = 1; layer < layers.length; layer += 1) {
    const shares = Array.from({ length: of }, (_, part) =>
      shareOf(layers, layer, { part, of }).reduce(
        (sum, share, index) => sum + costOf(share, index === layer ? 0 : (unitTerms[index] ?? 0)),
        0,
      ),
    );
    const terms = layers[layer]?.values.length ?? 0;
    const behind = whole.slice(layer).reduce((sum, cost) => sum + cost, 0) - terms;
    const cost = Math.max(...shares) + behind;
    if (cost < best.cost) best = { layer, cost };
  }
  return best.layer;
}

/** Of the units that are computed. */
function costOf({ rowStart, values }: LayerEntries, unitTerms: number): number {
  return values.length + countUsedRows(rowStart) * unitTerms;
}

function countUsedRows(rowStart: Float64Array): number {
  let used = 0;
  for (let row = 0; row + 1 < rowStart.length; row += 1) used += Number(rowStart[row] !== rowStart[row + 1]);
  return used;
}

/** The layers up to the shared one, without whatever other parts compute. */
export function shareOf(
  layers: readonly LayerEntries[],
  shared: number,
  { part, of }: { readonly part: number; readonly of: number },
): LayerEntries[] {
  const columns = orderedColumns(layers, shared);
  const mine = columns.slice(Math.round((part * columns.length) / of), Math.round(((part + 1) * columns.length) / of));
  const last = layers[shared];
  if (last === undefined) throw new RangeError(`there is no layer ${String(shared)}`);
  let wanted = maskOf(mine, last.columns);
  const share = [keepEntries(last, (_row, column) => wanted[column] === 1)];
  for (const layer of layers.slice(0, shared).toReversed()) {
    const rows = wanted;
    const kept = keepEntries(layer, (row) => rows[row] === 1);
    share.unshift(kept);
    wanted = maskOf(kept.columnIndex, layer.columns);
  }
  return share;
}

function maskOf(indices: Iterable<number>, length: number): Uint8Array {
  const mask = new Uint8Array(length);
  for (const index of indices) mask[index] = 1;
  return mask;
}

/** The columns that a layer has entries in, neighbours in the network's input beside each other. */
function orderedColumns(layers: readonly LayerEntries[], layer: number): number[] {
  let position = Float64Array.from({ length: layers[0]?.columns ?? 0 }, (_, index) => index);
  for (const entries of layers.slice(0, layer)) position = meanPositions(entries, position);
  const used = [...new Set(layers[layer]?.columnIndex)];
  return used.sort((a, b) => (position[a] ?? 0) - (position[b] ?? 0) || a - b);
}

/** Of each row: where its entries lie on average. */
function meanPositions({ rowStart, columnIndex }: LayerEntries, position: Float64Array): Float64Array<ArrayBuffer> {
  const means = new Float64Array(rowStart.length - 1);
  for (let row = 0; row < means.length; row += 1) {
    const [start = 0, end = 0] = [rowStart[row], rowStart[row + 1]];
    for (const column of columnIndex.subarray(start, end))
      means[row] = (means[row] ?? 0) + (position[column] ?? 0) / (end - start);
  }
  return means;
}

function keepEntries(layer: LayerEntries, isKept: (row: number, column: number) => boolean): LayerEntries {
  const { columns, rowStart, columnIndex, values } = layer;
  const kept = { rowStart: rowStart.slice(), columnIndex: columnIndex.slice(), values: values.slice() };
  let length = 0;
  for (let row = 0; row + 1 < rowStart.length; row += 1) {
    kept.rowStart[row] = length;
    for (let entry = rowStart[row] ?? 0; entry < (rowStart[row + 1] ?? 0); entry += 1) {
      const column = columnIndex[entry] ?? 0;
      if (!isKept(row, column)) continue;
      kept.columnIndex[length] = column;
      kept.values[length] = values[entry] ?? 0;
      length += 1;
    }
  }
  kept.rowStart[rowStart.length - 1] = length;
  return {
    columns,
    rowStart: kept.rowStart,
    columnIndex: kept.columnIndex.slice(0, length),
    values: kept.values.slice(0, length),
  };
}

/**
 * How much is held at once while the last layer's rows are summed one after another: inputs are read when first wanted, units computed when
 * first wanted, both freed after their last use.
 * @param sizes of a value that each layer reads, in any unit. @returns in the same unit
 */
export function mostHeld(layers: readonly ScheduledLayer[], sizes: readonly number[]): number {
  const held = layers.map(({ columns }) => new Uint8Array(columns));
  const left = layers.map(({ uses }) => uses.slice());
  let [now, most] = [0, 0];
  const read = (level: number, column: number): void => {
    const here = held[level];
    if (here === undefined || here[column] === 1) return;
    if (level > 0) sum(level - 1, column);
    here[column] = 1;
    now += sizes[level] ?? 0;
    most = Math.max(most, now);
  };
  const sum = (level: number, row: number): void => {
    const { rowStart, columnIndex } = layers[level] ?? noEntries;
    const columns = columnIndex.subarray(rowStart[row], rowStart[row + 1]);
    for (const column of columns) read(level, column);
    for (const column of columns) {
      const wanted = (left[level]?.[column] ?? 1) - 1;
      left[level]?.fill(wanted, column, column + 1);
      if (wanted > 0) continue;
      held[level]?.fill(0, column, column + 1);
      now -= sizes[level] ?? 0;
    }
  };
  const last = layers.length - 1;
  for (let row = 0; row + 1 < (layers[last]?.rowStart.length ?? 0); row += 1) sum(last, row);
  return most;
}

const noEntries = { rowStart: new Float64Array(0), columnIndex: new Float64Array(0) };
