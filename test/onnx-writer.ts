import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** An attribute, named by its kind in the format. */
export type TestAttribute =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly text: string }
  | { readonly floats: readonly number[] }
  | { readonly ints: readonly number[] }
  | { readonly texts: readonly string[] }
  | { readonly tensor: TestTensor }
  | { readonly graph: Uint8Array };

export interface TestNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly name?: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, TestAttribute>>;
}

/** Data types: 1 float, 7 int64, 8 string, 10 float16, 11 double, 16 bfloat16. */
export interface TestTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: number;
  readonly raw?: Uint8Array;
  readonly floats?: readonly number[];
  readonly doubles?: readonly number[];
  readonly ints?: readonly number[];
  readonly texts?: readonly string[];
  readonly external?: Readonly<Record<string, string>>;
}

export interface TestInput {
  readonly name: string;
  readonly type?: number;
  /** A text is a symbolic size. */
  readonly dims?: readonly (number | string)[];
}

export interface TestGraph {
  readonly nodes: readonly TestNode[];
  readonly initializers?: readonly TestTensor[];
  readonly inputs: readonly TestInput[];
  readonly outputs: readonly string[];
  readonly opsets?: Readonly<Record<string, number>>;
  readonly producer?: string;
}

/** A tensor of float32 weights, as PyTorch writes it. */
export function floats(name: string, dims: readonly number[], values: readonly number[]): TestTensor {
  return { name, dims, type: 1, raw: new Uint8Array(Float32Array.from(values).buffer) };
}

/** A tensor of int64 numbers: shapes, axes, indices. */
export function integers(name: string, dims: readonly number[], values: readonly number[]): TestTensor {
  return { name, dims, type: 7, raw: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) };
}

/** The bytes of an ONNX file. */
export function onnxFile({
  nodes,
  initializers = [],
  inputs,
  outputs,
  opsets = { '': 17, 'ai.onnx.ml': 3 },
  producer = 'test',
}: TestGraph): Uint8Array {
  return message((model) => {
    model.tag(1, WireType.Varint).int64(8);
    model.tag(2, WireType.LengthDelimited).string(producer);
    nested(model, 7, (graph) => {
      for (const node of nodes)
        nested(graph, 1, (writer) => {
          writeNode(writer, node);
        });
      for (const tensor of initializers)
        nested(graph, 5, (writer) => {
          writeTensor(writer, tensor);
        });
      for (const input of inputs)
        nested(graph, 11, (writer) => {
          writeValue(writer, input);
        });
      for (const name of outputs)
        nested(graph, 12, (writer) => {
          writeValue(writer, { name });
        });
    });
    for (const [domain, version] of Object.entries(opsets)) {
      nested(model, 8, (opset) => {
        opset.tag(1, WireType.LengthDelimited).string(domain);
        opset.tag(2, WireType.Varint).int64(version);
      });
    }
  });
}

function message(write: (writer: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}

function nested(writer: BinaryWriter, field: number, write: (writer: BinaryWriter) => void): void {
  writer.tag(field, WireType.LengthDelimited).bytes(message(write));
}

function writeNode(
  writer: BinaryWriter,
  { operator, inputs, outputs, name = '', domain = '', attributes = {} }: TestNode,
): void {
  for (const input of inputs) writer.tag(1, WireType.LengthDelimited).string(input);
  for (const output of outputs) writer.tag(2, WireType.LengthDelimited).string(output);
  writer.tag(3, WireType.LengthDelimited).string(name);
  writer.tag(4, WireType.LengthDelimited).string(operator);
  for (const [key, attribute] of Object.entries(attributes)) {
    nested(writer, 5, (inner) => {
      inner.tag(1, WireType.LengthDelimited).string(key);
      writeAttribute(inner, attribute);
    });
  }
  writer.tag(7, WireType.LengthDelimited).string(domain);
}

function writeAttribute(writer: BinaryWriter, attribute: TestAttribute): void {
  const type = (number: number): BinaryWriter => writer.tag(20, WireType.Varint).int32(number);
  if ('float' in attribute) type(1).tag(2, WireType.Bit32).float(attribute.float);
  else if ('int' in attribute) type(2).tag(3, WireType.Varint).int64(attribute.int);
  else if ('text' in attribute) type(3).tag(4, WireType.LengthDelimited).string(attribute.text);
  else if ('tensor' in attribute)
    nested(type(4), 5, (inner) => {
      writeTensor(inner, attribute.tensor);
    });
  else if ('graph' in attribute) type(5).tag(6, WireType.LengthDelimited).bytes(attribute.graph);
  else writeList(type, attribute);
}

function writeList(
  type: (number: number) => BinaryWriter,
  attribute: Extract<TestAttribute, { floats: unknown } | { ints: unknown } | { texts: unknown }>,
): void {
  if ('floats' in attribute) {
    const writer = type(6);
    for (const value of attribute.floats) writer.tag(7, WireType.Bit32).float(value);
  } else if ('ints' in attribute) {
    const writer = type(7);
    for (const value of attribute.ints) writer.tag(8, WireType.Varint).int64(value);
  } else {
    const writer = type(8);
    for (const value of attribute.texts) writer.tag(9, WireType.LengthDelimited).string(value);
  }
}

function writeTensor(writer: BinaryWriter, tensor: TestTensor): void {
  const { floats: float32, ints, doubles, external } = tensor;
  for (const dim of tensor.dims) writer.tag(1, WireType.Varint).int64(dim);
  writer.tag(2, WireType.Varint).int32(tensor.type);
  packed(writer, 4, float32 && ((inner) => float32.forEach((value) => inner.float(value))));
  packed(writer, tensor.type === 7 ? 7 : 5, ints && ((inner) => ints.forEach((value) => inner.int64(value))));
  for (const text of tensor.texts ?? []) writer.tag(6, WireType.LengthDelimited).string(text);
  writer.tag(8, WireType.LengthDelimited).string(tensor.name);
  if (tensor.raw !== undefined) writer.tag(9, WireType.LengthDelimited).bytes(tensor.raw);
  packed(writer, 10, doubles && ((inner) => doubles.forEach((value) => inner.double(value))));
  if (external !== undefined) writeExternal(writer, external);
}

function writeExternal(writer: BinaryWriter, external: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(external)) {
    nested(writer, 13, (entry) => {
      entry.tag(1, WireType.LengthDelimited).string(key);
      entry.tag(2, WireType.LengthDelimited).string(value);
    });
  }
  writer.tag(14, WireType.Varint).int32(1);
}

function packed(writer: BinaryWriter, field: number, write: ((inner: BinaryWriter) => void) | undefined): void {
  if (write !== undefined) nested(writer, field, write);
}

function writeValue(writer: BinaryWriter, { name, type = 1, dims }: TestInput): void {
  writer.tag(1, WireType.LengthDelimited).string(name);
  if (dims === undefined) return;
  nested(writer, 2, (outer) => {
    nested(outer, 1, (tensor) => {
      tensor.tag(1, WireType.Varint).int32(type);
      nested(tensor, 2, (shape) => {
        for (const dim of dims) {
          nested(shape, 1, (inner) => {
            if (typeof dim === 'number') inner.tag(1, WireType.Varint).int64(dim);
            else inner.tag(2, WireType.LengthDelimited).string(dim);
          });
        }
      });
    });
  });
}
