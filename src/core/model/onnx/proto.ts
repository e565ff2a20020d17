import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/**
 * The part of the ONNX protobuf format that an import needs. Field numbers: onnx/onnx.proto of the ONNX specification.
 * Tensor contents stay views of the file; only names and numbers are copied.
 */
export interface OnnxFile {
  readonly irVersion: number;
  readonly producer: string;
  readonly producerVersion: string;
  /** Domain ('' is ai.onnx) to version; where a domain is named twice, the highest. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: OnnxGraph | undefined;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly hasSparseInitializer: boolean;
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

export interface OnnxNode {
  readonly name: string;
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
}

export interface OnnxAttribute {
  readonly name: string;
  /** 1 float, 2 int, 3 string, 4 tensor, 5 graph; 6 to 10 lists of these; 0 where the file leaves it out. */
  readonly type: number;
  readonly float: number;
  readonly int: number;
  readonly bytes: Uint8Array | undefined;
  readonly tensor: OnnxTensor | undefined;
  readonly hasGraph: boolean;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly strings: readonly Uint8Array[];
}

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

/** A graph's input or output; `dims` has undefined where a size is symbolic, and is absent where the rank is not given. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly elementType: number | undefined;
  readonly dims: readonly (number | undefined)[] | undefined;
}

/** Called for each field of a message: reads it, or returns false to have it skipped. */
type FieldReader = (field: number, reader: BinaryReader, wire: WireType) => boolean;

/** @throws Error of any kind on bytes that are no protobuf message */
export function readOnnxFile(bytes: Uint8Array): OnnxFile {
  const opsets = new Map<string, number>();
  let irVersion = 0;
  let producer = '';
  let producerVersion = '';
  let graph: OnnxGraph | undefined;
  readMessage(bytes, (field, reader) => {
    if (field === 1) irVersion = Number(reader.int64());
    else if (field === 2) producer = reader.string();
    else if (field === 3) producerVersion = reader.string();
    else if (field === 7) graph = readGraph(reader.bytes());
    else if (field === 8) addOpset(reader.bytes(), opsets);
    else return false;
    return true;
  });
  return { irVersion, producer, producerVersion, opsets, graph };
}

function addOpset(bytes: Uint8Array, opsets: Map<string, number>): void {
  let domain = '';
  let version = 0;
  readMessage(bytes, (field, reader) => {
    if (field === 1) domain = reader.string();
    else if (field === 2) version = Number(reader.int64());
    else return false;
    return true;
  });
  const key = domain === 'ai.onnx' ? '' : domain;
  opsets.set(key, Math.max(version, opsets.get(key) ?? 0));
}

function readGraph(bytes: Uint8Array): OnnxGraph {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const inputs: OnnxValueInfo[] = [];
  const outputs: OnnxValueInfo[] = [];
  let hasSparseInitializer = false;
  readMessage(bytes, (field, reader) => {
    if (field === 1) nodes.push(readNode(reader.bytes()));
    else if (field === 5) initializers.push(readTensor(reader.bytes()));
    else if (field === 11) inputs.push(readValueInfo(reader.bytes()));
    else if (field === 12) outputs.push(readValueInfo(reader.bytes()));
    else {
      if (field === 15) hasSparseInitializer = true;
      return false;
    }
    return true;
  });
  return { nodes, initializers, hasSparseInitializer, inputs, outputs };
}

function readNode(bytes: Uint8Array): OnnxNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: OnnxAttribute[] = [];
  const text = { name: '', operator: '', domain: '' };
  readMessage(bytes, (field, reader) => {
    if (field === 1) inputs.push(reader.string());
    else if (field === 2) outputs.push(reader.string());
    else if (field === 3) text.name = reader.string();
    else if (field === 4) text.operator = reader.string();
    else if (field === 5) attributes.push(readAttribute(reader.bytes()));
    else if (field === 7) text.domain = reader.string();
    else return false;
    return true;
  });
  return { ...text, domain: text.domain === 'ai.onnx' ? '' : text.domain, inputs, outputs, attributes };
}

