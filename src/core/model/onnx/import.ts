import { AppError, toAppError } from '../../error.ts';
import type { Model } from '../ir.ts';
import { maxEntries } from '../sparse.ts';
import { finishModel } from './finish.ts';
import { type OnnxFile, type OnnxGraph, readOnnxFile } from './proto.ts';
import { sizeOf } from './shape.ts';
import type { ReadExternal } from './tensor.ts';
import { walkGraph } from './walk.ts';

export interface OnnxOptions {
  /** The file's name, for messages. */
  readonly file?: string;
  /** Reads weights that lie beside the model; without it a model that has such weights is refused. */
  readonly readExternal?: ReadExternal;
  /** What several plain outputs are, where the file does not tell: scores of classes by default, values for regressors. */
  readonly task?: 'classification' | 'regression';
}

/**
 * Reads an ONNX model: linear models, networks and tree ensembles, with their preprocessing.
 * @param bytes borrowed, and not copied: weights are read from it while the model is built
 * @throws AppError `model.unreadable` for what is no ONNX file or a part of one, `model.unsupported` (naming the node) for what
 *   has no encrypted form, `model.invalid` (naming the node or the weights) for a model that contradicts itself
 */
export function importOnnx(bytes: Uint8Array, options: OnnxOptions = {}): Model {
  try {
    const file = parse(bytes);
    const graph = checkedGraph(file);
    const { outputs, features } = walkGraph(file, graph, options.readExternal);
    return {
      source: sourceName(file),
      ...finishModel(outputs, features, { plainOutputs: plainOutputs(file, graph, options.task) }),
    };
  } catch (error) {
    throw inFile(error, options.file);
  }
}

function parse(bytes: Uint8Array): OnnxFile {
  if (bytes.length === 0)
    throw new AppError('model.unreadable', 'The model file is empty.', { hint: 'Export the model again.' });
  try {
    return readOnnxFile(bytes);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw unreadable('The file is no ONNX model, or only a part of one.', cause);
  }
}

function checkedGraph({ graph, opsets, irVersion }: OnnxFile): OnnxGraph {
  if (graph === undefined || graph.nodes.length === 0 || graph.outputs.length === 0 || irVersion < 1)
    throw unreadable('The file is no ONNX model, or only a part of one.');
  if (opsets.size === 0)
    throw unreadable('The ONNX model does not say which operators it uses; it is probably cut off.');
  if (graph.hasSparseInitializer) {
    throw new AppError('model.unsupported', 'The model has sparse weights, which are not supported.', {
      hint: 'Export it with dense weights.',
    });
  }
  const weights = graph.initializers.reduce((sum, { dims }) => sum + (dims.length < 2 ? 0 : sizeOf(dims)), 0);
  if (weights > maxEntries) {
    throw new AppError(
      'model.unsupported',
      `The model has ${String(Math.round(weights / 1e6))} million weights; 8 million is the most.`,
      { hint: 'Networks of this size cannot be evaluated encrypted; use a smaller one.' },
    );
  }
  return graph;
}

function unreadable(message: string, cause?: unknown): AppError {
  return new AppError('model.unreadable', message, {
    hint: 'Check that this is the model file, whole, and export it again if need be.',
    cause,
  });
}

/** scikit-learn's converters write a label for every classifier, so plain outputs are values there. */
function plainOutputs({ producer }: OnnxFile, graph: OnnxGraph, task: OnnxOptions['task']): 'classes' | 'values' {
  if (task !== undefined) return task === 'classification' ? 'classes' : 'values';
  const isRegressor = graph.nodes.some(({ operator }) => operator === 'LinearRegressor' || operator === 'SVMRegressor');
  return isRegressor || /skl2onnx|onnxmltools/i.test(producer) ? 'values' : 'classes';
}

function sourceName({ producer, producerVersion }: OnnxFile): string {
  const by = [producer, producerVersion].filter((part) => part !== '').join(' ');
  return by === '' ? 'ONNX' : `ONNX (${by})`;
}

/** Whatever a damaged file leads to is told as such, never as a fault of ours without a word about the file. */
function inFile(error: unknown, file: string | undefined): AppError {
  if (!(error instanceof AppError)) {
    if (error instanceof Error && error.name === 'AbortError') return toAppError(error);
    return new AppError('model.invalid', 'The ONNX model contradicts itself.', {
      file,
      hint: 'The file is damaged; export the model again.',
      cause: error,
    });
  }
  return error.place.file !== undefined || file === undefined
    ? error
    : new AppError(error.code, error.message, { ...error.place, file, hint: error.hint, cause: error.cause });
}
