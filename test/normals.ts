import { weylWords } from '../src/core/plan/ranges.ts';

/** Nearly normal numbers, of mean 0 and deviation 1 (sums of twelve uniform ones); the same at every call. */
export function normals(count: number, seed: number): Float64Array {
  const random = weylWords(seed);
  return Float64Array.from({ length: count }, () => {
    let sum = -6;
    for (let term = 0; term < 12; term += 1) sum += random() / 2 ** 32;
    return sum;
  });
}
