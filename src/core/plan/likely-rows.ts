import type { Steps } from '../progress.ts';
import { below } from './canaries.ts';
import { weylWords } from './ranges.ts';

/** Calibration rows, scaled: rows x inputs. */
export interface KnownRows {
  readonly values: Float64Array;
  readonly inputs: number;
}

const seed = 3;
/** Stretches of other rows in a row. */
const stretches = 2;
/** Columns of a signal or an image are taken for neighbours at a lag where they correlate by more. */
const neighbourly = 0.5;
/** Lags and rows that are looked at: the image's width is among the lags, and a few rows show it. */
const [mostLag, mostRows] = [512, 64];

/**
 * Rows like the calibration rows, as many as wanted, of which the model itself tells the scores: a row with two stretches of columns from two
 * other rows in place of its own (CutMix: Yun et al., ICCV 2019, along the order of columns), each row first moved along, twice, by a lag at
 * which columns are neighbours, where there is one. The same at every call.
 * @returns count x inputs
 */
export function* likelyRows(known: KnownRows, count: number): Steps<Float64Array> {
  const { inputs } = known;
  const random = weylWords(seed);
  const shifts = yield* neighbours(known);
  const rows = new Float64Array(count * inputs);
  for (let row = 0; row < count; row += 1) {
    if (row % 64 === 0) yield;
    const target = rows.subarray(row * inputs, (row + 1) * inputs);
    copy(known, target, { random, shifts, from: 0, length: inputs });
    for (let stretch = 0; stretch < stretches; stretch += 1) {
      const length = 1 + below(Math.max(1, inputs >> 1), random);
      copy(known, target, { random, shifts, from: below(inputs, random), length });
    }
  }
  return rows;
}

interface Stretch {
  readonly random: ReturnType<typeof weylWords>;
  readonly shifts: readonly number[];
  readonly from: number;
  readonly length: number;
}

/** Columns of some row, moved along, over those of the target; around its end. */
function copy({ values, inputs }: KnownRows, target: Float64Array, { random, shifts, from, length }: Stretch): void {
  const start = below(values.length / inputs, random) * inputs;
  const move = (): number => shifts[below(shifts.length, random)] ?? 0;
  const shift = move() + move();
  for (let index = from; index < from + length; index += 1) {
    const column = index % inputs;
    target[column] = values[start + ((column + shift + inputs) % inputs)] ?? 0;
  }
}

/** No shift, and both ways by each lag at which columns correlate. */
function* neighbours({ values, inputs }: KnownRows): Steps<number[]> {
  const rows = Math.min(mostRows, values.length / inputs);
  const centred = values.slice(0, rows * inputs);
  for (let column = 0; column < inputs; column += 1) {
    let mean = 0;
    for (let row = 0; row < rows; row += 1) mean += (centred[row * inputs + column] ?? 0) / rows;
    for (let row = 0; row < rows; row += 1)
      centred[row * inputs + column] = (centred[row * inputs + column] ?? 0) - mean;
  }
  const total = products(centred, inputs, 0);
  const shifts = [0];
  for (let lag = 1; lag <= Math.min(mostLag, inputs >> 1); lag += 1) {
    yield;
    if (products(centred, inputs, lag) > neighbourly * total) shifts.push(lag, -lag);
  }
  return shifts;
}

/** The sum of products of columns so far apart. */
function products(centred: Float64Array, inputs: number, lag: number): number {
  let sum = 0;
  for (let start = 0; start < centred.length; start += inputs) {
    const end = start + inputs - lag;
    for (let index = start; index < end; index += 1) sum += (centred[index] ?? 0) * (centred[index + lag] ?? 0);
  }
  return sum;
}
