import type { BitsLayout } from './bits-layout.ts';
import { productRounds } from './bits-levels.ts';
import { evaluatorMemory } from './memory.ts';
import type { ParameterSet } from './parameters.ts';

/** How sums of turned vectors are split into baby steps and giant steps. */
export interface BitsSteps {
  /** Copies of each source that the client sends. */
  readonly copies: number;
  /** Strides; a power of two, at least `copies`. */
  readonly babySteps: number;
  /** Slots; a power of two. */
  readonly windowSteps: number;
}

/** What a layout costs, whatever the steps. */
export interface LayoutWork {
  readonly layout: BitsLayout;
  readonly sources: number;
  readonly outputs: number;
  /** Products of the selection. */
  readonly selections: number;
  /** The largest turn of each group, in strides. */
  readonly lastTurns: readonly number[];
  /** Products of the literals. */
  readonly readings: number;
  /** The largest shift of each group's each literal. */
  readonly lastShifts: readonly number[];
}

/** Counts what a layout costs. */
export function layoutWork(
  layout: BitsLayout,
  { sources, outputs }: { readonly sources: number; readonly outputs: number },
): LayoutWork {
  const lastTurns = new Array<number>(layout.groups).fill(0);
  const selections = new Set<string>();
  for (const { group, ciphertext, turn } of layout.nodes) {
    lastTurns[group] = Math.max(lastTurns[group] ?? 0, turn);
    selections.add([group, ciphertext, turn].join('/'));
  }
  const lastShifts = new Array<number>(layout.groups * layout.literals).fill(0);
  const readings = new Set<string>();
  for (const { group, literal, shift } of layout.reads) {
    const index = group * layout.literals + literal;
    lastShifts[index] = Math.max(lastShifts[index] ?? 0, shift);
    readings.add([index, shift].join('/'));
  }
  const counted = { selections: selections.size, readings: readings.size };
  return { layout, sources, outputs, lastTurns, lastShifts, ...counted };
}

/** Milliseconds at N = 8192 for each prime of the modulus (node-seal 7, one thread of a 2.x GHz server core). */
const costMs = { load: 0.25, product: 0.12, multiply: 0.25, rescale: 0.29, zero: 0.6 };

/** A key switch grows faster than with the primes: each of them is switched under all. */
function switchMs(primes: number): number {
  return 0.86 * primes + 0.12 * primes * primes;
}

/** The threads that a block is expected to be spread over; fixed, so that plans do not depend on the machine. */
const threads = 2;

/** Predicted seconds of the server for a record. @param ring primes: of the modulus that bits are encrypted under */
export function bitsSeconds(
  work: LayoutWork,
  steps: BitsSteps,
  { degree, primes }: { readonly degree: number; readonly primes: number },
): number {
  const size = (degree / 8192) ** 1.07;
  return ((shareMs(work, steps, primes) + finishMs(work, steps, primes)) * size) / 1000;
}

function shareMs(work: LayoutWork, steps: BitsSteps, primes: number): number {
  const giants = work.lastTurns.reduce((sum, turn) => sum + Math.floor(turn / steps.babySteps), 0);
  // Each thread needs all baby steps; giants and products are shared, and a share's sum is turned into its place.
  return (
    work.sources * steps.copies * costMs.load * primes +
    babyTurns(work, steps) * switchMs(primes) +
    (giants / threads + work.layout.groups) * switchMs(primes) +
    (work.selections * costMs.product * primes) / threads
  );
}

/** Key switches of the sources. */
export function babyTurns(work: LayoutWork, { babySteps, copies }: BitsSteps): number {
  const turns = Math.min(babySteps, Math.max(0, ...work.lastTurns) + 1);
  return work.sources * Math.max(0, turns - copies);
}

/** Key switches that one node vector goes through. */
export function nodeTurns(work: LayoutWork, { babySteps, windowSteps }: BitsSteps): number {
  return (
    Math.floor(Math.max(0, ...work.lastTurns) / babySteps) + Math.min(windowSteps, Math.max(0, ...work.lastShifts))
  );
}

