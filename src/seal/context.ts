import type { Evaluator, SEALContext } from 'node-seal';
import { AppError } from '../core/error.ts';
import { isSecure, type ParameterSet } from '../core/plan/parameters.ts';
import { callSeal, type Seal } from './library.ts';

/** SEAL's objects for one parameter set; owned by whoever made it. */
export interface HeContext extends Disposable {
  readonly seal: Seal;
  readonly parameters: ParameterSet;
  readonly context: SEALContext;
  readonly evaluator: Evaluator;
}

/** @throws {AppError} plan.impossible where the set is outside the security table: SEAL's own table is looser at some degrees */
export function makeContext(seal: Seal, parameters: ParameterSet): HeContext {
  if (!isSecure(parameters))
    throw new AppError('plan.impossible', `Parameters ${parameters.id} are below 128-bit security.`);
  return callSeal(`parameters ${parameters.id}`, () => {
    using encryption = new seal.EncryptionParameters(
      parameters.scheme === 'ckks' ? seal.SchemeType.ckks : seal.SchemeType.bgv,
    );
    encryption.setPolyModulusDegree(parameters.polyModulusDegree);
    using moduli = seal.CoeffModulus.Create(parameters.polyModulusDegree, Int32Array.from(parameters.coeffModulusBits));
    encryption.setCoeffModulus(moduli);
    if (parameters.plainModulusBits !== undefined) {
      using plain = seal.PlainModulus.Batching(parameters.polyModulusDegree, parameters.plainModulusBits);
      encryption.setPlainModulus(plain);
    }
    const context = new seal.SEALContext(encryption, true, seal.SecLevelType.tc128);
    if (!context.parametersSet()) {
      context.delete();
      throw new AppError('plan.impossible', `SEAL does not accept the parameters ${parameters.id}.`);
    }
    const evaluator = new seal.Evaluator(context);
    return {
      seal,
      parameters,
      context,
      evaluator,
      [Symbol.dispose]: () => {
        evaluator.delete();
        context.delete();
      },
    };
  });
}
