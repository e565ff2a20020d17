import type { Ciphertext } from 'node-seal';
import { beforeAll, describe, expect, it } from 'vitest';
import { complexSlots, phaseReader } from '../../../test/raw-phase.ts';
import { outputMeans } from '../../core/plan/lone-result.ts';
import { makeParameterSet } from '../../core/plan/parameters.ts';
import { makeContext } from '../context.ts';
import { loadSeal, type Seal } from '../library.ts';
import { coverLoneRecord, coverRecords } from './result-noise.ts';

let seal: Seal;
beforeAll(async () => {
  seal = await loadSeal();
});

const scale = 2 ** 30;

/** The slots of an encryption of zero that something was added to. @param level primes dropped before */
function covered(level: number, cover: (...given: Parameters<typeof coverRecords>) => void, floodDeviation: number) {
  const parameters = makeParameterSet({ scheme: 'ckks', polyModulusDegree: 4096, coeffModulusBits: [45, 33, 28] });
  using he = makeContext(seal, parameters);
  using generator = new seal.KeyGenerator(he.context);
  using secretKey = generator.secretKey();
  using publicKey = generator.createPublicKey();
  using encryptor = new seal.Encryptor(he.context, publicKey);
  using result: Ciphertext = new seal.Ciphertext();
  encryptor.encryptZero(result);
  result.setScale(scale);
  for (let dropped = 0; dropped < level; dropped += 1) he.evaluator.cipherModSwitchToNextInplace(result);
  const keys = {
    encryptor,
    relinearizationKeys: undefined,
    galoisKeys: undefined,
    [Symbol.dispose]: () => undefined,
  };
  cover(he, result, { keys, floodDeviation });
  expect(result.scale()).toBe(scale);
  return complexSlots(phaseReader(he, secretKey).read(result));
}

function deviation(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

describe('covering a result', () => {
  it.each([0, 1])(
    'adds noise of the wanted size to real parts and much more to imaginary ones, at level %i',
    (level) => {
      const { real, imaginary } = covered(level, coverRecords, 1e6);
      expect(deviation(real) / 1e6).toBeGreaterThan(0.9);
      expect(deviation(real) / 1e6).toBeLessThan(1.1);
      expect(deviation(imaginary) / 1e6).toBeGreaterThan(1000);
    },
  );

  it('adds noise that is smaller than that of an encryption of zero', () => {
    const { real } = covered(1, coverRecords, 3);
    expect(deviation(real)).toBeLessThan(1e5);
  });

  it('adds one number an output, and to slots that differ from it much more', () => {
    const outputs = 3;
    const scores: number[] = [];
    for (let result = 0; result < 30; result += 1) {
      const { real, imaginary } = covered(1, (he, sum, noise) => coverLoneRecord(he, sum, { ...noise, outputs }), 1e6);
      scores.push(...outputMeans(real, outputs));
      expect(deviation(real) / 1e6).toBeGreaterThan(1000);
      expect(deviation(imaginary) / 1e6).toBeGreaterThan(1000);
    }
    expect(deviation(Float64Array.from(scores)) / 1e6).toBeGreaterThan(0.6);
    expect(deviation(Float64Array.from(scores)) / 1e6).toBeLessThan(1.5);
  });
});
