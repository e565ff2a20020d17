import type { Activation } from '../ir.ts';
import { identityMatrix, scaleRows } from '../sparse.ts';
import { type Atom, type Elementwise, type Polynomial, isClose, isUnchanged, ratio, unchanged } from './elementwise.ts';
import type { ActivationSource, Affine, TensorValue } from './value.ts';

/** outer[0] + outer[1] · activation(inner[0] + inner[1] t); `inner` may be of higher degree: then it is an activation of its own. */
interface Recognised {
  readonly activation: Activation;
  readonly inner: Polynomial;
  readonly outer: readonly [number, number];
}

/** The same function of the same tensor is one activation, however often the graph computes it. */
const settled = new WeakMap<Affine, Map<string, Affine>>();

const sources = new WeakMap<Affine, Map<string, ActivationSource>>();

/**
 * The tensor as an affine map, of a new activation layer where its function is not affine.
 * @returns undefined when the function is none that the intermediate representation has
 */
export function settle(tensor: Pick<TensorValue, 'base' | 'fn'>): Affine | undefined {
  const { base, fn } = tensor;
  if (isUnchanged(fn)) return base;
  let ofBase = settled.get(base);
  if (ofBase === undefined) {
    ofBase = new Map();
    settled.set(base, ofBase);
  }
  const key = JSON.stringify([fn.plain, fn.factor, fn.atom]);
  const known = ofBase.get(key);
  if (known !== undefined) return known;
  const affine = settleFunction(base, fn);
  if (affine !== undefined) ofBase.set(key, affine);
  return affine;
}

/** a + b · affine, element by element. */
export function scaleAffine(affine: Affine, [a = 0, b = 0]: Polynomial): Affine {
  if (a === 0 && b === 1) return affine;
  const { rows } = affine.matrix;
  return {
    ...affine,
    matrix: scaleRows(affine.matrix, new Float64Array(rows).fill(b)),
    bias: affine.bias.map((value) => a + b * value),
  };
}

/** [a, b] with x = a + b · y, element by element; undefined when there are no such numbers. */
export function lineBetween(x: Affine, y: Affine): Polynomial | undefined {
  if (x === y) return [0, 1];
  const [one, other] = [x.matrix, y.matrix];
  if (x.source !== y.source || !sameNumbers(one.rowStart, other.rowStart)) return undefined;
  if (!sameNumbers(one.columnIndex, other.columnIndex)) return undefined;
  const line = [0, firstOf(one.values) / firstOf(other.values)];
  if (!Number.isFinite(line[1]) || !isLine(one.values, other.values, line)) return undefined;
  line[0] = firstOf(x.bias) - (line[1] ?? 0) * firstOf(y.bias);
  return isLine(x.bias, y.bias, line) ? line : undefined;
}

function firstOf(numbers: Float64Array): number {
  return numbers[0] ?? 0;
}

/** Whether xs = a + b ys, up to the rounding of doubles. */
function isLine(xs: Float64Array, ys: Float64Array, [a = 0, b = 0]: Polynomial): boolean {
  return xs.every((x, i) => {
    const wanted = a + b * (ys[i] ?? 0);
    return Math.abs(x - wanted) <= 1e-12 * (Math.abs(x) + Math.abs(a) + Math.abs(wanted));
  });
}

function sameNumbers(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function settleFunction(base: Affine, fn: Elementwise): Affine | undefined {
  if (fn.atom === undefined && fn.plain.length <= 2) return scaleAffine(base, fn.plain);
  const recognised = recognise(fn);
  if (recognised === undefined) return undefined;
  const input = settle({ base, fn: { ...unchanged, plain: recognised.inner, name: fn.name } });
  if (input === undefined) return undefined;
  return scaleAffine(activationOf(input, recognised.activation, fn.name), recognised.outer);
}

/** The activation layer's outputs, unchanged; the same activation of the same values is one layer. */
export function activationOf(input: Affine, activation: Activation, name: string): Affine {
  const ofInput = sources.get(input) ?? new Map<string, ActivationSource>();
  const key = JSON.stringify(activation);
  const source: ActivationSource = ofInput.get(key) ?? { kind: 'activation', name, activation, input };
  sources.set(input, ofInput.set(key, source));
  const size = input.matrix.rows;
  return { source, matrix: identityMatrix(size), bias: new Float64Array(size), names: [] };
}

function recognise(fn: Elementwise): Recognised | undefined {
  const { atom, plain, factor } = fn;
  if (atom === undefined)
    return { activation: { kind: 'polynomial', coefficients: plain }, inner: [0, 1], outer: [0, 1] };
  if (plain.length === 1 && factor.length === 1) {
    const activation = simple(atom);
    return activation && { activation, inner: atom.argument, outer: [plain[0] ?? 0, factor[0] ?? 0] };
  }
  return recogniseGated(atom, plain, factor) ?? recogniseLeaky(atom, plain, factor);
}

function simple({ kind, slope }: Atom): Activation | undefined {
  switch (kind) {
    case 'erf':
    case 'exp':
      return undefined;
    case 'leaky-relu':
      return { kind, slope };
    case 'gelu':
      return { kind, approximation: 'none' };
    case 'gelu-tanh':
      return { kind: 'gelu', approximation: 'tanh' };
    default:
      return { kind };
  }
}

/** t · sigmoid(t), 0.5 t (1 + erf(t / √2)) and 0.5 t (1 + tanh(√(2/π) (t + 0.044715 t³))), spelled out. */
function recogniseGated(atom: Atom, plain: Polynomial, factor: Polynomial): Recognised | undefined {
  const { argument } = atom;
  if (atom.kind === 'sigmoid') {
    const k = plain.length > 1 ? undefined : ratio(factor, argument);
    return k === undefined ? undefined : { activation: { kind: 'silu' }, inner: argument, outer: [plain[0] ?? 0, k] };
  }
  const inner = geluInner(atom);
  if (inner === undefined) return undefined;
  const [half, rest] = [ratio(factor, inner), ratio(plain, inner)];
  if (half === undefined || rest === undefined || !isClose(half, rest)) return undefined;
  return {
    activation: { kind: 'gelu', approximation: atom.kind === 'erf' ? 'none' : 'tanh' },
    inner,
    outer: [0, 2 * half],
  };
}

/** u with argument = u / √2 of Erf, or √(2/π) (u + 0.044715 u³) of Tanh, for u = a t. */
function geluInner({ kind, argument }: Atom): Polynomial | undefined {
  if (kind === 'erf') return argument.map((c) => c * Math.SQRT2);
  if (kind !== 'tanh') return undefined;
  const a = (argument[1] ?? 0) / Math.sqrt(2 / Math.PI);
  const wanted = [0, a, 0, 0.044715 * a ** 3].map((c) => c * Math.sqrt(2 / Math.PI));
  return a !== 0 && ratio(argument, wanted) !== undefined ? [0, a] : undefined;
}

/** c + m u + f relu(u) for u = argument(t): slope m on the left, m + f on the right. */
function recogniseLeaky(atom: Atom, plain: Polynomial, factor: Polynomial): Recognised | undefined {
  const degrees = [plain, factor, atom.argument].map((polynomial) => polynomial.length - 1);
  if (atom.kind !== 'relu' || degrees.join() !== '1,0,1') return undefined;
  const [offset = 0, slope = 0] = plain;
  const [shift = 0, k = 1] = atom.argument;
  const left = slope / k;
  const right = left + (factor[0] ?? 0);
  if (right === 0) return undefined;
  return {
    activation: { kind: 'leaky-relu', slope: left / right },
    inner: atom.argument,
    outer: [offset - left * shift, right],
  };
}
