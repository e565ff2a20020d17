import { AppError } from '../../error.ts';

/**
 * A decoder of UBJSON (draft 12) as XGBoost writes it. The npm package @shelacek/ubjson does not read int64, in which XGBoost writes
 * every length, nor does it bound counts or nesting.
 *
 * Memory stays in proportion to the file: a count is believed only as far as the bytes that are left could hold it, and types
 * without bytes (null, true, false) cannot be the element type of a counted list.
 */

const maxDepth = 64;

const sizes = { i: 1, U: 1, I: 2, l: 4, L: 8, d: 4, D: 8 } as const;
type NumberType = keyof typeof sizes;

const arrays = {
  i: Int8Array,
  U: Uint8Array,
  I: Int16Array,
  l: Int32Array,
  L: Float64Array,
  d: Float32Array,
  D: Float64Array,
} as const;

interface Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  position: number;
  depth: number;
}

/**
 * Objects, lists, texts, numbers, booleans and null; counted lists of one number type become typed arrays (int64: Float64Array).
 * @throws {AppError} `model.unreadable`, naming the byte
 */
export function decodeUbjson(bytes: Uint8Array): unknown {
  const reader = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), position: 0, depth: 0 };
  const value = readValue(reader, readMarker(reader));
  if (reader.position !== bytes.length) throw unreadable(reader, 'bytes after the end');
  return value;
}

function unreadable(reader: Reader, what: string): AppError {
  const message = `The UBJ file cannot be read: ${what} at byte ${String(reader.position)} of ${String(reader.bytes.length)}.`;
  return new AppError('model.unreadable', message, { hint: 'The file is cut or altered; save the model again.' });
}

function take(reader: Reader, length: number): number {
  if (length > reader.bytes.length - reader.position) throw unreadable(reader, 'it ends too early');
  const start = reader.position;
  reader.position += length;
  return start;
}

/** The next type marker; 'N' is padding. */
function readMarker(reader: Reader): string {
  for (;;) {
    const marker = String.fromCharCode(reader.bytes[take(reader, 1)] ?? 0);
    if (marker !== 'N') return marker;
  }
}

function peek(reader: Reader): string {
  return String.fromCharCode(reader.bytes[reader.position] ?? 0);
}

function isNumberType(marker: string): marker is NumberType {
  return Object.hasOwn(sizes, marker);
}

function readValue(reader: Reader, marker: string): unknown {
  if (isNumberType(marker)) return readNumber(reader, marker);
  switch (marker) {
    case 'Z':
      return null;
    case 'T':
      return true;
    case 'F':
      return false;
    case 'C':
      return String.fromCharCode(reader.bytes[take(reader, 1)] ?? 0);
    case 'S':
      return readText(reader);
    case '[':
      return nested(reader, readList);
    case '{':
      return nested(reader, readObject);
    default:
      throw unreadable(reader, `unknown type 0x${marker.charCodeAt(0).toString(16)}`);
  }
}

function nested<T>(reader: Reader, read: (reader: Reader) => T): T {
  if (reader.depth >= maxDepth) throw unreadable(reader, `nesting deeper than ${String(maxDepth)}`);
  reader.depth += 1;
  const value = read(reader);
  reader.depth -= 1;
  return value;
}

function readNumber(reader: Reader, type: NumberType): number {
  const at = take(reader, sizes[type]);
  switch (type) {
    case 'i':
      return reader.view.getInt8(at);
    case 'U':
      return reader.view.getUint8(at);
    case 'I':
      return reader.view.getInt16(at);
    case 'l':
      return reader.view.getInt32(at);
    case 'L':
      return Number(reader.view.getBigInt64(at));
    case 'd':
      return reader.view.getFloat32(at);
    case 'D':
      return reader.view.getFloat64(at);
  }
}

/** A length or count; no element takes less than one byte. */
function readCount(reader: Reader): number {
  const type = readMarker(reader);
  if (!isNumberType(type) || type === 'd' || type === 'D') throw unreadable(reader, 'a count is not an integer');
  const count = readNumber(reader, type);
  if (count < 0 || count > reader.bytes.length - reader.position)
    throw unreadable(reader, 'a count is larger than the file');
  return count;
}

const utf8 = new TextDecoder('utf-8');

function readText(reader: Reader): string {
  const length = readCount(reader);
  const start = take(reader, length);
  return utf8.decode(reader.bytes.subarray(start, start + length));
}

/** `$type` and `#count` at the head of a list or object. */
function readHead(reader: Reader): { readonly type?: string; readonly count?: number } {
  let type: string | undefined;
  if (peek(reader) === '$') {
    take(reader, 1);
    type = readMarker(reader);
    if (type === 'Z' || type === 'T' || type === 'F')
      throw unreadable(reader, 'a counted list of a type without bytes');
    if (peek(reader) !== '#') throw unreadable(reader, 'a typed list without a count');
  }
  if (peek(reader) !== '#') return {};
  take(reader, 1);
  return { ...(type === undefined ? {} : { type }), count: readCount(reader) };
}

function readList(reader: Reader): unknown {
  const { type, count } = readHead(reader);
  if (type !== undefined && count !== undefined && isNumberType(type)) return readNumbers(reader, type, count);
  const list: unknown[] = [];
  while (count === undefined ? !ends(reader, ']') : list.length < count)
    list.push(readValue(reader, type ?? readMarker(reader)));
  return list;
}

function ends(reader: Reader, marker: string): boolean {
  while (peek(reader) === 'N') take(reader, 1);
  if (peek(reader) !== marker) return false;
  take(reader, 1);
  return true;
}

function readNumbers(reader: Reader, type: NumberType, count: number): ArrayLike<number> {
  const left = reader.bytes.length - reader.position;
  if (count * sizes[type] > left) throw unreadable(reader, 'a count is larger than the file');
  const list = new arrays[type](count);
  for (let index = 0; index < count; index += 1) list[index] = readNumber(reader, type);
  return list;
}

function readObject(reader: Reader): Readonly<Record<string, unknown>> {
  const { type, count } = readHead(reader);
  // Without a prototype, so that a key like __proto__ is only a key.
  const object = Object.create(null) as Record<string, unknown>;
  for (let index = 0; count === undefined ? !ends(reader, '}') : index < count; index += 1) {
    const key = readText(reader);
    object[key] = readValue(reader, type ?? readMarker(reader));
  }
  return object;
}
