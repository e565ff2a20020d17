import { chainPrimes, modularPower, transformRoot } from '../src/core/plan/moduli.ts';
import type { HeContext } from '../src/seal/context.ts';
import type { Seal } from '../src/seal/library.ts';

type Ciphertext = InstanceType<Seal['Ciphertext']>;
type SecretKey = InstanceType<Seal['SecretKey']>;

/** What whoever holds the secret key can read of a ciphertext: c0 + c1 s + c2 s², message and noise together. */
export interface PhaseReader {
  /** @returns N coefficients, centred, in double precision */
  read(ciphertext: Ciphertext): Float64Array;
}

/** Ciphertexts and keys are stored as u64 words, NTT values a prime after the other (Longa and Naehrig, CANS 2016: bit-reversed order). */
export function phaseReader(he: HeContext, secretKey: SecretKey): PhaseReader {
  const degree = he.parameters.polyModulusDegree;
  const primes = chainPrimes(he.parameters);
  const none = he.seal.ComprModeType.none;
  const secret = lastWords(secretKey.saveToArray(none) as Uint8Array, degree * primes.length);
  const inverses = primes.map((prime) => inverseTransform(prime, degree));
  return {
    read: (ciphertext) => {
      const count = ciphertext.coeffModulusSize();
      const size = ciphertext.size();
      const words = lastWords(ciphertext.saveToArray(none) as Uint8Array, size * count * degree);
      const residues = primes.slice(0, count).map((prime, index) => {
        const values = Array.from({ length: degree }, (_, place) => {
          const s = secret[index * degree + place] ?? 0n;
          let sum = 0n;
          for (let part = size - 1; part >= 0; part -= 1)
            sum = (sum * s + (words[(part * count + index) * degree + place] ?? 0n)) % prime;
          return sum;
        });
        return inverses[index]?.(values) ?? values;
      });
      return composed(residues, primes.slice(0, count));
    },
  };
}

function lastWords(bytes: Uint8Array, count: number): BigUint64Array {
  return new BigUint64Array(bytes.slice(bytes.length - 8 * count).buffer);
}

function reversed(index: number, bits: number): number {
  let result = 0;
  for (let bit = 0; bit < bits; bit += 1) result |= ((index >> bit) & 1) << (bits - 1 - bit);
  return result;
}

function inverseTransform(prime: bigint, degree: number): (values: bigint[]) => bigint[] {
  const bits = Math.log2(degree);
  const inverse = modularPower(transformRoot(prime, degree), prime - 2n, prime);
  const powers: bigint[] = [1n];
  for (let index = 1; index < degree; index += 1) powers.push(((powers[index - 1] ?? 0n) * inverse) % prime);
  const factors = Array.from({ length: degree }, (_, index) => powers[reversed(index, bits)] ?? 0n);
  const scale = modularPower(BigInt(degree), prime - 2n, prime);
  return (values) => {
    for (let half = degree / 2, width = 1; half >= 1; half /= 2, width *= 2) {
      for (let group = 0; group < half; group += 1) {
        const factor = factors[half + group] ?? 0n;
        for (let place = 2 * group * width; place < (2 * group + 1) * width; place += 1) {
          const [a, b] = [values[place] ?? 0n, values[place + width] ?? 0n];
          values[place] = (a + b) % prime;
          values[place + width] = ((a - b + prime) * factor) % prime;
        }
      }
    }
    return values.map((value) => (value * scale) % prime);
  };
}

/** Chinese remainders, centred. */
function composed(residues: readonly (readonly bigint[])[], primes: readonly bigint[]): Float64Array {
  const modulus = primes.reduce((product, prime) => product * prime, 1n);
  const weights = primes.map((prime) => {
    const others = modulus / prime;
    return others * modularPower(others, prime - 2n, prime);
  });
  return Float64Array.from(residues[0] ?? [], (_, place) => {
    let sum = 0n;
    for (const [index, residue] of residues.entries()) sum += (residue[place] ?? 0n) * (weights[index] ?? 0n);
    const value = sum % modulus;
    return Number(value > modulus / 2n ? value - modulus : value);
  });
}

