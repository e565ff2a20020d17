import { expect, it } from 'vitest';
import { evaluatorMemory, type Holdings } from '../core/plan/memory.ts';
import { makeParameterSet } from '../core/plan/parameters.ts';
import { generateKeys } from './client/key-generation.ts';
import { makeContext } from './context.ts';
import { loadSeal } from './library.ts';

const nothing: Holdings = { ciphertexts: 0, plaintexts: 0, switchingKeys: 0, queryBytes: 0, resultBytes: 0 };
const parameters = makeParameterSet({
  scheme: 'ckks',
  polyModulusDegree: 8192,
  coeffModulusBits: [40, 30, 30, 40],
});
const above = (holdings: Partial<Holdings>): number =>
  evaluatorMemory(parameters, { ...nothing, ...holdings }) - evaluatorMemory(parameters, nothing);

it('predicts the memory of ciphertexts, plaintexts and keys as SEAL holds them', async () => {
  const seal = await loadSeal();
  using he = makeContext(seal, parameters);
  using generator = new seal.KeyGenerator(he.context);
  using publicKey = generator.createPublicKey();
  using encryptor = new seal.Encryptor(he.context, publicKey);
  using encoder = new seal.CKKSEncoder(he.context);
  using plaintext = new seal.Plaintext();
  encoder.encode(new Float64Array(encoder.slotCount()).fill(0.5), 2 ** 30, plaintext);
  using ciphertext = new seal.Ciphertext();
  encryptor.encrypt(plaintext, ciphertext);
  const lengthOf = (object: typeof plaintext | typeof ciphertext): number =>
    (object.saveToArray(seal.ComprModeType.none) as Uint8Array).length;
  expect(above({ plaintexts: 1 }) / lengthOf(plaintext)).toBeCloseTo(1, 2);
  expect(above({ ciphertexts: 1 }) / lengthOf(ciphertext)).toBeCloseTo(1, 2);

  using keys = generator.createGaloisKeys();
  const all = keys.size();
  const bytes = (keys.saveToArray(seal.ComprModeType.none) as Uint8Array).length;
  const needs = { relinearization: false, galoisSteps: [1, 2, 3] };
  const file = generateKeys(seal, parameters, needs).evaluationKeys.find(({ name }) => name.endsWith('galois-keys'));
  const held = (bytes / all) * 3 + (file?.bytes.length ?? 0);
  // The file is compressed besides.
  expect(above({ switchingKeys: 3 }) / held).toBeGreaterThan(1);
  expect(above({ switchingKeys: 3 }) / held).toBeLessThan(1.2);
});
