import type { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { type Budget, cost, readFixed, readMessage, readRepeated } from './wire.ts';

/** TensorProto. Contents stay views of the file. */
export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly raw: Uint8Array | undefined;
  /** Packed little-endian floats or doubles, as they stand in the file; one view for each run. */
  readonly floatData: readonly Uint8Array[];
  readonly doubleData: readonly Uint8Array[];
  readonly intData: readonly number[];
  readonly stringData: readonly Uint8Array[];
  readonly isExternal: boolean;
  readonly external: ReadonlyMap<string, string>;
}

/** @throws Error of any kind on bytes that are no tensor */
export function readTensor(bytes: Uint8Array, budget: Budget): OnnxTensor {
  budget.take(cost.tensor);
  const dims: number[] = [];
  const intData: number[] = [];
  const floatData: Uint8Array[] = [];
  const doubleData: Uint8Array[] = [];
  const stringData: Uint8Array[] = [];
  const external = new Map<string, string>();
  const single = { name: '', dataType: 0, isExternal: false };
  let raw: Uint8Array | undefined;
  const readInts = (reader: BinaryReader, wire: WireType): void => {
    readRepeated(reader, wire, (from) => {
      budget.take(cost.number);
      intData.push(Number(from.int64()));
    });
  };
  const readers: Readonly<Record<number, (reader: BinaryReader, wire: WireType) => void>> = {
    1: (reader, wire) => {
      readRepeated(reader, wire, (from) => dims.push(Number(from.int64())));
    },
    2: (reader) => (single.dataType = reader.int32()),
    4: (reader, wire) => floatData.push(readFixed(reader, wire, 4)),
    5: readInts,
    6: (reader) => stringData.push(reader.bytes()),
    7: readInts,
    8: (reader) => (single.name = reader.string()),
    9: (reader) => (raw = reader.bytes()),
    10: (reader, wire) => doubleData.push(readFixed(reader, wire, 8)),
    11: readInts,
    13: (reader) => {
      const { key, value } = readEntry(reader.bytes());
      external.set(key, value);
    },
    14: (reader) => (single.isExternal = reader.int32() === 1),
  };
  readMessage(bytes, (field, reader, wire) => {
    budget.take(cost.text);
    const read = readers[field];
    read?.(reader, wire);
    return read !== undefined;
  });
  return { ...single, dims, raw, floatData, doubleData, intData, stringData, external };
}

function readEntry(bytes: Uint8Array): { readonly key: string; readonly value: string } {
  const entry = { key: '', value: '' };
  readMessage(bytes, (field, reader) => {
    if (field === 1) entry.key = reader.string();
    else if (field === 2) entry.value = reader.string();
    else return false;
    return true;
  });
  return entry;
}