/**
 * Ordinary least squares of many observations on a few regressors.
 * @param rows regressors of each observation, then the observation itself
 * @returns for each regressor its estimate over its standard error: beyond 5 in size it is no chance
 */
export function tStatistics(rows: Iterable<readonly number[]>, regressors: number): number[] {
  const normal = Array.from({ length: regressors + 1 }, () => new Float64Array(regressors + 1));
  let count = 0;
  for (const row of rows) {
    count += 1;
    for (let a = 0; a <= regressors; a += 1) {
      const line = normal[a];
      if (line === undefined) continue;
      for (let b = 0; b <= regressors; b += 1) line[b] = (line[b] ?? 0) + (row[a] ?? 0) * (row[b] ?? 0);
    }
  }
  const entry = (a: number, b: number): number => normal[a]?.[b] ?? 0;
  // Regressors are independent by construction (noises of different encryptions), so that each is estimated by itself.
  const estimates = Array.from({ length: regressors }, (_, a) => entry(a, regressors) / entry(a, a));
  const explained = estimates.reduce((sum, estimate, a) => sum + estimate * entry(a, regressors), 0);
  const residual = Math.max(0, entry(regressors, regressors) - explained) / (count - regressors);
  return estimates.map((estimate, a) => estimate / Math.sqrt(residual / entry(a, a)));
}

/** Pearson's correlation of two quantities over its standard error: beyond 5 in size it is no chance. */
export function correlationStatistic(xs: ArrayLike<number>, ys: ArrayLike<number>): number {
  const [x, y] = [centred(xs), centred(ys)];
  const product = (a: Float64Array, b: Float64Array): number =>
    a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
  const correlation = product(x, y) / Math.sqrt(product(x, x) * product(y, y));
  return correlation * Math.sqrt((x.length - 2) / Math.max(Number.EPSILON, 1 - correlation ** 2));
}

/** Less their mean. */
export function centred(values: ArrayLike<number>): Float64Array {
  const copy = Float64Array.from(values);
  const mean = copy.reduce((sum, value) => sum + value, 0) / copy.length;
  return copy.map((value) => value - mean);
}

/** Real and imaginary parts of what the slots of a CKKS plaintext hold, before the scale. */
interface ComplexSlots {
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
}

/** A polynomial at the powers of its root that SEAL takes for slots: slot j at the 3^j-th. @param phase N coefficients */
export function complexSlots(phase: Float64Array): ComplexSlots {
  const degree = phase.length;
  const turned = Array.from(phase, (value, k): Complex => {
    const angle = (Math.PI * k) / degree;
    return [value * Math.cos(angle), value * Math.sin(angle)];
  });
  const values = fourier(turned);
  const powers: number[] = [1];
  while (powers.length < degree / 2) powers.push(((powers.at(-1) ?? 1) * 3) % (2 * degree));
  const part = (index: 0 | 1) => Float64Array.from(powers, (power) => values[(power - 1) / 2]?.[index] ?? 0);
  return { real: part(0), imaginary: part(1) };
}

type Complex = readonly [real: number, imaginary: number];

/** The sums of values[k] times the k-th powers of the roots of unity, in order. */
function fourier(values: readonly Complex[]): Complex[] {
  if (values.length === 1) return [...values];
  const even = fourier(values.filter((_, index) => index % 2 === 0));
  const odd = fourier(values.filter((_, index) => index % 2 === 1));
  const half = values.length / 2;
  return values.map((_, index) => {
    const angle = (2 * Math.PI * index) / values.length;
    const [[a, b], [c, d]] = [even[index % half] ?? [0, 0], odd[index % half] ?? [0, 0]];
    return [a + c * Math.cos(angle) - d * Math.sin(angle), b + c * Math.sin(angle) + d * Math.cos(angle)];
  });
}
