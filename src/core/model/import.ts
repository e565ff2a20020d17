import { AppError } from '../error.ts';
import { extensionOf, foreignFileError } from './foreign-files.ts';
import type { Model } from './ir.ts';
import { importOnnx } from './onnx/import.ts';
import { importLightgbm } from './trees/lightgbm.ts';
import { decodeUbjson } from './trees/ubjson.ts';
import { importXgboost } from './trees/xgboost-json.ts';

/** What the importer of ONNX files may want beside the file's bytes. */
export type ImportOptions = NonNullable<Parameters<typeof importOnnx>[1]>;

type Format = 'onnx' | 'xgboost-json' | 'xgboost-ubj' | 'lightgbm';

/** Text takes nine times its size while it is read: a forest of more than a million splits. */
const maxTextBytes = 150_000_000;

/**
 * A model from a file's bytes: ONNX, XGBoost JSON or UBJ, or LightGBM text, recognised by what is in it and, where that is not clear,
 * by the file's extension.
 * @param fileName for the extension and for messages; folders are cut off
 * @throws {AppError} `model.unreadable` (empty, cut, not recognised), `model.invalid` (inconsistent), `model.unsupported` (another kind
 * of file, such as a pickle, or something in it that cannot be used), all naming the file
 */
export function importModel(fileName: string, bytes: Uint8Array, options: ImportOptions = {}): Model {
  const file = fileName.replace(/^.*[/\\]/su, '');
  try {
    return read(file, bytes, options);
  } catch (error) {
    if (!(error instanceof AppError) || error.place.file !== undefined) throw error;
    throw new AppError(error.code, error.message, { ...error.place, file, hint: error.hint, cause: error.cause });
  }
}

function read(file: string, bytes: Uint8Array, options: ImportOptions): Model {
  if (bytes.length === 0)
    throw new AppError('model.unreadable', `${file} is empty.`, { hint: 'Save the model again.' });
  const format = formatByContent(bytes);
  const foreign = format === undefined ? foreignFileError(file, bytes) : undefined;
  if (foreign !== undefined) throw foreign;
  switch (format ?? formatByExtension(file)) {
    case 'xgboost-json':
      return importXgboost(decodeText(file, bytes));
    case 'xgboost-ubj':
      return importXgboost(decodeUbjson(bytes));
    case 'lightgbm':
      return importLightgbm(decodeText(file, bytes));
    case 'onnx':
      return importOnnx(bytes, options);
    default:
      return importUnmarked(file, bytes, options);
  }
}

/** Without extension or mark it can still be ONNX, whose first field is nearly always the IR version (0x08). */
function importUnmarked(file: string, bytes: Uint8Array, options: ImportOptions): Model {
  if (bytes[0] === 0x08) return importOnnx(bytes, options);
  throw notRecognised(file);
}

function notRecognised(file: string): AppError {
  return new AppError('model.unreadable', `${file} is not a model file that can be read.`, {
    hint: 'Give an ONNX file, an XGBoost model saved as .json or .ubj, or a LightGBM model saved as .txt.',
  });
}

const openBrace = 0x7b;

/** ONNX has no mark of its own, so only the others are told by their first bytes. */
function formatByContent(bytes: Uint8Array): Format | undefined {
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, 64)).replace(/^\u00ef\u00bb\u00bf/u, '');
  if (/^tree\r?\n/u.test(head)) return 'lightgbm';
  // UBJ continues with the type of the first key's length or with a count.
  if (bytes[0] === openBrace && /^[iUIlL#$]/u.test(head.slice(1))) return 'xgboost-ubj';
  return /^\s*[{[]\s*(?:["{}[\]\d-]|$)/u.test(head) ? 'xgboost-json' : undefined;
}

function formatByExtension(file: string): Format | undefined {
  const formats: Readonly<Record<string, Format>> = {
    onnx: 'onnx',
    json: 'xgboost-json',
    ubj: 'xgboost-ubj',
    ubjson: 'xgboost-ubj',
    txt: 'lightgbm',
    lgb: 'lightgbm',
  };
  const extension = extensionOf(file);
  return Object.hasOwn(formats, extension) ? formats[extension] : undefined;
}

function decodeText(file: string, bytes: Uint8Array): string {
  if (bytes.length > maxTextBytes) {
    throw new AppError('model.unsupported', `${file} is larger than ${String(maxTextBytes / 1_000_000)} MB.`, {
      hint: 'Train fewer or shallower trees, or save an XGBoost model as UBJ.',
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new AppError('model.unreadable', `${file} is not text in UTF-8.`, { cause, hint: 'Save the model again.' });
  }
}
