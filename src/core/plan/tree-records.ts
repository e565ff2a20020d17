import { AppError } from '../error.ts';
import { heightOf, type BitTree } from './tree-bits.ts';
import { makeParameterSet, maxCoeffModulusBits, type ParameterSet } from './parameters.ts';
import { zeroEncryptionDeviation } from './linear.ts';

/**
 * Trees in BGV with one slot a record, exact modulo t. A tree's value is found from below, node = b (left - right) + right, so that each
 * inner node costs one product with a fresh bit and only the differences are relinearized. A product with a fresh bit adds little noise, and
 * a deep modulus without switching turns out smaller than one with a switch a level (docs/adr).
 */

/** Leaf values as integers: value * 2^scoreBits. */
export function integerLeaves(trees: readonly BitTree[], scoreBits: number): BitTree[] {
  return trees.map((tree) => ({
    ...tree,
    leafValues: tree.leafValues.map((value) => Math.round(value * 2 ** scoreBits) + 0),
  }));
}

/** The one output that a tree's leaves add to, or undefined where there are several. */
export function soleOutput({ leafValues }: BitTree, outputs: number): number | undefined {
  let sole: number | undefined;
  for (const [index, value] of leafValues.entries()) {
    const output = index % outputs;
    if (value === 0 || output === sole) continue;
    if (sole !== undefined) return undefined;
    sole = output;
  }
  return sole ?? 0;
}

/** base + what is left of each tree where every decision is to the right: an integer an output. */
export function sumConstants(trees: readonly BitTree[], base: Float64Array): Float64Array {
  const constants = base.slice();
  for (const { bit, right, leafValues } of trees) {
    const last = rightmostLeaf(right, bit.length === 0 ? -1 : 0);
    for (const output of constants.keys())
      constants[output] = (constants[output] ?? 0) + (leafValues[last * constants.length + output] ?? 0);
  }
  return constants;
}

/** The leaf reached from a node (or leaf) by going right. */
export function rightmostLeaf(right: BitTree['right'], start: number): number {
  let node = start;
  while (node >= 0) node = right[node] ?? -1;
  return ~node;
}

/** The trees that a thread sums, by about as many nodes each. Those with the same root, which share its product, stay together. */
export function shareOfTrees(
  trees: readonly BitTree[],
  outputs: number,
  { part, of }: { readonly part: number; readonly of: number },
): BitTree[] {
  const groups = new Map<string, BitTree[]>();
  for (const tree of trees) {
    const root = rootOf(tree, soleOutput(tree, outputs));
    groups.set(root, [...(groups.get(root) ?? []), tree]);
  }
  const ordered = [...groups.values()].flat();
  const nodes = ordered.reduce((sum, { bit }) => sum + bit.length, 0);
  let before = 0;
  return ordered.filter(({ bit }) => {
    const middle = before + bit.length / 2;
    before += bit.length;
    return Math.min(of - 1, Math.floor((middle * of) / Math.max(1, nodes))) === part;
  });
}

/** What trees have in common that share a product. */
export function rootOf({ bit, missing }: BitTree, output: number | undefined): string {
  return `${String(output)}/${String(bit[0])}/${String(missing[0])}`;
}

/** What evaluation costs, counted by {@link countWork}. */
export interface RecordsWork {
  readonly products: number;
  readonly relinearizations: number;
  readonly scalings: number;
  readonly usedBits: number;
}

/** @param trees with integer leaves. @returns the operations of a block */
export function countWork(trees: readonly BitTree[], outputs: number): RecordsWork {
  const used = new Set<number>();
  const roots = new Set<string>();
  const work = { products: 0, relinearizations: outputs, scalings: 0 };
  for (const tree of trees) {
    for (const bit of [...tree.bit, ...tree.missing]) if (bit >= 0) used.add(bit);
    const sole = soleOutput(tree, outputs);
    const root = rootOf(tree, sole);
    for (const node of tree.bit.keys()) {
      work.scalings += sole === undefined ? outputs : 1;
      // Trees with one root share its product.
      if (node === 0 && (sole === undefined || roots.has(root))) continue;
      const height = heightOf(tree, node) + Number(sole === undefined);
      work.products += Number(height > 1);
      work.relinearizations += Number(height > 2);
    }
    roots.add(root);
  }
  return { ...work, usedBits: used.size };
}

/** Noise of a fresh symmetric encryption and what a product adds, in bits beside t; measured. */
const freshNoiseBits = 4;
const productNoiseBits = 6;
/** A result keeps this much room between noise and modulus: beyond it decryption fails. */
const marginBits = 9;
/** Flooding noise exceeds that of the computation by at least as much. */
const floodBits = 12;

