import { AppError } from '../../error.ts';
import type { OnnxTensor } from './proto-tensor.ts';

/** Reads a part of a file beside the model: `location` is relative to it, never leaves its folder. */
export type ReadExternal = (location: string, offset: number, length: number) => Uint8Array;

export type NumberArray = Float64Array | Float32Array;

/**
 * A value that the file states. Integers are held as doubles; NaN among integers stands for the number of records, which is
 * not known before there is data (only shape arithmetic meets it).
 */
export interface Constant {
  readonly kind: 'constant';
  /** The initializer or node it came from, for messages. */
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: 'float' | 'integer' | 'text';
  /** Decoded at each call (a view of the file where possible); empty for texts. */
  readonly numbers: () => NumberArray;
  readonly texts: () => readonly string[];
}

/** Bytes an element takes in raw data, by ONNX data type. */
const elementBytes: Readonly<Record<number, number>> = {
  1: 4,
  2: 1,
  3: 1,
  4: 2,
  5: 2,
  6: 4,
  7: 8,
  9: 1,
  10: 2,
  11: 8,
  12: 4,
  13: 8,
  16: 2,
};
const floatTypes: ReadonlySet<number> = new Set([1, 10, 11, 16]);
const textType = 8;

/** Numbers that the import itself made. */
export function numberConstant(
  about: Pick<Constant, 'name' | 'dims'> & { readonly type: 'float' | 'integer' },
  numbers: NumberArray,
): Constant {
  return { kind: 'constant', ...about, numbers: () => numbers, texts: () => [] };
}

/** Texts, as many as the shape has elements. */
export function textConstant(name: string, dims: readonly number[], texts: readonly string[]): Constant {
  return { kind: 'constant', name, dims, type: 'text', numbers: () => new Float64Array(0), texts: () => texts };
}

/**
 * @throws AppError `model.invalid` when the data are not as many as the shape says, or lie in a file that cannot be read;
 *   `model.unsupported` for element types that no supported operator takes
 */
export function readConstant(tensor: OnnxTensor, readExternal?: ReadExternal): Constant {
  const { name, dims } = tensor;
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (dims.some((dim) => dim < 0) || !Number.isSafeInteger(count)) throw invalid(name, 'has an impossible shape');
  if (tensor.dataType === textType) return readTexts(tensor, count);
  const bytesEach = elementBytes[tensor.dataType];
  if (bytesEach === undefined) {
    throw new AppError(
      'model.unsupported',
      `The tensor ${quoted(name)} has the element type ${String(tensor.dataType)}, which is not supported.`,
      {
        hint: 'Export the model with float32 weights.',
      },
    );
  }
  const type = floatTypes.has(tensor.dataType) ? 'float' : 'integer';
  const numbers = numberReader(tensor, count, readExternal);
  return { kind: 'constant', name, dims, type, numbers, texts: () => [] };
}

/** The numbers, all finite: what a weight must be. */
export function finiteNumbers(constant: Constant): NumberArray {
  const numbers = constant.numbers();
  for (const number of numbers) if (!Number.isFinite(number)) throw notFinite(constant.name);
  return numbers;
}

/** The refusal of weights that are no numbers. */
export function notFinite(name: string): AppError {
  return new AppError('model.invalid', `The weights ${quoted(name)} contain NaN or an infinity.`, {
    hint: 'The training of this model failed or the file is damaged; train or export it again.',
  });
}

function readTexts(tensor: OnnxTensor, count: number): Constant {
  if (tensor.stringData.length !== count) throw invalid(tensor.name, 'has another number of texts than its shape says');
  return textConstant(tensor.name, tensor.dims, tensor.stringData.map(decodeText));
}

/** UTF-8; what is none becomes replacement characters. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function numberReader(tensor: OnnxTensor, count: number, readExternal: ReadExternal | undefined): () => NumberArray {
  const { name, dataType } = tensor;
  const length = count * (elementBytes[dataType] ?? 1);
  const raw = tensor.isExternal ? externalBytes(tensor, length, readExternal) : tensor.raw;
  const runs = packedRuns(tensor);
  if (raw !== undefined && raw.length > 0) {
    if (raw.length !== length) throw wrongCount(name);
    return () => decodeRaw(raw, dataType);
  }
  if (runs !== undefined) {
    if (runs.reduce((sum, run) => sum + run.length, 0) !== length) throw wrongCount(name);
    return () => joinRuns(runs, dataType);
  }
  if (tensor.intData.length !== count) throw wrongCount(name);
  const numbers = Float64Array.from(tensor.intData, intDecoders[dataType] ?? ((number) => number));
  return () => numbers;
}

/** Undefined for the types that are stored as integers: all but float32 and float64. */
function packedRuns({ dataType, floatData, doubleData }: OnnxTensor): readonly Uint8Array[] | undefined {
  if (dataType === 1) return floatData;
  return dataType === 11 ? doubleData : undefined;
}

