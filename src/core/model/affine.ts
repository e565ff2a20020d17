import type { Activation, AffineChain, AffineLayer, SparseMatrix } from './ir.ts';

/** Rows evaluated together: bounds the memory of wide layers while a layer's weights stay in the cache. */
const rowsAtOnce = 64;

/**
 * The reference evaluation of an affine chain in the clear, every activation exact.
 * @param features rows x chain.inputs, row by row
 * @returns rows x chain.outputs, row by row; double precision, sums in ascending column order
 */
export function affineScores(chain: AffineChain, features: Float64Array, rows: number): Float64Array {
  const scores = new Float64Array(rows * chain.outputs);
  for (let start = 0; start < rows; start += rowsAtOnce) {
    const end = Math.min(rows, start + rowsAtOnce);
    let x = features.subarray(start * chain.inputs, end * chain.inputs);
    for (const layer of chain.layers) {
      x = layer.kind === 'affine' ? applyAffine(layer, x) : applyActivation(layer.activation, x);
    }
    scores.set(x, start * chain.outputs);
  }
  return scores;
}

/**
 * y = W x + b for each row of x.
 * @param x borrowed; any number of rows of layer.matrix.columns numbers
 * @returns as many rows of layer.matrix.rows numbers
 */
export function applyAffine(layer: AffineLayer, x: Float64Array): Float64Array {
  const { rows: outputs, columns: inputs, rowStart } = layer.matrix;
  // A map of no inputs is a constant: one row, since nothing tells how many.
  const rows = inputs === 0 ? 1 : x.length / inputs;
  const y = new Float64Array(rows * outputs);
  for (let output = 0; output < outputs; output += 1) {
    const entries = { start: rowStart[output] ?? 0, end: rowStart[output + 1] ?? 0 };
    const bias = layer.bias[output] ?? 0;
    let row = 0;
    // Sums of four rows do not wait for one another, and share each weight that is read.
    for (; row + 3 < rows; row += 4) {
      const sums = sumFour(layer.matrix, x, { ...entries, offset: row * inputs });
      for (const [next, sum] of sums.entries()) y[(row + next) * outputs + output] = sum + bias;
    }
    for (; row < rows; row += 1)
      y[row * outputs + output] = sumEntries(layer.matrix, x, { ...entries, offset: row * inputs }) + bias;
  }
  return y;
}

interface Entries {
  /** The matrix's entries that are added: start .. end - 1. */
  readonly start: number;
  readonly end: number;
  /** Where the row of x begins. */
  readonly offset: number;
}

function sumEntries({ columnIndex, values }: SparseMatrix, x: Float64Array, { start, end, offset }: Entries): number {
  let sum = 0;
  for (let entry = start; entry < end; entry += 1)
    sum += (values[entry] ?? 0) * (x[offset + (columnIndex[entry] ?? 0)] ?? 0);
  return sum;
}

/** Of four rows of x, each as sumEntries has it. */
function sumFour(
  { columns, columnIndex, values }: SparseMatrix,
  x: Float64Array,
  { start, end, offset }: Entries,
): readonly [number, number, number, number] {
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let entry = start; entry < end; entry += 1) {
    const weight = values[entry] ?? 0;
    const at = offset + (columnIndex[entry] ?? 0);
    a += weight * (x[at] ?? 0);
    b += weight * (x[at + columns] ?? 0);
    c += weight * (x[at + 2 * columns] ?? 0);
    d += weight * (x[at + 3 * columns] ?? 0);
  }
  return [a, b, c, d];
}

/** The activation of every element of x (borrowed), as a new array. */
export function applyActivation(activation: Activation, x: Float64Array): Float64Array {
  return x.map(activationFunction(activation));
}

/** The exact scalar function of an activation. */
export function activationFunction(activation: Activation): (x: number) => number {
  switch (activation.kind) {
    case 'relu':
      return (x) => (x < 0 ? 0 : x);
    case 'leaky-relu':
      return (x) => (x < 0 ? activation.slope * x : x);
    case 'sigmoid':
      return sigmoid;
    case 'tanh':
      return Math.tanh;
    case 'softplus':
      return softplus;
    case 'silu':
      return (x) => x * sigmoid(x);
    case 'gelu':
      return activation.approximation === 'tanh' ? geluTanh : gelu;
    case 'polynomial':
      return (x) => activation.coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
  }
}

/** 1 / (1 + e^-x), without overflow on either side. */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const power = Math.exp(x);
  return power / (1 + power);
}

/** ln(1 + e^x), without overflow. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x * Math.SQRT1_2));
}

function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

/**
 * The error function; absolute error below 1e-14.
 * Below 3 by erf x = 2/sqrt(pi) e^(-x^2) sum of 2^n x^(2n+1) / (1 3 5 … (2n+1)), whose terms all have one sign; above by the
 * continued fraction of erfc. Source: Abramowitz & Stegun, 7.1.6 and 7.1.14.
 */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(size)) return x;
  if (size >= 6) return Math.sign(x); // 1 - erf(6) is 2e-17
  return Math.sign(x) * (size < 3 ? erfSeries(size) : 1 - erfcFraction(size));
}

function erfSeries(x: number): number {
  const factor = 2 * x * x;
  let term = x;
  let sum = x;
  for (let odd = 3; term > sum * 1e-17; odd += 2) {
    term *= factor / odd;
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

function erfcFraction(x: number): number {
  let tail = x;
  for (let k = 40; k >= 1; k -= 1) tail = x + k / 2 / tail;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / tail;
}
