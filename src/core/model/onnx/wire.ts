import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { AppError } from '../../error.ts';

/** Called for each field of a message: reads it, or returns false to have it skipped. */
type FieldReader = (field: number, reader: BinaryReader, wire: WireType) => boolean;

/** What a message takes of memory once it is read, in bytes; measured, rounded up. */
export const cost = {
  node: 600,
  attribute: 700,
  tensor: 900,
  value: 300,
  dimension: 50,
  text: 150,
  number: 12,
} as const;

/** Counts what is read, so that no file fills the memory: a node of two bytes takes hundreds of them. */
export interface Budget {
  /** @throws AppError `model.unsupported` once the sum is too large */
  take(bytes: number): void;
}

/** Trees of a million and a half nodes, or networks of a hundred thousand operators: more than any plan can evaluate. */
const budgetBytes = 300e6;

/** @returns a fresh one, for one file */
export function memoryBudget(): Budget {
  let left = budgetBytes;
  return {
    take: (bytes) => {
      left -= bytes;
      if (left >= 0) return;
      throw new AppError(
        'model.unsupported',
        'The model has more nodes than memory: its weights aside, it is too large.',
        {
          hint: 'Train fewer or shallower trees, or export a network without unrolled loops.',
        },
      );
    },
  };
}

/** @throws Error of any kind on bytes that are no protobuf message */
export function readMessage(bytes: Uint8Array, readField: FieldReader): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    // ONNX has no groups; text files tend to begin like one.
    if (wire === WireType.StartGroup || wire === WireType.EndGroup) throw new Error('a group');
    if (!readField(field, reader, wire)) reader.skip(wire, field);
  }
  if (reader.pos > reader.len) throw new RangeError('premature end');
}

/** Packed numbers, or the single one of the older spelling. */
export function readRepeated(reader: BinaryReader, wire: WireType, readOne: (from: BinaryReader) => void): void {
  if (wire !== WireType.LengthDelimited) {
    readOne(reader);
    return;
  }
  const packed = new BinaryReader(reader.bytes());
  while (packed.pos < packed.len) readOne(packed);
  if (packed.pos > packed.len) throw new RangeError('premature end');
}

/** A run of fixed-width numbers as a view: packed, or the single one of the older spelling. */
export function readFixed(reader: BinaryReader, wire: WireType, width: number): Uint8Array {
  const bytes = wire === WireType.LengthDelimited ? reader.bytes() : reader.skip(wire);
  if (bytes.length % width !== 0) throw new RangeError('a number is cut off');
  return bytes;
}
