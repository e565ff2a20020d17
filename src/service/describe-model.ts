import { isPickle } from '../core/model/foreign-files.ts';
import { importModel } from '../core/model/import.ts';
import type { Body } from '../core/model/ir.ts';
import { openExternalData } from '../io/external-data.ts';
import { readModelFile, readStart } from '../io/model-file.ts';
import type { Environment, Running } from './environment.ts';
import { startBytes } from './read-model.ts';

export type ModelDescription =
  | {
      readonly kind: 'linear' | 'network' | 'trees';
      /** What the file is: "ONNX (skl2onnx 1.20.0)". */
      readonly source: string;
      readonly inputs: number;
      /** Trees, or affine layers. */
      readonly parts: number;
    }
  /** What is in it shows only when its code runs. */
  | { readonly kind: 'pickle' };

/** What kind of model a file holds, without planning anything or running code. @throws {AppError} model.*, io.* */
export async function describeModel(
  { model }: { readonly model: string },
  _environment: Environment,
  { signal }: Running,
): Promise<ModelDescription> {
  if (isPickle(model, await readStart(model, startBytes))) return { kind: 'pickle' };
  const bytes = await readModelFile(model, signal);
  const { source, body } = importModel(model, bytes, { readExternal: openExternalData(model) });
  return { source, inputs: body.inputs, ...kindOf(body) };
}

function kindOf(body: Body): { readonly kind: 'linear' | 'network' | 'trees'; readonly parts: number } {
  if (body.kind === 'tree-ensemble') return { kind: 'trees', parts: body.trees.length };
  const parts = body.layers.filter(({ kind }) => kind === 'affine').length;
  return { kind: parts === 1 ? 'linear' : 'network', parts };
}
