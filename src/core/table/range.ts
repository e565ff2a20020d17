import { AppError } from '../error.ts';
import type { Feature, Preprocessing } from '../model/ir.ts';
import type { FeatureBatch } from './rows.ts';

/** What the plan is sized for: feature f lies within center[f] ± radius[f]. */
export interface PlannedRanges {
  readonly center: Float64Array;
  readonly radius: Float64Array;
}

/** How much wider than the calibrated range the plan is. */
const headroom = 4;

interface Bounds {
  readonly least: Float64Array;
  readonly most: Float64Array;
}

/**
 * Four times the calibrated range of each feature, about its middle. Columns of one unit (pixels, counts, percentages) show by
 * sharing their bounds exactly: where a tenth of the varying columns, and at least two, do, every column that stays within those
 * bounds gets them, so that a border pixel that calibration never saw lit may be lit later. Another constant column gets
 * max(|value|, 1) as half its range.
 * @param features calibration rows: rows x width, row by row; NaN (missing) is left out
 */
export function plannedRanges(features: Float64Array, rows: number, width: number): PlannedRanges {
  return widen(shareBounds(calibratedBounds(features, rows, width)));
}

/**
 * As {@link plannedRanges}, for a model's features: in the units of the file, since scaled columns no longer show what they share;
 * one-hot and ordinal features span all values that they can ever take, since a rare category may be absent from the calibration
 * rows; and a missing value's fill-in is always within the range.
 */
export function planFeatureRanges(features: Float64Array, rows: number, preprocessing: Preprocessing): PlannedRanges {
  const bounds = calibratedBounds(features, rows, preprocessing.features.length);
  if (preprocessing.normalize !== 'none') return widen(shareBounds(bounds));
  const units = preprocessing.features.map(unitOf);
  for (const [index, unit] of units.entries()) unscale(bounds, index, unit);
  for (const [index, feature] of preprocessing.features.entries()) {
    for (const value of possibleValues(feature)) include(bounds, index, value);
  }
  const ranges = widen(shareBounds(bounds));
  reachFillIns(ranges, preprocessing.features);
  return {
    center: ranges.center.map((center, index) => (center - (units[index]?.offset ?? 0)) * (units[index]?.scale ?? 1)),
    radius: ranges.radius.map((radius, index) => radius * Math.abs(units[index]?.scale ?? 1)),
  };
}

export interface RangeOptions {
  /** Move values beyond the range onto its border instead of refusing them. */
  readonly clip: boolean;
  /** The file's name, for messages. */
  readonly file: string;
  /** The text line of each row of the batch, where there are lines. */
  readonly lines?: readonly number[] | undefined;
  /** The column of each feature. */
  readonly names: readonly string[];
}

/**
 * Holds a batch against the planned ranges; missing values (NaN) pass.
 * @param features with `clip` changed in place: values beyond the range are moved onto its border
 * @returns how many values were clipped
 * @throws {AppError} `data.out-of-range` at the first value beyond, unless `clip`
 */
export function checkRange(features: FeatureBatch, ranges: PlannedRanges, options: RangeOptions): number {
  const { values, width } = features;
  let clipped = 0;
  for (let start = 0; start < values.length; start += width) {
    for (let index = 0; index < width; index += 1) {
      const center = ranges.center[index] ?? 0;
      const radius = ranges.radius[index] ?? 0;
      const value = values[start + index] ?? 0;
      if (!(Math.abs(value - center) > radius)) continue;
      if (!options.clip) throw outOfRange(features, start / width, { ...options, index });
      values[start + index] = value > center ? center + radius : center - radius;
      clipped += 1;
    }
  }
  return clipped;
}

function calibratedBounds(features: Float64Array, rows: number, width: number): Bounds {
  const bounds = { least: new Float64Array(width).fill(Infinity), most: new Float64Array(width).fill(-Infinity) };
  for (let row = 0; row < rows; row += 1) {
    for (let index = 0; index < width; index += 1) include(bounds, index, features[row * width + index] ?? Number.NaN);
  }
  return bounds;
}

function include({ least, most }: Bounds, index: number, value: number): void {
  if (value < (least[index] ?? Infinity)) least[index] = value;
  if (value > (most[index] ?? -Infinity)) most[index] = value;
}

/** A feature is (value - offset) * scale. */
interface Unit {
  readonly offset: number;
  readonly scale: number;
}

