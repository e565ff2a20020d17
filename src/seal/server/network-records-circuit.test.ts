import { describe, expect, it } from 'vitest';
import { drawFrom, drawNetwork, planRecords, square } from '../../../test/drawn-networks.ts';
import { keySection } from '../../core/artifact/key-sections.ts';
import type { Activation } from '../../core/model/ir.ts';
import { weylWords } from '../../core/plan/ranges.ts';
import { recordsCodec } from '../client/records-codec.ts';
import { generateKeys } from '../client/key-generation.ts';
import { makeContext } from '../context.ts';
import { loadSeal } from '../library.ts';
import { integerCombination } from './bucket-sums.ts';
import type { EvaluationKeySet } from './evaluation-keys.ts';
import { networkRecordsCircuit } from './network-records-circuit.ts';

const inputs = 6;
const rows = 100;

/** A random network of the widths, planned for throughput on random rows. @param window units of a layer that the next reads alike */
function planned(widths: readonly number[], activation: Activation, window = 1) {
  const draw = drawFrom(11);
  const body = drawNetwork(draw, { widths: [inputs, ...widths], activation, window });
  return planRecords(body, draw(rows * inputs));
}

/** @param threads that share the block */
async function evaluate(made: ReturnType<typeof planned>, threads = 1): Promise<Float64Array> {
  const seal = await loadSeal();
  const { client, server, tensors } = made;
  const keys = generateKeys(seal, client.parameters, client.evaluationKeys);
  using he = makeContext(seal, client.parameters);
  using secretKey = new seal.SecretKey();
  secretKey.loadFromArray(he.context, keys.secretKey);
  using publicKey = new seal.PublicKey();
  using relinearizationKeys = new seal.RelinKeys();
  for (const { name, bytes } of keys.evaluationKeys) {
    if (name === keySection.publicKey(client.parameters.id)) publicKey.loadFromArray(he.context, bytes);
    if (name === keySection.relinearization(client.parameters.id)) relinearizationKeys.loadFromArray(he.context, bytes);
  }
  using encryptor = new seal.Encryptor(he.context, publicKey, secretKey);
  using decryptor = new seal.Decryptor(he.context, secretKey);
  using codec = recordsCodec(he, client, { encryptor, decryptor, ranges: made.ranges });
  using circuit = networkRecordsCircuit(he, server, (ref) => tensors.subarray(ref.offset, ref.offset + ref.length));
  const block = new Float64Array(client.blockRecords * inputs);
  for (let record = 0; record < client.blockRecords; record += 1)
    block.set(made.canaries.subarray((record % 64) * inputs, ((record % 64) + 1) * inputs), record * inputs);
  const set: EvaluationKeySet = {
    encryptor,
    relinearizationKeys,
    galoisKeys: undefined,
    [Symbol.dispose]: () => undefined,
  };
  const query = codec.encrypt(block);
  const partials = Array.from({ length: threads }, (_, part) => circuit.partial({ part, of: threads }, query, set));
  return codec.decrypt(circuit.finish(partials, set));
}

function largestDifference(scores: Float64Array, known: Float64Array): number {
  return scores.reduce(
    (most, score, index) => Math.max(most, Math.abs(score - (known[index % known.length] ?? NaN))),
    0,
  );
}

