import type { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { type OnnxTensor, readTensor } from './proto-tensor.ts';
import { type Budget, cost, memoryBudget, readMessage, readRepeated } from './wire.ts';

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

/** A graph's input or output; `dims` has undefined where a size is symbolic, and is absent where the rank is not given. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly elementType: number | undefined;
  readonly dims: readonly (number | undefined)[] | undefined;
}

/**
 * @throws AppError `model.unsupported` where all but the weights takes hundreds of megabytes; Error of any other kind on bytes that are no
 *   protobuf message
 */
export function readOnnxFile(bytes: Uint8Array): OnnxFile {
  const budget = memoryBudget();
  const opsets = new Map<string, number>();
  let irVersion = 0;
  let producer = '';
  let producerVersion = '';
  let graph: OnnxGraph | undefined;
  readMessage(bytes, (field, reader) => {
    if (field === 1) irVersion = Number(reader.int64());
    else if (field === 2) producer = reader.string();
    else if (field === 3) producerVersion = reader.string();
    else if (field === 7) graph = readGraph(reader.bytes(), budget);
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

function readGraph(bytes: Uint8Array, budget: Budget): OnnxGraph {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const inputs: OnnxValueInfo[] = [];
  const outputs: OnnxValueInfo[] = [];
  let hasSparseInitializer = false;
  readMessage(bytes, (field, reader) => {
    if (field === 1) nodes.push(readNode(reader.bytes(), budget));
    else if (field === 5) initializers.push(readTensor(reader.bytes(), budget));
    else if (field === 11) inputs.push(readValueInfo(reader.bytes(), budget));
    else if (field === 12) outputs.push(readValueInfo(reader.bytes(), budget));
    else {
      if (field === 15) hasSparseInitializer = true;
      return false;
    }
    return true;
  });
  return { nodes, initializers, hasSparseInitializer, inputs, outputs };
}

function readNode(bytes: Uint8Array, budget: Budget): OnnxNode {
  budget.take(cost.node);
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: OnnxAttribute[] = [];
  const text = { name: '', operator: '', domain: '' };
  readMessage(bytes, (field, reader) => {
    if (field === 1 || field === 2) {
      budget.take(cost.text);
      (field === 1 ? inputs : outputs).push(reader.string());
    } else if (field === 3) text.name = reader.string();
    else if (field === 4) text.operator = reader.string();
    else if (field === 5) attributes.push(readAttribute(reader.bytes(), budget));
    else if (field === 7) text.domain = reader.string();
    else return false;
    return true;
  });
  return { ...text, domain: text.domain === 'ai.onnx' ? '' : text.domain, inputs, outputs, attributes };
}

function readAttribute(bytes: Uint8Array, budget: Budget): OnnxAttribute {
  budget.take(cost.attribute);
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
    5: (reader) => (tensor = readTensor(reader.bytes(), budget)),
    7: (reader, wire) => {
      readRepeated(reader, wire, (from) => {
        budget.take(cost.number);
        floats.push(from.float());
      });
    },
    8: (reader, wire) => {
      readRepeated(reader, wire, (from) => {
        budget.take(cost.number);
        ints.push(Number(from.int64()));
      });
    },
    9: (reader) => {
      budget.take(cost.text);
      strings.push(reader.bytes());
    },
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

function readValueInfo(bytes: Uint8Array, budget: Budget): OnnxValueInfo {
  budget.take(cost.value);
  let name = '';
  let type: Pick<OnnxValueInfo, 'elementType' | 'dims'> = { elementType: undefined, dims: undefined };
  readMessage(bytes, (field, reader) => {
    if (field === 1) name = reader.string();
    else if (field === 2) type = readType(reader.bytes(), budget);
    else return false;
    return true;
  });
  return { name, ...type };
}

function readType(bytes: Uint8Array, budget: Budget): Pick<OnnxValueInfo, 'elementType' | 'dims'> {
  let elementType: number | undefined;
  let dims: (number | undefined)[] | undefined;
  readMessage(bytes, (field, reader) => {
    if (field !== 1) return false;
    readMessage(reader.bytes(), (inner, tensor) => {
      if (inner === 1) elementType = tensor.int32();
      else if (inner === 2) dims = readShape(tensor.bytes(), budget);
      else return false;
      return true;
    });
    return true;
  });
  return { elementType, dims };
}

function readShape(bytes: Uint8Array, budget: Budget): (number | undefined)[] {
  const dims: (number | undefined)[] = [];
  readMessage(bytes, (field, reader) => {
    if (field !== 1) return false;
    budget.take(cost.dimension);
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