/** A scale of 0 makes every value 0, which is then taken as it is. */
function unitOf(feature: Feature): Unit {
  if (feature.kind === 'ordinal' || feature.scale === 0) return { offset: 0, scale: 1 };
  return { offset: feature.offset, scale: feature.scale };
}

/** Bounds in the file's units; nine digits of them, so that equal bounds are equal again after the way there and back. */
function unscale({ least, most }: Bounds, index: number, { offset, scale }: Unit): void {
  const scaled = [least[index] ?? 0, most[index] ?? 0];
  if ((offset === 0 && scale === 1) || !scaled.every(Number.isFinite)) return;
  const [low = 0, high = 0] = scaled.map((value) => value / scale + offset).sort((a, b) => a - b);
  const rounding = 1e-12 * (Math.abs(low) + Math.abs(high) + Math.abs(offset));
  const clean = (value: number): number => (Math.abs(value) < rounding ? 0 : Number(value.toPrecision(9)));
  least[index] = clean(low);
  most[index] = clean(high);
}

/** In the file's units. */
function possibleValues(feature: Feature): readonly number[] {
  if (feature.kind === 'number') return [];
  if (feature.kind === 'one-hot') return [0, 1];
  return feature.unknown === 'refuse' ? feature.values : [...feature.values, feature.unknown];
}

/** A fill-in value may lie far from all measured ones (-999): the range reaches it, and no further for its sake. */
function reachFillIns({ center, radius }: PlannedRanges, features: readonly Feature[]): void {
  for (const [index, feature] of features.entries()) {
    if (feature.kind !== 'number' || typeof feature.missing !== 'number') continue;
    const distance = Math.abs(feature.missing - (center[index] ?? 0));
    radius[index] = Math.max(radius[index] ?? 0, distance * (1 + 1e-9));
  }
}

/** Columns inside the bounds that a family of columns shares get these bounds; inside several, the narrowest. */
function shareBounds({ least, most }: Bounds): Bounds {
  const families = new Map<string, { readonly low: number; readonly high: number; count: number }>();
  let varying = 0;
  for (const [index, low] of least.entries()) {
    const high = most[index] ?? low;
    if (!(high > low)) continue;
    varying += 1;
    const key = `${String(low)} ${String(high)}`;
    const family = families.get(key) ?? { low, high, count: 0 };
    family.count += 1;
    families.set(key, family);
  }
  const shared = [...families.values()]
    .filter(({ count }) => count >= 2 && count * 10 >= varying)
    .sort((a, b) => a.high - a.low - (b.high - b.low));
  const familyOf = least.reduce<Map<number, { readonly low: number; readonly high: number }>>((found, low, index) => {
    const family = shared.find(
      (candidate) => candidate.low <= low && (most[index] ?? low) <= candidate.high && low !== Infinity,
    );
    return family === undefined ? found : found.set(index, family);
  }, new Map());
  return {
    least: least.map((low, index) => familyOf.get(index)?.low ?? low),
    most: most.map((high, index) => familyOf.get(index)?.high ?? high),
  };
}

function widen({ least, most }: Bounds): PlannedRanges {
  const center = new Float64Array(least.length);
  const radius = new Float64Array(least.length);
  for (const [index, low] of least.entries()) {
    const high = most[index] ?? low;
    // A column that was missing in every row is taken for a constant 0. Halves are added, since a sum may overflow.
    center[index] = low === Infinity ? 0 : low / 2 + high / 2;
    const half = high > low ? high / 2 - low / 2 : Math.max(Math.abs(center[index] ?? 0), 1);
    radius[index] = headroom * half;
  }
  return { center, radius };
}

function outOfRange(
  { firstRow }: FeatureBatch,
  row: number,
  place: RangeOptions & { readonly index: number },
): AppError {
  const { file, names, index, lines } = place;
  const column = names[index] ?? '';
  const number = firstRow + row + 1;
  return new AppError(
    'data.out-of-range',
    `${file}, row ${String(number)}: the value in column "${column}" lies beyond the range that the deployment was planned for (four times the calibrated one).`,
    {
      file,
      row: number,
      line: lines?.[row],
      column,
      hint: 'Check the value and its unit, use --clip to move it onto the border, or compile with calibration rows that span such values.',
    },
  );
}