function finishMs(work: LayoutWork, { windowSteps }: BitsSteps, primes: number): number {
  const { layout } = work;
  const rounds = productRounds(layout.literals);
  const window = Math.min(windowSteps, Math.max(0, ...work.lastShifts) + 1);
  const turns =
    layout.groups * (window - 1) + work.lastShifts.reduce((sum, shift) => sum + Math.floor(shift / windowSteps), 0);
  let ms = turns * switchMs(primes) + work.readings * costMs.product * primes;
  ms += layout.groups * layout.literals * costMs.rescale * primes;
  let factors = layout.literals;
  for (let round = 1; round <= rounds; round += 1) {
    const left = primes - round;
    const products = layout.groups * Math.floor(factors / 2);
    ms += products * ((costMs.multiply + costMs.rescale) * left + switchMs(left));
    factors = Math.ceil(factors / 2);
  }
  const spacing = 2 ** Math.ceil(Math.log2(work.outputs));
  const gathering = work.outputs > 1 ? spacing * (switchMs(1) + layout.groups * costMs.product) : 0;
  return ms + gathering + 12 * switchMs(1) + 2 * costMs.zero * primes;
}

/** Bytes as SEAL stores them: compressed to whole bytes a coefficient and some frame where primes leave much unused. */
export function bitsBytes(
  { sources }: Pick<LayoutWork, 'sources'>,
  { copies }: Pick<BitsSteps, 'copies'>,
  { coeffModulusBits, polyModulusDegree }: ParameterSet,
): { readonly queryBytes: number; readonly resultBytes: number } {
  const mean = coeffModulusBits.reduce((sum, bits) => sum + bits, 0) / coeffModulusBits.length;
  const bytes = (bits: number) => (mean > 50 ? 8 : Math.ceil(bits / 8) * 1.06) * polyModulusDegree;
  const source = coeffModulusBits.slice(0, -1).reduce((sum, bits) => sum + bytes(bits), 0);
  return {
    queryBytes: Math.ceil(sources * copies * source),
    resultBytes: Math.ceil(2 * bytes(coeffModulusBits[0] ?? 60)),
  };
}

/** Predicted resident memory of the evaluator. */
export function bitsMemory(
  work: LayoutWork,
  steps: BitsSteps,
  plan: { readonly parameters: ParameterSet; readonly galoisSteps: readonly number[] },
): number {
  const { layout } = work;
  const literals = layout.groups * layout.literals;
  return evaluatorMemory(plan.parameters, {
    ciphertexts: threads * work.sources * steps.babySteps + steps.windowSteps + literals,
    plaintexts: work.selections + work.readings + literals,
    switchingKeys: threads * (plan.galoisSteps.length + 1),
    ...bitsBytes(work, steps, plan.parameters),
  });
}

/** The rotation steps of a plan: powers of two, since every turn is made of them. */
export function bitsGaloisSteps(
  work: LayoutWork,
  steps: BitsSteps,
  { stride, slots }: { readonly stride: number; readonly slots: number },
): number[] {
  if (work.layout.groups === 0) return [];
  const found = new Set<number>();
  const powers = (from: number, below: number) => {
    for (let power = from; power < below; power *= 2) found.add(power);
  };
  if (babyTurns(work, steps) > 0) found.add(steps.copies * stride);
  const giants = Math.floor(Math.max(0, ...work.lastTurns) / steps.babySteps);
  // A share's sum is turned by any number of giants.
  powers(steps.babySteps * stride, steps.babySteps * stride * (giants + 1));
  const lastShift = Math.max(0, ...work.lastShifts);
  if (lastShift > 0 && steps.windowSteps > 1) found.add(1);
  if (lastShift >= steps.windowSteps) found.add(steps.windowSteps);
  const spacing = 2 ** Math.ceil(Math.log2(work.outputs));
  if (spacing > 1) found.add(1);
  powers(spacing, slots);
  return [...found].sort((a, b) => a - b);
}
