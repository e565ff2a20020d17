/**
 * Canaries: synthetic records with known answers at secret slots, drawn afresh in each block, so that an altered, swapped, replayed or
 * foreign result shows. The draw is derived from a secret of the key set and the query's identity: whoever holds the key set can repeat it,
 * nobody else can (docs/adr).
 */

/**
 * Where a query is one record there is no room for canaries beside it: some queries of a job are canaries instead, and look like the others.
 * One of the first two is, of the later ones each with a secret chance of one in {@link canaryQueryEvery}. That promises less: a single
 * altered result between canaries goes unseen.
 */
const canaryQueryEvery = 16;

/**
 * @param drawOf uniform words of a query; without an index of the job as a whole; the same at each call
 * @returns whether the query is a canary
 */
export function isCanaryQuery(index: number, drawOf: (index?: number) => RandomWords): boolean {
  return index < 2 ? below(2, drawOf()) === index : below(canaryQueryEvery, drawOf(index)) === 0;
}

/** Places of a job's records among its queries, in order: how many records each query takes, 0 for a canary query. */
export function* querySizes(
  records: number,
  options: { readonly capacity: number; readonly isCanary: (index: number) => boolean },
): Generator<number> {
  let left = records;
  let canaries = 0;
  for (let index = 0; left > 0 || (index < 2 && canaries === 0 && options.isCanary(index)); index += 1) {
    if (options.isCanary(index)) {
      canaries += 1;
      yield 0;
      continue;
    }
    yield Math.min(left, options.capacity);
    left -= options.capacity;
  }
}

/** How many queries a job of so many records most likely has, where each holds one record or is a canary ({@link isCanaryQuery}). */
export function likelyQueries(records: number): number {
  return records + 1 + Math.round((records - 1) / (canaryQueryEvery - 1));
}

/** Uniform 32-bit numbers. */
export type RandomWords = () => number;

/** What a slot of a block holds: a record of the query, a canary of the pool, or nothing. */
export type Slot =
  | { readonly kind: 'record'; readonly record: number }
  | { readonly kind: 'canary'; readonly canary: number }
  | { readonly kind: 'empty' };

export interface BlockShape {
  readonly blockRecords: number;
  readonly canariesPerBlock: number;
  /** First record of the query that lies in this block, and how many do. */
  readonly firstRecord: number;
  readonly records: number;
  readonly poolSize: number;
}

/** Records and canaries at uniformly random slots; free slots take up to as many canaries again. */
export function drawBlock(shape: BlockShape, random: RandomWords): Slot[] {
  const order = shuffled(shape.blockRecords, random);
  const free = shape.blockRecords - shape.records - shape.canariesPerBlock;
  const canaries = shape.canariesPerBlock + Math.min(Math.max(free, 0), shape.canariesPerBlock);
  const slots = new Array<Slot>(shape.blockRecords).fill({ kind: 'empty' });
  for (const [place, slot] of order.entries()) {
    if (place < canaries) slots[slot] = { kind: 'canary', canary: below(shape.poolSize, random) };
    else if (place < canaries + shape.records)
      slots[slot] = { kind: 'record', record: shape.firstRecord + place - canaries };
  }
  return slots;
}

/** Splits a query's records over its blocks. */
export function blockShapes(
  plan: { readonly blockRecords: number; readonly canariesPerBlock: number },
  records: number,
  poolSize: number,
): BlockShape[] {
  const capacity = plan.blockRecords - plan.canariesPerBlock;
  return Array.from({ length: Math.ceil(records / capacity) }, (_, block) => ({
    blockRecords: plan.blockRecords,
    canariesPerBlock: plan.canariesPerBlock,
    firstRecord: block * capacity,
    records: Math.min(capacity, records - block * capacity),
    poolSize,
  }));
}

/** A uniform permutation of 0 .. count - 1 (Fisher-Yates). */
function shuffled(count: number, random: RandomWords): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last -= 1) {
    const other = below(last + 1, random);
    const kept = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = kept;
  }
  return order;
}

/** Uniform in [0, limit), by rejection. */
export function below(limit: number, random: RandomWords): number {
  const fair = 2 ** 32 - (2 ** 32 % limit);
  for (;;) {
    const word = random();
    if (word < fair) return word % limit;
  }
}