/** log2 of the largest noise coefficient of a result before flooding. */
function recordsNoiseBits(trees: readonly BitTree[], outputs: number, plainBits: number): number {
  const fresh = plainBits + freshNoiseBits;
  let largest = 0;
  for (const tree of trees) {
    const spread = Math.log2(2 * tree.leafValues.reduce((most, value) => Math.max(most, Math.abs(value)), 1));
    const height = heightOf(tree);
    // Each level multiplies by a fresh bit and adds two values, up to one bit.
    const levels = Math.max(height - 1, 0) * (fresh + productNoiseBits + 1);
    largest = Math.max(largest, fresh + spread + 1 + levels + (soleOutput(tree, outputs) === undefined ? height : 0));
  }
  return largest + Math.log2(trees.length + 1) / 2 + 1;
}

/** @param scoreBits bits of a score's integer with its sign. The smallest ring whose modulus holds t and the noise. @returns undefined where none does */
export function recordsParameters(
  trees: readonly BitTree[],
  outputs: number,
  scoreBits: number,
): ParameterSet | undefined {
  for (const polyModulusDegree of [4096, 8192, 16384] as const) {
    const plainBits = batchingBits(scoreBits, polyModulusDegree);
    const data = Math.ceil(recordsNoiseBits(trees, outputs, plainBits) + floodBits + marginBits);
    const most = maxCoeffModulusBits[polyModulusDegree];
    const primes = Math.ceil(data / 56);
    // After the last switch, rounding noise of about t + 15 bits and the margin must fit one prime.
    const bits = Math.max(Math.ceil(data / primes), plainBits + 15 + marginBits + 2);
    // Relinearization noise grows with a prime over the special one, and may do so up to the noise that is there already.
    const special = Math.min(60, most - primes * bits);
    if (special < Math.max(20, bits - plainBits - 8) || bits > 58) continue;
    return makeParameterSet({
      scheme: 'bgv',
      polyModulusDegree,
      coeffModulusBits: [...new Array<number>(primes).fill(bits), special],
      plainModulusBits: plainBits,
    });
  }
  return undefined;
}

/** The fewest bits, `least` or more, that a prime has which is 1 modulo 2N: at 8192, say, no such prime has 19. */
function batchingBits(least: number, degree: number): number {
  for (let bits = Math.max(least, Math.log2(degree) + 2); ; bits += 1) {
    for (let value = 2 ** (bits - 1) + 1; value < 2 ** bits; value += 2 * degree) if (isPrime(value)) return bits;
  }
}

function isPrime(value: number): boolean {
  for (let factor = 3; factor * factor <= value; factor += 2) if (value % factor === 0) return false;
  return true;
}

/** @throws {AppError} plan.impossible naming depth and budget */
export function tooDeep(trees: readonly BitTree[], outputs: number, plainBits: number): AppError {
  const depth = trees.reduce((most, tree) => Math.max(most, heightOf(tree)), 0);
  const needed = Math.ceil(recordsNoiseBits(trees, outputs, plainBits) + floodBits + marginBits);
  return new AppError(
    'plan.impossible',
    `Trees of depth ${String(depth)} need a modulus of ${String(needed)} bits; N = 16384 has ${String(maxCoeffModulusBits[16384] - 20)} at 128-bit security.`,
    { hint: 'Train shallower trees (max_depth), or allow a larger --max-error.' },
  );
}

/**
 * How an encryption of zero is blown up to flooding noise: plaintexts with uniform coefficients below 2^bits that it is multiplied by in
 * turn.
 * @returns bits of each, so that the noise is marginBits below the modulus
 */
export function floodFactors({
  polyModulusDegree: degree,
  coeffModulusBits,
  plainModulusBits: plainBits = 0,
}: ParameterSet): number[] {
  const data = coeffModulusBits.slice(0, -1).reduce((sum, bits) => sum + bits, 0);
  let missing = data - marginBits - 3 - plainBits - Math.log2(zeroEncryptionDeviation(degree));
  const spread = (bits: number) => bits - 1.8 + Math.log2(degree) / 2;
  const factors: number[] = [];
  for (;;) {
    const bits = Math.min(plainBits, Math.floor(missing + 1.8 - Math.log2(degree) / 2));
    // One bit would leave nothing but zeros.
    if (bits < 2) return factors;
    factors.push(bits);
    missing -= spread(bits);
  }
}