describe('a network in the records packing', () => {
  it('gives its clear twin within the plan’s bound, with one activation and the public key alone', async () => {
    const made = planned([12, 3], { kind: 'polynomial', coefficients: [0, 0.5, 0.25] });
    expect(made.client.evaluationKeys).toEqual({ relinearization: false, galoisSteps: [] });
    expect(made.client.parameters.polyModulusDegree).toBe(4096);
    const difference = largestDifference(await evaluate(made), made.canaryScores);
    expect(difference).toBeLessThan(made.client.errorBound);
    // Tight enough to catch another model: the bound is a small part of what scores differ by.
    expect(made.client.errorBound).toBeLessThan(
      largestDifference(made.canaryScores.subarray(0, 3), made.canaryScores.subarray(3, 6)) / 10,
    );
  });

  it('gives its clear twin within the plan’s bound with two and three activations, by rescaling', async () => {
    for (const widths of [
      [8, 6, 2],
      [8, 6, 4, 2],
    ]) {
      const made = planned(widths, { kind: 'relu' });
      expect(made.client.evaluationKeys.relinearization).toBe(true);
      expect(largestDifference(await evaluate(made), made.canaryScores)).toBeLessThan(made.client.errorBound);
    }
  });

  it('gives the bias of an output that reads nothing, with and without rescaling', async () => {
    for (const widths of [
      [12, 3],
      [8, 6, 2],
    ]) {
      const draw = drawFrom(11);
      const body = drawNetwork(draw, { widths: [inputs, ...widths], activation: square });
      const layers = body.layers.map((layer, index) => {
        if (layer.kind !== 'affine' || index < body.layers.length - 1) return layer;
        const { matrix } = layer;
        const end = matrix.rowStart[matrix.rows - 1] ?? 0;
        return { ...layer, matrix: { ...matrix, values: matrix.values.slice().fill(0, end) } };
      });
      const made = planRecords({ ...body, layers }, draw(rows * inputs));
      for (const threads of [1, 2])
        expect(largestDifference(await evaluate(made, threads), made.canaryScores)).toBeLessThan(
          made.client.errorBound,
        );
    }
  });

  it('adds up units that are read alike, of one activation and of several', async () => {
    for (const [widths, layers] of [
      [[12, 3], 3],
      [[12, 8, 2], 5],
    ] as const) {
      const made = planned(widths, { kind: 'relu' }, 4);
      expect(made.server.layers).toHaveLength(layers);
      for (const threads of [1, 2])
        expect(largestDifference(await evaluate(made, threads), made.canaryScores)).toBeLessThan(
          made.client.errorBound,
        );
    }
  });

  it('is shared by threads', async () => {
    for (const widths of [
      [12, 3],
      [8, 6, 2],
    ]) {
      const made = planned(widths, { kind: 'polynomial', coefficients: [0, 0.5, 0.25] });
      for (const threads of [2, 3])
        expect(largestDifference(await evaluate(made, threads), made.canaryScores)).toBeLessThan(
          made.client.errorBound,
        );
    }
  });

  it('is caught by its canaries when another model answers', async () => {
    const made = planned([12, 3], square);
    const other = {
      ...made,
      tensors: made.tensors.map((value, index) =>
        index === (made.server.layers[0]?.bias.offset ?? 0) ? value + 40 : value,
      ),
    };
    expect(largestDifference(await evaluate(other), made.canaryScores)).toBeGreaterThan(made.client.errorBound);
  });
});

describe('integerCombination', () => {
  it('adds up integers of any size and sign exactly', async () => {
    const seal = await loadSeal();
    const { client } = planned([4, 2], square);
    const keys = generateKeys(seal, client.parameters, client.evaluationKeys);
    using he = makeContext(seal, client.parameters);
    using secretKey = new seal.SecretKey();
    secretKey.loadFromArray(he.context, keys.secretKey);
    using generator = new seal.KeyGenerator(he.context, secretKey);
    using publicKey = generator.createPublicKey();
    using encryptor = new seal.Encryptor(he.context, publicKey, secretKey);
    using decryptor = new seal.Decryptor(he.context, secretKey);
    using encoder = new seal.CKKSEncoder(he.context);
    const random = weylWords(3);
    for (const limit of [1, 2, 7, 100, 5000]) {
      using unwind = new DisposableStack();
      let expected = 0;
      const terms = Array.from({ length: 23 }, () => {
        const value = random() / 2 ** 32;
        const factor = ((random() % limit) + 1) * (random() % 2 === 0 ? 1 : -1);
        expected += value * factor;
        using plaintext = new seal.Plaintext();
        encoder.encode(new Float64Array(encoder.slotCount()).fill(value), 2 ** 40, plaintext);
        const ciphertext = unwind.use(new seal.Ciphertext());
        encryptor.encryptSymmetric(plaintext, ciphertext);
        return { ciphertext, factor };
      });
      expect(
        integerCombination(
          he,
          terms.flatMap((term) => [term, { ...term, factor: -term.factor }]),
        ),
      ).toBeUndefined();
      using sum = integerCombination(he, terms) ?? new seal.Ciphertext();
      using plaintext = new seal.Plaintext();
      decryptor.decrypt(sum, plaintext);
      expect(Math.abs(((encoder.decodeFloat64(plaintext) as Float64Array)[0] ?? NaN) - expected)).toBeLessThan(
        limit * 1e-7,
      );
    }
  });
});
