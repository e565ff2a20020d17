import { AppError } from '../error.ts';

/** A kind of model file that is not read, how it is recognised and what to do instead. */
interface ForeignKind {
  readonly name: string;
  readonly matches: (file: ForeignFile) => boolean;
  readonly hint: (fileName: string) => string;
}

interface ForeignFile {
  readonly bytes: Uint8Array;
  readonly extension: string;
}

/**
 * The error for a file of a known kind that is no model this program reads (a pickle, a PyTorch or Keras file, …), or undefined.
 * @param fileName without folders
 */
export function foreignFileError(fileName: string, bytes: Uint8Array): AppError | undefined {
  const file = { bytes, extension: extensionOf(fileName) };
  const kind = kinds.find(({ matches }) => matches(file));
  if (kind === undefined) return undefined;
  return new AppError('model.unsupported', `${fileName} is ${kind.name}, which cannot be compiled as it is.`, {
    file: fileName,
    hint: kind.hint(fileName),
  });
}

/** In lower case, without the dot; empty where there is none. */
export function extensionOf(fileName: string): string {
  return /\.([^./\\]+)$/u.exec(fileName)?.[1]?.toLowerCase() ?? '';
}

/** What is known beyond the file's name. */
interface PickleAdvice {
  /** A program that was found; by default `python`. */
  readonly python?: string | undefined;
  readonly packages?: readonly string[];
  /** Columns that hold text; each column is then an input of its own. */
  readonly textColumns?: readonly string[];
}

/**
 * The two lines that turn a pickled scikit-learn model into ONNX.
 * @param fileName without folders
 */
export function pickleHint(fileName: string, advice: PickleAdvice = {}): string {
  const { python, packages = ['skl2onnx', 'joblib'], textColumns = [] } = advice;
  // Only names that need no quoting are repeated in a line meant for a shell.
  const source = /^[\w.-]+$/u.test(fileName) ? fileName : 'model.pkl';
  const target = source.replace(/\.[^.]*$/u, '') || 'model';
  const program = python !== undefined && /^[\w./\\:-]+$/u.test(python) ? python : 'python';
  const pip = python === undefined ? 'pip' : `${program} -m pip`;
  const script = [
    'import joblib',
    'from skl2onnx import to_onnx',
    'from skl2onnx.common.data_types import FloatTensorType as F, StringTensorType as S',
    `m = joblib.load('${source}')`,
    `open('${target}.onnx', 'wb').write(to_onnx(m, initial_types=${initialTypes(textColumns)}).SerializeToString())`,
  ];
  const lines = [`${pip} install ${packages.join(' ')}`, `${program} -c "${script.join('; ')}"`];
  return `Where it was trained, type:\n${lines.join('\n')}`;
}

function initialTypes(textColumns: readonly string[]): string {
  if (textColumns.length === 0) return "[('X', F([None, m.n_features_in_]))]";
  const names = textColumns.every((name) => /^[\w .-]+$/u.test(name)) ? textColumns : ['TEXT_COLUMN'];
  const list = names.map((name) => `'${name}'`).join(', ');
  return `[(c, (S if c in [${list}] else F)([None, 1])) for c in m.feature_names_in_]`;
}

/** Whether a file is a pickle that Python may open; skops files are meant never to be opened in this way. */
export function isPickle(fileName: string, bytes: Uint8Array): boolean {
  const extension = extensionOf(fileName);
  return extension !== 'skops' && kinds.find(({ matches }) => matches({ bytes, extension }))?.name === pickleName;
}

function startsWith(bytes: Uint8Array, ...expected: readonly number[]): boolean {
  return expected.every((byte, index) => bytes[index] === byte);
}

function startsWithText(bytes: Uint8Array, text: string): boolean {
  return startsWith(bytes, ...new TextEncoder().encode(text));
}

/** zlib, gzip, bzip2, xz, lz4, as joblib compresses. */
function isCompressed(bytes: Uint8Array): boolean {
  const heads = [
    [0x1f, 0x8b],
    [0x42, 0x5a, 0x68],
    [0xfd, 0x37, 0x7a, 0x58],
    [0x04, 0x22, 0x4d, 0x18],
  ];
  const isZlib = bytes[0] === 0x78 && ((bytes[0] << 8) | (bytes[1] ?? 0)) % 31 === 0;
  return isZlib || heads.some((head) => startsWith(bytes, ...head));
}

const pickleName = 'a Python pickle';
const torchExtensions = ['pt', 'pth', 'ptl', 'ckpt', 'safetensors'];
const kerasExtensions = ['keras', 'h5', 'hdf5', 'tflite', 'pb'];

const torchHint = () =>
  'Where it was trained, type:\npip install torch onnx\npython -c "import torch; from my_model import net; net.eval(); torch.onnx.export(net, torch.zeros(1, N_FEATURES), \'model.onnx\')"';
const kerasHint = () =>
  'Where it was trained, type:\npip install tf2onnx\npython -m tf2onnx.convert --saved-model FOLDER --output model.onnx';

const kinds: readonly ForeignKind[] = [
  { name: 'a PyTorch file', matches: ({ extension }) => torchExtensions.includes(extension), hint: torchHint },
  {
    name: 'a Keras or TensorFlow file',
    matches: ({ bytes, extension }) => kerasExtensions.includes(extension) || startsWith(bytes, 0x89, 0x48, 0x44, 0x46),
    hint: kerasHint,
  },
  {
    name: pickleName,
    matches: ({ bytes, extension }) =>
      ['pkl', 'pickle', 'joblib', 'skops', 'dill'].includes(extension) ||
      (bytes[0] === 0x80 && (bytes[1] ?? 9) <= 5) ||
      isCompressed(bytes),
    hint: (fileName) => pickleHint(fileName),
  },
  {
    name: 'a CatBoost file',
    matches: ({ bytes, extension }) => extension === 'cbm' || startsWithText(bytes, 'CBM1'),
    hint: () => 'Load it with CatBoost and save it with model.save_model("model.onnx", format="onnx").',
  },
  {
    name: 'an XGBoost model in the old binary format',
    matches: ({ bytes, extension }) => startsWithText(bytes, 'binf') || extension === 'deprecated',
    hint: () => 'Load it with XGBoost before 3.1 and save it with booster.save_model("model.json").',
  },
  {
    name: 'an XML file (PMML)',
    matches: ({ bytes, extension }) =>
      extension === 'pmml' || startsWithText(bytes, '<?xml') || startsWithText(bytes, '<PMML'),
    hint: () => 'Export the model to ONNX instead.',
  },
  {
    name: 'a pointer of Git LFS, not the file itself',
    matches: ({ bytes }) => startsWithText(bytes, 'version https://git-lfs.github.com/spec/'),
    hint: () => 'Fetch the file: git lfs pull',
  },
  {
    name: 'an archive',
    matches: ({ bytes }) => startsWith(bytes, 0x50, 0x4b, 0x03, 0x04),
    hint: () =>
      'Give the model file itself: ONNX, XGBoost JSON or UBJ, or LightGBM text. A PyTorch model is exported with torch.onnx.export.',
  },
];
