/** Coefficients of 1, t, t^2, …; never empty, no zero at the end but for the constant. */
export type Polynomial = readonly number[];

/** A function that no polynomial is. */
export interface Atom {
  readonly kind:
    'relu' | 'leaky-relu' | 'sigmoid' | 'tanh' | 'softplus' | 'silu' | 'gelu' | 'gelu-tanh' | 'erf' | 'exp';
  /** Of leaky-relu; else 0. */
  readonly slope: number;
  readonly argument: Polynomial;
}

/**
 * plain(t) + factor(t) · atom(argument(t)), applied to each element of a tensor: enough to hold the spelled-out forms of GELU,
 * SiLU and polynomials until they are recognised. `name` is the graph node that made it non-linear.
 */
export interface Elementwise {
  readonly plain: Polynomial;
  readonly factor: Polynomial;
  readonly atom: Atom | undefined;
  readonly name: string;
}

export const unchanged: Elementwise = { plain: [0, 1], factor: [0], atom: undefined, name: '' };

/** The same value whatever t is. */
export function constantFunction(value: number): Elementwise {
  return { plain: [value], factor: [0], atom: undefined, name: '' };
}

/** Whether it is t itself. */
export function isUnchanged(fn: Elementwise): boolean {
  return fn.atom === undefined && fn.plain.length === 2 && fn.plain[0] === 0 && fn.plain[1] === 1;
}

/** Equal but for the names of nodes. */
export function sameFunction(a: Elementwise, b: Elementwise): boolean {
  return JSON.stringify([a.plain, a.factor, a.atom]) === JSON.stringify([b.plain, b.factor, b.atom]);
}

/** The sum, or undefined when it has two different atoms. */
export function addFunctions(a: Elementwise, b: Elementwise): Elementwise | undefined {
  if (a.atom !== undefined && b.atom !== undefined && !sameAtom(a.atom, b.atom)) return undefined;
  return tidy({
    plain: addPolynomials(a.plain, b.plain),
    factor: addPolynomials(a.factor, b.factor),
    atom: a.atom ?? b.atom,
    name: nameOf(a, b),
  });
}

/** The product, or undefined when both have an atom. */
export function multiplyFunctions(a: Elementwise, b: Elementwise, name = ''): Elementwise | undefined {
  if (a.atom !== undefined && b.atom !== undefined) return undefined;
  const factor = a.atom === undefined ? multiplyPolynomials(a.plain, b.factor) : multiplyPolynomials(a.factor, b.plain);
  return tidy({
    plain: multiplyPolynomials(a.plain, b.plain),
    factor,
    atom: a.atom ?? b.atom,
    name: name || nameOf(a, b),
  });
}

/** atom(fn(t)); `fn` must be a polynomial. */
export function applyAtom(
  fn: Elementwise,
  kind: Atom['kind'],
  options: { readonly name: string; readonly slope?: number },
): Elementwise {
  return { plain: [0], factor: [1], atom: { kind, slope: options.slope ?? 0, argument: fn.plain }, name: options.name };
}

/** p + q. */
export function addPolynomials(a: Polynomial, b: Polynomial): Polynomial {
  return trimmed(Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) + (b[i] ?? 0)));
}

/** p · q. */
export function multiplyPolynomials(a: Polynomial, b: Polynomial): Polynomial {
  const product = new Array<number>(a.length + b.length - 1).fill(0);
  for (const [i, x] of a.entries()) for (const [j, y] of b.entries()) product[i + j] = (product[i + j] ?? 0) + x * y;
  return trimmed(product);
}

/** The factor k with a = k b up to float32 rounding, or undefined. */
export function ratio(a: Polynomial, b: Polynomial): number | undefined {
  if (a.length !== b.length) return undefined;
  const k = (a.at(-1) ?? 0) / (b.at(-1) ?? 0);
  return Number.isFinite(k) && k !== 0 && a.every((x, i) => isClose(x, k * (b[i] ?? 0))) ? k : undefined;
}

/** Equal but for the rounding of constants to float32. */
export function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-5 * Math.max(Math.abs(a), Math.abs(b));
}

function sameAtom(a: Atom, b: Atom): boolean {
  return (
    a.kind === b.kind &&
    a.slope === b.slope &&
    a.argument.length === b.argument.length &&
    a.argument.every((x, i) => x === b.argument[i])
  );
}

function tidy(fn: Elementwise): Elementwise {
  return fn.factor.length === 1 && fn.factor[0] === 0 ? { ...fn, factor: [0], atom: undefined } : fn;
}

function nameOf(a: Elementwise, b: Elementwise): string {
  return a.name === '' ? b.name : a.name;
}

function trimmed(coefficients: readonly number[]): Polynomial {
  let length = coefficients.length;
  while (length > 1 && coefficients[length - 1] === 0) length -= 1;
  return coefficients.slice(0, length);
}
