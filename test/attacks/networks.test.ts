import { expect, it } from 'vitest';
import { recordsCodec } from '../../src/seal/client/records-codec.ts';
import { makeContext } from '../../src/seal/context.ts';
import { loadSeal } from '../../src/seal/library.ts';
import { networkRecordsCircuit } from '../../src/seal/server/network-records-circuit.ts';
import { drawFrom, drawNetwork, planRecords, square } from '../drawn-networks.ts';
import { phaseReader, tStatistics } from '../raw-phase.ts';

const [inputs, rows, results] = [4, 60, 100];

/**
 * The key's owner knows the noise of its queries; that of a result is, to first order, the gradient of the score at the record times it. What
 * is added to results is bounded by the tolerance, so that the gradient shows, and so do, in time, a network's weights: SECURITY.md promises
 * nothing here. Should this fail because results are flooded better, promise more.
 */
it('a hundred results of a network with one slot a record tell the gradient at the record', async () => {
  const seal = await loadSeal();
  const draw = drawFrom(5);
  const body = drawNetwork(draw, { widths: [inputs, 8, 1], activation: square });
  const { client, server, ranges, tensors } = planRecords(body, draw(rows * inputs));
  using he = makeContext(seal, client.parameters);
  using owned = new DisposableStack();
  const generator = owned.use(new seal.KeyGenerator(he.context));
  const secretKey = owned.use(generator.secretKey());
  const publicKey = owned.use(generator.createPublicKey());
  const encryptor = owned.use(new seal.Encryptor(he.context, publicKey, secretKey));
  const decryptor = owned.use(new seal.Decryptor(he.context, secretKey));
  const codec = owned.use(recordsCodec(he, client, { encryptor, decryptor, ranges }));
  const circuit = owned.use(
    networkRecordsCircuit(he, server, ({ offset, length }) => tensors.subarray(offset, offset + length)),
  );
  const reader = phaseReader(he, secretKey);
  const keys = { encryptor, relinearizationKeys: undefined, galoisKeys: undefined, [Symbol.dispose]: () => undefined };
  const read = (bytes: Uint8Array): Float64Array => {
    using ciphertext = new seal.Ciphertext();
    ciphertext.loadFromArray(he.context, bytes);
    return reader.read(ciphertext);
  };
  // All records alike, so that messages are constant polynomials and every other coefficient is noise.
  const block = new Float64Array(client.blockRecords * inputs).fill(0.3);
  const observations: number[][] = [];
  for (let result = 0; result < results; result += 1) {
    const query = codec.encrypt(block);
    const noises = query.map(read);
    const phase = read(circuit.evaluate(query, keys)[0] ?? new Uint8Array(0));
    for (let place = 1; place < phase.length / 2; place += 1)
      observations.push([...noises, phase].map((values) => (values[place] ?? 0) - (values.at(-place) ?? 0)));
  }
  // Scores are real, and imaginary parts all noise: what tells slots' real parts are differences of coefficients k and N - k.
  const found = tStatistics(observations, inputs);
  expect(Math.max(...found.map(Math.abs))).toBeGreaterThan(5);
});
