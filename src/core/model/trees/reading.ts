import { AppError } from '../../error.ts';

/** Readers of parsed JSON or UBJSON: each names the place by its path when the value is not what it must be. */

export type JsonObject = Readonly<Record<string, unknown>>;
export type Numbers = ArrayLike<number>;

/** @throws {AppError} `model.invalid`, always */
export function invalidAt(path: string, what: string): never {
  throw new AppError('model.invalid', `The model is damaged: "${path}" ${what}.`, { hint: 'Save the model again.' });
}

/** @throws {AppError} `model.invalid` when the value is no object */
export function objectAt(value: unknown, path: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value))
    return value as JsonObject;
  return invalidAt(path, value === undefined ? 'is missing' : 'is not an object');
}

/** @throws {AppError} `model.invalid` when the value is no list, typed or not */
export function listAt(value: unknown, path: string): ArrayLike<unknown> {
  if (Array.isArray(value)) return value as unknown[];
  if (value instanceof Float64Array || value instanceof Float32Array || isIntegerArray(value)) return value;
  return invalidAt(path, value === undefined ? 'is missing' : 'is not a list');
}

function isIntegerArray(value: unknown): value is Int32Array | Uint8Array | Int8Array | Int16Array {
  return (
    value instanceof Int32Array ||
    value instanceof Uint8Array ||
    value instanceof Int8Array ||
    value instanceof Int16Array
  );
}

/** @throws {AppError} `model.invalid` when the value is no text */
export function textAt(value: unknown, path: string): string {
  return typeof value === 'string' ? value : invalidAt(path, value === undefined ? 'is missing' : 'is not a text');
}

/** A list of numbers (booleans count as 0 and 1; "NaN" and "Infinity" stand for what JSON cannot write), of `length` if given. */
export function numbersAt(value: unknown, path: string, length?: number): Numbers {
  const list = listAt(value, path);
  if (length !== undefined && list.length !== length) {
    return invalidAt(path, `has ${String(list.length)} entries where ${String(length)} are needed`);
  }
  if (!Array.isArray(list)) return list as Numbers;
  return list.map((entry: unknown, index) => numberAt(entry, path, index));
}

function numberAt(entry: unknown, path: string, index: number): number {
  if (typeof entry === 'number') return entry;
  if (typeof entry === 'boolean') return Number(entry);
  if (entry === 'NaN' || entry === 'Infinity' || entry === '-Infinity') return Number(entry);
  return invalidAt(`${path}[${String(index)}]`, 'is not a number');
}

/** A count written as a number or, as XGBoost does, as a text; `fallback` where it is absent. */
export function countAt(value: unknown, path: string, fallback?: number): number {
  if (value === undefined && fallback !== undefined) return fallback;
  const count = typeof value === 'string' && /^\d{1,15}$/u.test(value) ? Number(value) : value;
  if (typeof count === 'number' && Number.isSafeInteger(count) && count >= 0) return count;
  return invalidAt(path, value === undefined ? 'is missing' : 'is not a count');
}
