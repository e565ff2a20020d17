import type { BitsLayout } from './bits-layout.ts';
import { productRounds } from './bits-levels.ts';
import { evaluatorMemory } from './memory.ts';
import { keySwitchMs, operationMs, ringSize, savedPolynomialBytes } from './operation-costs.ts';
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

/** The threads that a block is expected to be spread over; fixed, so that plans do not depend on the machine. */
const threads = 2;

/** Predicted seconds of the server for a record. @param ring primes: of the modulus that bits are encrypted under */
export function bitsSeconds(
  work: LayoutWork,
  steps: BitsSteps,
  { degree, primes }: { readonly degree: number; readonly primes: number },
): number {
  const size = ringSize({ polyModulusDegree: degree as ParameterSet['polyModulusDegree'] });
  return ((shareMs(work, steps, primes) + finishMs(work, steps, primes)) * size) / 1000;
}

function shareMs(work: LayoutWork, steps: BitsSteps, primes: number): number {
  const giants = work.lastTurns.reduce((sum, turn) => sum + Math.floor(turn / steps.babySteps), 0);
  // Each thread needs all baby steps; giants and products are shared, and a share's sum is turned into its place.
  return (
    work.sources * steps.copies * operationMs.load * primes +
    babyTurns(work, steps) * keySwitchMs(primes) +
    (giants / threads + work.layout.groups) * keySwitchMs(primes) +
    (work.selections * operationMs.product * primes) / threads
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
  let ms = turns * keySwitchMs(primes) + work.readings * operationMs.product * primes;
  ms += layout.groups * layout.literals * operationMs.rescale * primes;
  let factors = layout.literals;
  for (let round = 1; round <= rounds; round += 1) {
    const left = primes - round;
    const products = layout.groups * Math.floor(factors / 2);
    ms += products * ((operationMs.multiply + operationMs.rescale) * left + keySwitchMs(left));
    factors = Math.ceil(factors / 2);
  }
  const spacing = 2 ** Math.ceil(Math.log2(work.outputs));
  const gathering = work.outputs > 1 ? spacing * (keySwitchMs(1) + layout.groups * operationMs.product) : 0;
  return ms + gathering + 12 * keySwitchMs(1) + 2 * operationMs.zero * primes;
}

/** What a query and its result are as they are sent. */
export function bitsBytes(
  { sources }: Pick<LayoutWork, 'sources'>,
  { copies }: Pick<BitsSteps, 'copies'>,
  parameters: ParameterSet,
): { readonly queryBytes: number; readonly resultBytes: number } {
  return {
    queryBytes: Math.ceil(sources * copies * savedPolynomialBytes(parameters)),
    resultBytes: Math.ceil(2 * savedPolynomialBytes(parameters, 1)),
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
