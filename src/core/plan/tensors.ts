import type { TensorRef } from './network-plan.ts';

/** Lays tensors one behind the other, as tensors.bin holds them. */
export interface TensorWriter {
  add(values: Float64Array): TensorRef;
  all(): Float64Array;
}

/** An empty tensors.bin. */
export function tensorWriter(): TensorWriter {
  const tensors: Float64Array[] = [];
  let offset = 0;
  return {
    add: (values) => {
      const ref = { offset, length: values.length };
      tensors.push(values);
      offset += values.length;
      return ref;
    },
    all: () => {
      const joined = new Float64Array(offset);
      let start = 0;
      for (const values of tensors) {
        joined.set(values, start);
        start += values.length;
      }
      return joined;
    },
  };
}

/** Rows of so many numbers, one behind the other. */
export function* rowsOf(values: Float64Array, width: number): Generator<Float64Array> {
  for (let start = 0; start < values.length; start += width) yield values.subarray(start, start + width);
}
