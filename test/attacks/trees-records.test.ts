import type { Ciphertext } from 'node-seal';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeTrees, type BitTree } from '../../src/core/plan/tree-bits.ts';
import { recordsParameters } from '../../src/core/plan/tree-records.ts';
import { saveCompact } from '../../src/seal/ciphertexts.ts';
import { makeContext, type HeContext } from '../../src/seal/context.ts';
import { loadSeal, type Seal } from '../../src/seal/library.ts';
import { polynomialCodec } from '../../src/seal/polynomials.ts';
import { constantPlaintext } from '../../src/seal/server/scalars.ts';
import { treeRecordsCircuit } from '../../src/seal/server/tree-records-circuit.ts';
import { phaseReader, tStatistics } from '../raw-phase.ts';

/**
 * The key's owner sends queries whose noise it knows, all records alike, and regresses the raw phase of results on it: without flooding the
 * noise of a result is the sum over bits of the score's derivative by that bit times the noise of its encryption.
 */
const results = 100;
/** b0 ? (b1 ? 100 : -250) : (b2 ? 3 : 777), all bits 1: the derivatives are 97, 350 and 0. */
const tree: BitTree = {
  bit: Int32Array.of(0, 1, 2),
  missing: Int32Array.of(-1, -1, -1),
  left: Int32Array.of(1, -1, -3),
  right: Int32Array.of(2, -2, -4),
  leafValues: Float64Array.of(100, -250, 3, 777),
};
const bits = 3;
let seal: Seal;
beforeAll(async () => {
  seal = await loadSeal();
});

interface Attacker extends Disposable {
  readonly he: HeContext;
  /** One query: its ciphertexts as they are sent. */
  encrypt(): Uint8Array[];
  phase(bytes: Uint8Array | Ciphertext): Float64Array;
  evaluate(query: readonly Uint8Array[]): Uint8Array;
}

function attacker(): Attacker {
  const parameters = recordsParameters([tree], 1, 12);
  if (parameters === undefined) throw new Error('no parameters');
  const owned = new DisposableStack();
  const he = owned.use(makeContext(seal, parameters));
  const generator = owned.use(new seal.KeyGenerator(he.context));
  const secretKey = owned.use(generator.secretKey());
  const publicKey = owned.use(generator.createPublicKey());
  const relinearizationKeys = owned.use(generator.createRelinKeys());
  const encryptor = owned.use(new seal.Encryptor(he.context, publicKey, secretKey));
  const encoder = owned.use(new seal.BatchEncoder(he.context));
  const reader = phaseReader(he, secretKey);
  const shape = { mode: 'throughput', parameters, inputs: 3, outputs: 1, blocksPerQuery: 1 } as const;
  const none = { offset: 0, length: 0 };
  const plan = {
    ...shape,
    blockRecords: parameters.polyModulusDegree,
    circuit: 'trees-records',
    bits,
    trees: none,
    base: none,
  } as const;
  const circuit = owned.use(treeRecordsCircuit(he, plan, { trees: writeTrees([tree]), base: Float64Array.of(0) }));
  const keys = { encryptor, relinearizationKeys, galoisKeys: undefined, [Symbol.dispose]: () => undefined };
  return {
    he,
    encrypt: () =>
      Array.from({ length: bits }, () => {
        using plaintext = new seal.Plaintext();
        encoder.encode(new BigInt64Array(encoder.slotCount()).fill(1n), plaintext);
        using ciphertext = encryptor.encryptSymmetricSerializable(plaintext);
        return saveCompact(he, ciphertext);
      }),
    phase: (bytes) => {
      if (!(bytes instanceof Uint8Array)) return reader.read(bytes);
      using ciphertext = new seal.Ciphertext();
      ciphertext.loadFromArray(he.context, bytes);
      return reader.read(ciphertext);
    },
    evaluate: (query) => circuit.evaluate(query, keys)[0] ?? new Uint8Array(0),
    [Symbol.dispose]: () => {
      owned.dispose();
    },
  };
}

/** Coefficients but the constant one, which holds the message. */
function* observations(noises: readonly Float64Array[], phase: Float64Array): Generator<number[]> {
  for (let place = 1; place < phase.length; place += 1)
    yield [...noises.map((noise) => noise[place] ?? 0), phase[place] ?? 0];
}

function* attack(
  them: Attacker,
  count: number,
  answer: (query: readonly Uint8Array[]) => Float64Array,
): Generator<number[]> {
  for (let result = 0; result < count; result += 1) {
    const query = them.encrypt();
    yield* observations(
      query.map((bytes) => them.phase(bytes)),
      answer(query),
    );
  }
}

/** Factors times bits with nothing added and no prime dropped. @returns owned */
function unflooded(he: HeContext, query: readonly Uint8Array[], factors: readonly number[]): Ciphertext {
  const polynomials = polynomialCodec(he);
  const sum = new he.seal.Ciphertext();
  for (const [bit, bytes] of query.entries()) {
    using term = new he.seal.Ciphertext();
    term.loadFromArray(he.context, bytes);
    using factor = constantPlaintext(polynomials, factors[bit] ?? 1);
    if (bit === 0) he.evaluator.multiplyPlain(term, factor, sum);
    else {
      he.evaluator.multiplyPlainInplace(term, factor);
      he.evaluator.addInplace(sum, term);
    }
  }
  return sum;
}

describe('regressing on the raw phase of results', () => {
  it('finds every factor of a sum that is not flooded', () => {
    using them = attacker();
    const factors = [97, 350, 41];
    const found = tStatistics(
      attack(them, 2, (query) => {
        using sum = unflooded(them.he, query, factors);
        return them.phase(sum);
      }),
      bits,
    );
    for (const statistic of found) expect(Math.abs(statistic)).toBeGreaterThan(50);
  });

  it('finds nothing in a hundred results of trees with one slot a record', () => {
    using them = attacker();
    const found = tStatistics(
      attack(them, results, (query) => them.phase(them.evaluate(query))),
      bits,
    );
    for (const statistic of found) expect(Math.abs(statistic)).toBeLessThan(5);
  });
});
