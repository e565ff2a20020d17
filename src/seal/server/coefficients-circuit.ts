import { randomFillSync } from 'node:crypto';
import type { Ciphertext, Plaintext } from 'node-seal';
import { inputCiphertexts, packWeights, resultCiphertexts, scorePosition } from '../../core/plan/coefficients.ts';
import type { ServerPlanOf } from '../../core/plan/plan.ts';
import { loadCiphertext, saveCompact } from '../ciphertexts.ts';
import type { HeContext } from '../context.ts';
import { callSeal } from '../library.ts';
import { polynomialCodec } from '../polynomials.ts';
import type { Circuit } from './circuit.ts';
import type { EvaluationKeySet } from './evaluation-keys.ts';

type Plan = ServerPlanOf<'affine-coefficients'>;

/**
 * Dot products by plaintext products in BGV, exact modulo t. Coefficients that are no score get uniform masks.
 * Cost: inputCiphertexts x resultCiphertexts plaintext products; no rotations, no relinearization.
 */
export function coefficientsCircuit(
  he: HeContext,
  plan: Plan,
  tensors: { readonly weights: Float64Array; readonly bias: Float64Array },
): Circuit {
  const degree = he.parameters.polyModulusDegree;
  const polynomials = polynomialCodec(he);
  // A zero weight polynomial has no plaintext: SEAL refuses the transparent product.
  const weights = packWeights(plan, tensors.weights, degree).map((row) =>
    row.map((polynomial) => (polynomial.some((value) => value !== 0) ? polynomials.encode(polynomial) : undefined)),
  );
  const evaluateGroup = (inputs: readonly Ciphertext[], group: number, keys: EvaluationKeySet): Uint8Array =>
    callSeal('evaluate the coefficients packing', () => {
      using mask = polynomials.encode(maskAndBias(plan, tensors.bias, { group, degree, modulus: polynomials.modulus }));
      // One encryption carries mask and bias and re-randomizes.
      using sum = new he.seal.Ciphertext();
      keys.encryptor.encrypt(mask, sum);
      addProducts(he, sum, { inputs, weights: weights[group] ?? [] });
      // What is left of the noise fits the first prime, and the result is smaller for it.
      while (sum.coeffModulusSize() > 1) he.evaluator.cipherModSwitchToNextInplace(sum);
      return saveCompact(he, sum);
    });
  return {
    inputCiphertexts: inputCiphertexts(plan),
    evaluate: (ciphertexts, keys) => {
      using unwind = new DisposableStack();
      const inputs = ciphertexts.map((bytes) => unwind.use(loadCiphertext(he, bytes)));
      return Array.from({ length: resultCiphertexts(plan) }, (_, group) => evaluateGroup(inputs, group, keys));
    },
    [Symbol.dispose]: () => {
      for (const row of weights) for (const plaintext of row) plaintext?.delete();
    },
  };
}

/** Adds to `sum` each input times its weight polynomial. */
function addProducts(
  he: HeContext,
  sum: Ciphertext,
  factors: { readonly inputs: readonly Ciphertext[]; readonly weights: readonly (Plaintext | undefined)[] },
): void {
  using product = new he.seal.Ciphertext();
  for (const [part, input] of factors.inputs.entries()) {
    const plaintext = factors.weights[part];
    if (plaintext === undefined) continue;
    he.evaluator.multiplyPlain(input, plaintext, product);
    he.evaluator.addInplace(sum, product);
  }
}

/** Bias where a score stands, uniform values modulo t elsewhere. */
function maskAndBias(
  plan: Plan,
  bias: Float64Array,
  place: { readonly group: number; readonly degree: number; readonly modulus: number },
): Float64Array {
  const mask = uniformIntegers(place.degree, place.modulus);
  const first = place.group * plan.outputsPerCiphertext;
  const last = Math.min(plan.outputs, first + plan.outputsPerCiphertext);
  for (let record = 0; record < plan.blockRecords; record += 1) {
    for (let output = first; output < last; output += 1) {
      mask[scorePosition(plan, record, output).coefficient] = bias[output] ?? 0;
    }
  }
  return mask;
}

/** Uniform in [0, modulus), by rejection; modulus < 2^53. */
function uniformIntegers(count: number, modulus: number): Float64Array {
  const values = new Float64Array(count);
  const high = Math.floor((modulus - 1) / 2 ** 32);
  const highMask = high === 0 ? 0 : 2 ** (Math.floor(Math.log2(high)) + 1) - 1;
  const random = new Uint32Array(2 * count);
  let next = random.length;
  for (let index = 0; index < count;) {
    if (next >= random.length) {
      randomFillSync(random);
      next = 0;
    }
    const value = ((random[next + 1] ?? 0) & highMask) * 2 ** 32 + (random[next] ?? 0);
    next += 2;
    if (value >= modulus) continue;
    values[index] = value;
    index += 1;
  }
  return values;
}
