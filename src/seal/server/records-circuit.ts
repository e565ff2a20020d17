import type { CKKSEncoder, Ciphertext, Plaintext } from 'node-seal';
import type { ServerPlanOf } from '../../core/plan/plan.ts';
import { loadCiphertext, saveCompact } from '../ciphertexts.ts';
import type { HeContext } from '../context.ts';
import { callSeal } from '../library.ts';
import { encryptZero, type Circuit } from './circuit.ts';
import type { EvaluationKeySet } from './evaluation-keys.ts';

type Plan = ServerPlanOf<'affine-records'>;

/** Inputs that share a weight's magnitude: they are added before the one product. */
interface WeightGroup {
  readonly plaintext: Plaintext;
  readonly terms: readonly { readonly input: number; readonly negative: boolean }[];
}

/**
 * One slot a record: score k = sum over j of W[k][j] x[j], with scalar weights in CKKS; no rotations, no rescale, no relinearization.
 * Cost: one plaintext product a distinct |weight| of an output, one addition an input.
 */
export function recordsCircuit(
  he: HeContext,
  plan: Plan,
  tensors: { readonly weights: Float64Array; readonly bias: Float64Array },
): Circuit {
  const encoder = new he.seal.CKKSEncoder(he.context);
  const plaintexts = new Map<number, Plaintext>();
  const scoreScale = 2 ** (plan.logScale + plan.logWeightScale);
  const outputs = Array.from({ length: plan.outputs }, (_, output) => {
    const row = tensors.weights.subarray(output * plan.inputs, (output + 1) * plan.inputs);
    return weightGroups(row, (magnitude) => {
      const known = plaintexts.get(magnitude);
      if (known !== undefined) return known;
      const made = constant(he, encoder, {
        value: magnitude * 2 ** -plan.logWeightScale,
        scale: 2 ** plan.logWeightScale,
      });
      plaintexts.set(magnitude, made);
      return made;
    });
  });
  const biases = Array.from(tensors.bias, (value) => constant(he, encoder, { value, scale: scoreScale }));
  const evaluateOutput = (inputs: readonly Ciphertext[], output: number, keys: EvaluationKeySet): Uint8Array =>
    callSeal('evaluate the records packing', () => {
      using sum = encryptZero(he, keys, scoreScale);
      for (const group of outputs[output] ?? []) {
        using product = signedSum(he, inputs, group.terms);
        he.evaluator.multiplyPlainInplace(product, group.plaintext);
        he.evaluator.addInplace(sum, product);
      }
      const bias = biases[output];
      if (bias !== undefined && !bias.isZero()) he.evaluator.addPlainInplace(sum, bias);
      return saveCompact(he, sum);
    });
  return {
    inputCiphertexts: plan.inputs,
    evaluate: (ciphertexts, keys) => {
      using unwind = new DisposableStack();
      const inputs = ciphertexts.map((bytes) => unwind.use(loadCiphertext(he, bytes)));
      for (const input of inputs) input.setScale(2 ** plan.logScale);
      return Array.from({ length: plan.outputs }, (_, output) => evaluateOutput(inputs, output, keys));
    },
    [Symbol.dispose]: () => {
      for (const plaintext of [...plaintexts.values(), ...biases]) plaintext.delete();
      encoder.delete();
    },
  };
}

function weightGroups(row: Float64Array, plaintextOf: (magnitude: number) => Plaintext): WeightGroup[] {
  const terms = new Map<number, { input: number; negative: boolean }[]>();
  for (const [input, weight] of row.entries()) {
    if (weight === 0) continue;
    const group = terms.get(Math.abs(weight)) ?? [];
    group.push({ input, negative: weight < 0 });
    terms.set(Math.abs(weight), group);
  }
  return [...terms].map(([magnitude, group]) => ({ plaintext: plaintextOf(magnitude), terms: group }));
}

/** @returns owned; the inputs of a group added up with their signs */
function signedSum(he: HeContext, inputs: readonly Ciphertext[], terms: WeightGroup['terms']): Ciphertext {
  const sum = new he.seal.Ciphertext();
  for (const [index, { input, negative }] of terms.entries()) {
    const ciphertext = inputs[input];
    if (ciphertext === undefined) continue;
    if (index === 0 && negative) he.evaluator.negate(ciphertext, sum);
    else if (index === 0) sum.assign(ciphertext);
    else if (negative) he.evaluator.subInplace(sum, ciphertext);
    else he.evaluator.addInplace(sum, ciphertext);
  }
  return sum;
}

/** @returns owned; the same value in every slot */
function constant(
  he: HeContext,
  encoder: CKKSEncoder,
  literal: { readonly value: number; readonly scale: number },
): Plaintext {
  return callSeal('encode a weight', () => {
    const plaintext = new he.seal.Plaintext();
    encoder.encode(new Float64Array(encoder.slotCount()).fill(literal.value), literal.scale, plaintext);
    return plaintext;
  });
}
