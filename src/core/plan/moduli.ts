import type { ParameterSet } from './parameters.ts';

/**
 * The primes that SEAL takes for a chain of bit sizes (CoeffModulus::Create): for each size the largest ones that are 1 modulo 2N, the
 * smallest of these first. A planner that knows them knows exactly what a rescale does to a scale.
 * @throws {RangeError} where there are too few primes of a size
 */
export function chainPrimes(chain: Pick<ParameterSet, 'polyModulusDegree' | 'coeffModulusBits'>): bigint[] {
  const step = 2n * BigInt(chain.polyModulusDegree);
  const found = new Map<number, bigint[]>();
  for (const bits of new Set(chain.coeffModulusBits)) {
    const count = chain.coeffModulusBits.filter((other) => other === bits).length;
    found.set(bits, largestPrimes(bits, count, step));
  }
  return chain.coeffModulusBits.map((bits) => found.get(bits)?.pop() ?? 0n);
}

function largestPrimes(bits: number, count: number, step: bigint): bigint[] {
  const key = `${String(bits)}/${String(step)}`;
  const known = cache.get(key) ?? [];
  cache.set(key, known);
  const lower = 1n << BigInt(bits - 1);
  let candidate = (known.at(-1) ?? (((1n << BigInt(bits)) - 1n) / step) * step + 1n + step) - step;
  for (; known.length < count && candidate > lower; candidate -= step) if (isPrime(candidate)) known.push(candidate);
  if (known.length < count) throw new RangeError(`there are no ${String(count)} primes of ${String(bits)} bits`);
  return known.slice(0, count);
}

const cache = new Map<string, bigint[]>();

/** Miller-Rabin with the first twelve primes as bases: exact below 3.3e24 (Sorenson and Webster, 2015). */
export function isPrime(n: bigint): boolean {
  const bases = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n];
  if (n < 2n) return false;
  for (const base of bases) if (n % base === 0n) return n === base;
  let odd = n - 1n;
  let twos = 0;
  for (; odd % 2n === 0n; odd /= 2n) twos += 1;
  return bases.every((base) => {
    let power = modularPower(base, odd, n);
    if (power === 1n || power === n - 1n) return true;
    for (let step = 1; step < twos; step += 1) {
      power = (power * power) % n;
      if (power === n - 1n) return true;
    }
    return false;
  });
}

/**
 * The smallest primitive root of order 2N, by whose odd powers SEAL transforms polynomials.
 * @param prime 1 modulo 2N
 */
export function transformRoot(prime: bigint, degree: number): bigint {
  const known = roots.get(prime);
  if (known?.degree === degree) return known.root;
  const order = 2n * BigInt(degree);
  let base = 2n;
  while (modularPower(base, (prime - 1n) / 2n, prime) === 1n) base += 1n;
  let power = modularPower(base, (prime - 1n) / order, prime);
  const square = (power * power) % prime;
  let root = power;
  for (let turn = 0; turn < degree; turn += 1) {
    if (power < root) root = power;
    power = (power * square) % prime;
  }
  roots.set(prime, { degree, root });
  return root;
}

const roots = new Map<bigint, { readonly degree: number; readonly root: bigint }>();

/** base ^ exponent modulo modulus. */
export function modularPower(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}