const intDecoders: Readonly<Record<number, (bits: number) => number>> = { 10: fromHalf, 16: fromBfloat };

function joinRuns(runs: readonly Uint8Array[], dataType: number): NumberArray {
  const [only] = runs;
  if (only !== undefined && runs.length === 1) return decodeRaw(only, dataType);
  const all = new Uint8Array(runs.reduce((sum, run) => sum + run.length, 0));
  let at = 0;
  for (const run of runs) {
    all.set(run, at);
    at += run.length;
  }
  return decodeRaw(all, dataType);
}

/** Little-endian, as the format says (and every machine this runs on is). */
function decodeRaw(raw: Uint8Array, dataType: number): NumberArray {
  if (dataType === 1) return new Float32Array(...aligned(raw, 4));
  if (dataType === 11) return new Float64Array(...aligned(raw, 8));
  const read = readers[dataType];
  if (read === undefined) throw new RangeError('no reader');
  const width = elementBytes[dataType] ?? 1;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Float64Array.from({ length: raw.length / width }, (_, i) => read(view, i * width));
}

const readers: Readonly<Record<number, (view: DataView, at: number) => number>> = {
  2: (view, at) => view.getUint8(at),
  3: (view, at) => view.getInt8(at),
  4: (view, at) => view.getUint16(at, true),
  5: (view, at) => view.getInt16(at, true),
  6: (view, at) => view.getInt32(at, true),
  7: (view, at) => Number(view.getBigInt64(at, true)),
  9: (view, at) => view.getUint8(at),
  10: (view, at) => fromHalf(view.getUint16(at, true)),
  12: (view, at) => view.getUint32(at, true),
  13: (view, at) => Number(view.getBigUint64(at, true)),
  16: (view, at) => fromBfloat(view.getUint16(at, true)),
};

/** A typed array needs an address divisible by its width; only where the file has another is the tensor copied. */
function aligned(raw: Uint8Array, width: number): [ArrayBufferLike, number, number] {
  const bytes = raw.byteOffset % width === 0 ? raw : new Uint8Array(raw); // slice() of a Node Buffer would be a view
  return [bytes.buffer, bytes.byteOffset, bytes.byteLength / width];
}

/** IEEE 754 binary16. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The upper half of a float32. */
function fromBfloat(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, (bits & 0xffff) * 0x10000);
  return view.getFloat32(0);
}

function externalBytes(tensor: OnnxTensor, length: number, readExternal: ReadExternal | undefined): Uint8Array {
  const location = tensor.external.get('location') ?? '';
  if (!isInside(location)) throw invalid(tensor.name, `lies outside the model's folder (${JSON.stringify(location)})`);
  const offset = Number(tensor.external.get('offset') ?? 0);
  const hasLength = Number(tensor.external.get('length') ?? length) === length;
  if (!Number.isSafeInteger(offset) || offset < 0 || !hasLength) throw wrongCount(tensor.name);
  const hint = `Keep ${location} beside the model file, or export with the weights inside it (save_as_external_data=False).`;
  if (readExternal === undefined) throw invalid(tensor.name, `lies in another file, ${location}`, hint);
  const bytes = readOr(
    () => readExternal(location, offset, length),
    (cause) => unreadable(tensor.name, { location, hint, cause }),
  );
  if (bytes.length !== length) throw invalid(tensor.name, `is cut off in ${location}`, hint);
  return bytes;
}

function unreadable(
  name: string,
  { location, hint, cause }: { readonly location: string; readonly hint: string; readonly cause: unknown },
): AppError {
  if (!(cause instanceof AppError))
    return new AppError('model.invalid', `Cannot read the tensor ${quoted(name)} from ${location}.`, { hint, cause });
  const code = cause.code === 'model.unsupported' ? cause.code : 'model.invalid';
  return new AppError(code, `${cause.message} The tensor ${quoted(name)} lies there.`, {
    hint: code === 'model.unsupported' ? cause.hint : hint,
    cause,
  });
}

function readOr(read: () => Uint8Array, wrap: (cause: unknown) => AppError): Uint8Array {
  try {
    return read();
  } catch (cause) {
    throw wrap(cause);
  }
}

function isInside(location: string): boolean {
  if (location === '' || /^[/\\]|^[A-Za-z]:|\0/.test(location)) return false;
  return location.split(/[/\\]/).every((part) => part !== '..');
}

function wrongCount(name: string): AppError {
  return invalid(name, 'has another number of elements than its shape says');
}

function invalid(name: string, what: string, hint?: string): AppError {
  return new AppError('model.invalid', `The tensor ${quoted(name)} ${what}.`, { hint });
}

function quoted(name: string): string {
  return JSON.stringify(name);
}
