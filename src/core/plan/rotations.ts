/** One rotation: `step` is reached from `from` by rotating `label` slots to the left. */
export interface Rotation {
  readonly step: number;
  readonly from: number;
  readonly label: number;
}

/**
 * How a set of rotation steps is reached with few distinct keys: each step from another of the set (or from a root) by one of a few labels,
 * so that as many rotations take place as with a key a step. Steps are modulo the number of slots.
 * @param roots steps that are there already
 * @returns rotations in an order in which each `from` is reached before it is needed
 */
export function rotationTree(steps: readonly number[], roots: readonly number[], slots: number): Rotation[] {
  const wanted = new Set(steps.map((step) => modulo(step, slots)));
  const reached = new Set(roots.map((step) => modulo(step, slots)));
  for (const step of reached) wanted.delete(step);
  const rotations: Rotation[] = [];
  const labels: number[] = [];
  while (wanted.size > 0) {
    labels.push(commonestStep(wanted, reached, slots));
    grow({ wanted, reached, rotations, labels, slots });
  }
  return rotations;
}

/** Reaches all that the labels reach, nearest first. */
function grow(state: {
  readonly wanted: Set<number>;
  readonly reached: Set<number>;
  readonly rotations: Rotation[];
  readonly labels: readonly number[];
  readonly slots: number;
}): void {
  const { wanted, reached, rotations, labels, slots } = state;
  const queue = [...reached];
  for (let from = queue.shift(); from !== undefined; from = queue.shift()) {
    for (const label of labels) {
      const step = (from + label) % slots;
      if (!wanted.delete(step)) continue;
      reached.add(step);
      queue.push(step);
      rotations.push({ step, from, label });
    }
  }
}

/** The difference that most of the steps that are left have to another step; from what is reached at least one of them. */
function commonestStep(wanted: ReadonlySet<number>, reached: ReadonlySet<number>, slots: number): number {
  const all = new Set([...wanted, ...reached]);
  const candidates = new Set<number>();
  for (const step of wanted) for (const from of reached) candidates.add(modulo(step - from, slots));
  let best = { label: 0, count: 0 };
  for (const label of candidates) {
    let count = 0;
    for (const step of wanted) if (all.has(modulo(step - label, slots))) count += 1;
    if (count > best.count || (count === best.count && shorter(label, best.label, slots))) best = { label, count };
  }
  return best.label;
}

function shorter(a: number, b: number, slots: number): boolean {
  return Math.min(a, slots - a) < Math.min(b, slots - b);
}

/** The remainder in [0, divisor). */
export function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

/** The representative in [-period / 2, period / 2). */
export function centred(step: number, period: number): number {
  return step >= period / 2 ? step - period : step;
}

/** How steps are written as giant + baby. */
export interface StepSplit {
  /** Babies lie in [0, width), giants are multiples of it. */
  readonly width: number;
  /** Steps are modulo it. */
  readonly period: number;
}

/**
 * Baby-step giant-step: Σ over steps d of rot(x, d) ⊙ m_d = Σ over giants j of rot(Σ over babies b of rot(x, b) ⊙ rot(m_{j + b}, -j), j).
 * Source: Halevi and Shoup, CRYPTO 2014, section 4.1.
 */
export function splitStep(
  step: number,
  { width, period }: StepSplit,
): { readonly baby: number; readonly giant: number } {
  const signed = centred(step, period);
  const baby = modulo(signed, width);
  return { baby, giant: modulo(signed - baby, period) };
}

/** The width with the fewest rotations. */
export function chooseWidth(steps: readonly number[], period: number): number {
  const widths = new Set<number>();
  for (let width = 1; width <= Math.min(period, 160); width += 1) widths.add(width);
  for (let width = 256; width <= period; width *= 2) widths.add(width);
  let best = { width: 1, cost: Infinity };
  for (const width of widths) {
    const [babies, giants] = [new Set<number>(), new Set<number>()];
    for (const step of steps) {
      const { baby, giant } = splitStep(step, { width, period });
      babies.add(baby);
      giants.add(giant);
    }
    const cost = babies.size + giants.size;
    if (cost < best.cost) best = { width, cost };
  }
  return best.width;
}
