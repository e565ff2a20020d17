import { describe, expect, it } from 'vitest';
import { writeTrees, type BitTree } from '../../core/plan/tree-bits.ts';
import { recordsParameters } from '../../core/plan/tree-records.ts';
import { saveCompact } from '../ciphertexts.ts';
import { makeContext } from '../context.ts';
import { loadSeal } from '../library.ts';
import { treeRecordsCircuit } from './tree-records-circuit.ts';

/** An unbalanced tree of depth 3 whose last node also takes a missing value left. */
function lopsided(leafValues: readonly number[]): BitTree {
  return {
    bit: Int32Array.of(0, 1, 2),
    missing: Int32Array.of(-1, -1, 3),
    left: Int32Array.of(1, -1, -3),
    right: Int32Array.of(-2, 2, -4),
    leafValues: Float64Array.from(leafValues),
  };
}

function follow(tree: BitTree, bits: readonly number[], outputs: number): number[] {
  let node = tree.bit.length === 0 ? -1 : 0;
  while (node >= 0) {
    const left = (bits[tree.bit[node] ?? 0] ?? 0) + (bits[tree.missing[node] ?? -1] ?? 0) === 1;
    node = (left ? tree.left[node] : tree.right[node]) ?? -1;
  }
  return Array.from({ length: outputs }, (_, output) => tree.leafValues[~node * outputs + output] ?? 0);
}

const leafAlone: BitTree = {
  bit: Int32Array.of(),
  missing: Int32Array.of(),
  left: Int32Array.of(),
  right: Int32Array.of(),
  leafValues: Float64Array.of(7, 0),
};

/** Every combination of bits 0 .. 2; bit 3 (missing) only where bit 2 is 0. */
const records = Array.from({ length: 16 }, (_, code) => [
  code & 1,
  (code >> 1) & 1,
  (code >> 2) & 1,
  (code >> 3) & ~(code >> 2) & 1,
]);

/** @param threads that share the block */
async function scoresOf(trees: readonly BitTree[], base: readonly number[], threads = 1): Promise<number[][]> {
  const seal = await loadSeal();
  const outputs = base.length;
  const parameters = recordsParameters(trees, outputs, 14);
  if (parameters === undefined) throw new Error('no parameters');
  using he = makeContext(seal, parameters);
  using unwind = new DisposableStack();
  const generator = unwind.use(new seal.KeyGenerator(he.context));
  const secretKey = unwind.use(generator.secretKey());
  const publicKey = unwind.use(generator.createPublicKey());
  const relinearizationKeys = unwind.use(generator.createRelinKeys());
  const encryptor = unwind.use(new seal.Encryptor(he.context, publicKey, secretKey));
  const decryptor = unwind.use(new seal.Decryptor(he.context, secretKey));
  const encoder = unwind.use(new seal.BatchEncoder(he.context));
  const bits = Array.from({ length: 4 }, (_, bit) => {
    using plaintext = new seal.Plaintext();
    encoder.encode(
      BigInt64Array.from({ length: parameters.polyModulusDegree }, (_slot, slot) => BigInt(records[slot]?.[bit] ?? 0)),
      plaintext,
    );
    using ciphertext = encryptor.encryptSymmetricSerializable(plaintext);
    return saveCompact(he, ciphertext);
  });
  const none = { offset: 0, length: 0 };
  const shared = {
    mode: 'throughput',
    parameters,
    inputs: 4,
    outputs,
    blockRecords: parameters.polyModulusDegree,
    blocksPerQuery: 1,
  } as const;
  using circuit = treeRecordsCircuit(
    he,
    { ...shared, circuit: 'trees-records', bits: 4, trees: none, base: none },
    { trees: writeTrees(trees), base: Float64Array.from(base) },
  );
  const keys = { encryptor, relinearizationKeys, galoisKeys: undefined, [Symbol.dispose]: () => undefined };
  const partials = Array.from({ length: threads }, (_, part) => circuit.partial({ part, of: threads }, bits, keys));
  const columns = circuit.finish(partials, keys).map((bytes) => {
    using ciphertext = new seal.Ciphertext();
    ciphertext.loadFromArray(he.context, bytes);
    expect(decryptor.invariantNoiseBudget(ciphertext)).toBeGreaterThan(0);
    using plaintext = new seal.Plaintext();
    decryptor.decrypt(ciphertext, plaintext);
    return [...(encoder.decodeBigInt64(plaintext) as BigInt64Array)].map(Number);
  });
  return records.map((_, record) => columns.map((column) => column[record] ?? Number.NaN));
}

function expected(trees: readonly BitTree[], base: readonly number[]): number[][] {
  return records.map((bits) =>
    base.map((start, output) =>
      trees.reduce((sum, tree) => sum + (follow(tree, bits, base.length)[output] ?? 0), start),
    ),
  );
}

describe('trees with one slot a record', () => {
  it('give the sum of the leaves reached, exactly, trees with a common root together', async () => {
    const trees = [lopsided([100, -250, 3, 777]), lopsided([-1, 2, -2000, 1234])];
    expect(await scoresOf(trees, [-5])).toEqual(expected(trees, [-5]));
  });

  it('serve several outputs by one set of paths', async () => {
    const trees = [lopsided([1, 0, 20, -3, 0, 5, -600, 0]), leafAlone];
    expect(await scoresOf(trees, [1, 2])).toEqual(expected(trees, [1, 2]));
  });

  it('are shared by threads, also by more than there are trees', async () => {
    const trees = [
      lopsided([100, -250, 3, 777]),
      lopsided([-1, 2, -2000, 1234]),
      { ...leafAlone, leafValues: Float64Array.of(40) },
    ];
    for (const threads of [2, 5]) expect(await scoresOf(trees, [-5], threads)).toEqual(expected(trees, [-5]));
  });

  it('may cancel each other exactly', async () => {
    const stump = (bit: number, leafValues: readonly number[]): BitTree => ({
      bit: Int32Array.of(bit),
      missing: Int32Array.of(-1),
      left: Int32Array.of(-1),
      right: Int32Array.of(-2),
      leafValues: Float64Array.from(leafValues),
    });
    // The same decision with opposite leaves, in sums over trees, of several outputs, and below a node.
    for (const [trees, base] of [
      [[stump(0, [5, 0]), stump(0, [0, 5])], [1]],
      [
        [stump(0, [1, 2, 0, 1]), stump(0, [0, 1, 1, 2]), stump(1, [3, 4, 0, 1])],
        [1, 2],
      ],
      [
        [
          {
            bit: Int32Array.of(0, 1, 1),
            missing: Int32Array.of(-1, -1, -1),
            left: Int32Array.of(1, -1, -3),
            right: Int32Array.of(2, -2, -4),
            leafValues: Float64Array.of(7, 4, 5, 2),
          },
        ],
        [1],
      ],
    ] as const)
      expect(await scoresOf(trees, base)).toEqual(expected(trees, base));
  });
});
