import { describe, expect, it } from 'vitest';
import { chainPrimes, isPrime } from './moduli.ts';

describe('chainPrimes', () => {
  it('gives primes of the sizes asked for that are 1 modulo 2N, each once', () => {
    const chain = { polyModulusDegree: 8192, coeffModulusBits: [50, 40, 40, 40, 51] } as const;
    const primes = chainPrimes({ ...chain, coeffModulusBits: [...chain.coeffModulusBits] });
    expect(primes.map((prime) => prime.toString(2).length)).toEqual([50, 40, 40, 40, 51]);
    expect(primes.every((prime) => isPrime(prime) && prime % 16384n === 1n)).toBe(true);
    expect(new Set(primes).size).toBe(5);
  });

  it('refuses sizes of which there are not enough primes', () => {
    expect(() => chainPrimes({ polyModulusDegree: 4096, coeffModulusBits: [45, 15] })).toThrow(RangeError);
  });
});