function readAttribute(bytes: Uint8Array): OnnxAttribute {
  const floats: number[] = [];
  const ints: number[] = [];
  const strings: Uint8Array[] = [];
  const single = { name: '', type: 0, float: 0, int: 0, hasGraph: false };
  let own: Uint8Array | undefined;
  let tensor: OnnxTensor | undefined;
  const readers: Readonly<Record<number, (reader: BinaryReader, wire: WireType) => void>> = {
    1: (reader) => (single.name = reader.string()),
    2: (reader) => (single.float = reader.float()),
    3: (reader) => (single.int = Number(reader.int64())),
    4: (reader) => (own = reader.bytes()),
    5: (reader) => (tensor = readTensor(reader.bytes())),
    7: (reader, wire) => {
      readRepeated(reader, wire, (from) => floats.push(from.float()));
    },
    8: (reader, wire) => {
      readRepeated(reader, wire, (from) => ints.push(Number(from.int64())));
    },
    9: (reader) => strings.push(reader.bytes()),
    20: (reader) => (single.type = reader.int32()),
  };
  readMessage(bytes, (field, reader, wire) => {
    if (field === 6 || field === 11) single.hasGraph = true;
    const read = readers[field];
    read?.(reader, wire);
    return read !== undefined;
  });
  return { ...single, bytes: own, tensor, floats, ints, strings };
}

function readTensor(bytes: Uint8Array): OnnxTensor {
  const dims: number[] = [];
  const intData: number[] = [];
  const floatData: Uint8Array[] = [];
  const doubleData: Uint8Array[] = [];
  const stringData: Uint8Array[] = [];
  const external = new Map<string, string>();
  const single = { name: '', dataType: 0, isExternal: false };
  let raw: Uint8Array | undefined;
  const readInts = (reader: BinaryReader, wire: WireType): void => {
    readRepeated(reader, wire, (from) => intData.push(Number(from.int64())));
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

function readValueInfo(bytes: Uint8Array): OnnxValueInfo {
  let name = '';
  let type: Pick<OnnxValueInfo, 'elementType' | 'dims'> = { elementType: undefined, dims: undefined };
  readMessage(bytes, (field, reader) => {
    if (field === 1) name = reader.string();
    else if (field === 2) type = readType(reader.bytes());
    else return false;
    return true;
  });
  return { name, ...type };
}

function readType(bytes: Uint8Array): Pick<OnnxValueInfo, 'elementType' | 'dims'> {
  let elementType: number | undefined;
  let dims: (number | undefined)[] | undefined;
  readMessage(bytes, (field, reader) => {
    if (field !== 1) return false;
    readMessage(reader.bytes(), (inner, tensor) => {
      if (inner === 1) elementType = tensor.int32();
      else if (inner === 2) dims = readShape(tensor.bytes());
      else return false;
      return true;
    });
    return true;
  });
  return { elementType, dims };
}

function readShape(bytes: Uint8Array): (number | undefined)[] {
  const dims: (number | undefined)[] = [];
  readMessage(bytes, (field, reader) => {
    if (field !== 1) return false;
    let size: number | undefined;
    readMessage(reader.bytes(), (inner, dimension) => {
      if (inner !== 1) return false;
      size = Number(dimension.int64());
      return true;
    });
    // skl2onnx writes 0 or less where the size is open.
    dims.push(size !== undefined && size > 0 ? size : undefined);
    return true;
  });
  return dims;
}

function readMessage(bytes: Uint8Array, readField: FieldReader): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    // ONNX has no groups; text files tend to begin like one.
    if (wire === WireType.StartGroup || wire === WireType.EndGroup) throw new Error('a group');
    if (!readField(field, reader, wire)) reader.skip(wire, field);
  }
  if (reader.pos > reader.len) throw new RangeError('premature end');
}

function readRepeated(reader: BinaryReader, wire: WireType, readOne: (from: BinaryReader) => void): void {
  if (wire !== WireType.LengthDelimited) {
    readOne(reader);
    return;
  }
  const packed = new BinaryReader(reader.bytes());
  while (packed.pos < packed.len) readOne(packed);
  if (packed.pos > packed.len) throw new RangeError('premature end');
}

/** A run of fixed-width numbers as a view: packed, or the single one of the older spelling. */
function readFixed(reader: BinaryReader, wire: WireType, width: number): Uint8Array {
  const bytes = wire === WireType.LengthDelimited ? reader.bytes() : reader.skip(wire);
  if (bytes.length % width !== 0) throw new RangeError('a number is cut off');
  return bytes;
}
