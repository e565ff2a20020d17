/**
 * The coefficients packing: one dot product is one coefficient of one plaintext product (Huang et al., Cheetah, USENIX Security 2022, 3.1).
 *
 * Record r of a block puts its features x[0..c) at coefficients r * stride + j. The weights of the outputs that share a ciphertext form
 *   w(X) = sum over k, j of W[k][j] X^(k c + c - 1 - j),
 * so that coefficient r * stride + k c + c - 1 of x(X) w(X) is the dot product of record r and output k. With stride = c * (outputs in a
 * ciphertext) no other pair of terms lands there: terms of the record before end at least one coefficient below, and what wraps around
 * X^N = -1 stays below coefficient c - 1.
 */
export interface CoefficientsGeometry {
  /** Features in one ciphertext (c). */
  readonly chunk: number;
  readonly outputsPerCiphertext: number;
  readonly stride: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly blockRecords: number;
}

/** Ciphertexts in a block of a query. */
export function inputCiphertexts(geometry: CoefficientsGeometry): number {
  return Math.ceil(geometry.inputs / geometry.chunk);
}

/** Ciphertexts in a block of a result. */
export function resultCiphertexts(geometry: CoefficientsGeometry): number {
  return Math.ceil(geometry.outputs / geometry.outputsPerCiphertext);
}

/**
 * @param features blockRecords x inputs integers, row by row
 * @returns one polynomial of `degree` integer coefficients an input ciphertext
 */
export function packCoefficients(
  geometry: CoefficientsGeometry,
  features: Float64Array,
  degree: number,
): Float64Array[] {
  const { chunk, inputs, stride } = geometry;
  return Array.from({ length: inputCiphertexts(geometry) }, (_, part) => {
    const first = part * chunk;
    const width = Math.min(chunk, inputs - first);
    const polynomial = new Float64Array(degree);
    for (let record = 0; record * inputs < features.length; record += 1) {
      polynomial.set(features.subarray(record * inputs + first, record * inputs + first + width), record * stride);
    }
    return polynomial;
  });
}

/**
 * @param weights outputs x inputs integers
 * @returns for each result ciphertext, for each input ciphertext, the weight polynomial
 */
export function packWeights(geometry: CoefficientsGeometry, weights: Float64Array, degree: number): Float64Array[][] {
  const { chunk, inputs, outputs, outputsPerCiphertext } = geometry;
  return Array.from({ length: resultCiphertexts(geometry) }, (_group, group) =>
    Array.from({ length: inputCiphertexts(geometry) }, (_part, part) => {
      const polynomial = new Float64Array(degree);
      const width = Math.min(chunk, inputs - part * chunk);
      for (let k = 0; k < outputsPerCiphertext && group * outputsPerCiphertext + k < outputs; k += 1) {
        const row = (group * outputsPerCiphertext + k) * inputs + part * chunk;
        for (let j = 0; j < width; j += 1) polynomial[k * chunk + chunk - 1 - j] = weights[row + j] ?? 0;
      }
      return polynomial;
    }),
  );
}

/** Where the score of a record and an output stands: which result ciphertext, which coefficient. */
export function scorePosition(
  geometry: CoefficientsGeometry,
  record: number,
  output: number,
): { readonly ciphertext: number; readonly coefficient: number } {
  const slot = output % geometry.outputsPerCiphertext;
  return {
    ciphertext: Math.floor(output / geometry.outputsPerCiphertext),
    coefficient: record * geometry.stride + slot * geometry.chunk + geometry.chunk - 1,
  };
}

/** @returns scores blockRecords x outputs, as the integers that the polynomials hold */
export function unpackScores(geometry: CoefficientsGeometry, polynomials: readonly Float64Array[]): Float64Array {
  const { blockRecords, outputs } = geometry;
  const scores = new Float64Array(blockRecords * outputs);
  for (let record = 0; record < blockRecords; record += 1) {
    for (let output = 0; output < outputs; output += 1) {
      const { ciphertext, coefficient } = scorePosition(geometry, record, output);
      scores[record * outputs + output] = polynomials[ciphertext]?.[coefficient] ?? Number.NaN;
    }
  }
  return scores;
}
