import { AppError } from '../../error.ts';
import type { OnnxNode } from './proto.ts';
import type { OnnxTensor } from './proto-tensor.ts';
import { decodeText } from './tensor.ts';

/** A node's attributes by name and kind; absent ones give the fallback, or nothing. */
export interface Attributes {
  has(name: string): boolean;
  int(name: string, fallback: number): number;
  float(name: string, fallback: number): number;
  text(name: string, fallback: string): string;
  ints(name: string): readonly number[] | undefined;
  /** As they stand: NaN and infinities included. */
  floats(name: string): readonly number[] | undefined;
  texts(name: string): readonly string[] | undefined;
  tensor(name: string): OnnxTensor | undefined;
}

/** Reads a node's attributes; a name given twice means the last. */
export function attributesOf(node: OnnxNode): Attributes {
  const byName = new Map(node.attributes.map((attribute) => [attribute.name, attribute]));
  // An empty list and an absent one look alike in the file, and mean the same.
  const list = <T>(values: readonly T[] | undefined): readonly T[] | undefined =>
    values === undefined || values.length === 0 ? undefined : values;
  return {
    has: (name) => byName.has(name),
    int: (name, fallback) => byName.get(name)?.int ?? fallback,
    float: (name, fallback) => byName.get(name)?.float ?? fallback,
    text: (name, fallback) => {
      const bytes = byName.get(name)?.bytes;
      return bytes === undefined ? fallback : decodeText(bytes);
    },
    ints: (name) => list(byName.get(name)?.ints),
    floats: (name) => list(byName.get(name)?.floats),
    texts: (name) => list(byName.get(name)?.strings)?.map(decodeText),
    tensor: (name) => byName.get(name)?.tensor,
  };
}

/** How a node is called in messages: `node "fc1" (Gemm)`; the domain where it is not ONNX's own. */
export function describeNode(node: OnnxNode): string {
  const name = node.name === '' ? (node.outputs.find((output) => output !== '') ?? '') : node.name;
  return `node ${JSON.stringify(name)} (${node.domain === '' ? '' : `${node.domain}.`}${node.operator})`;
}

/** What has no encrypted form, with the node and advice. */
export function unsupported(
  node: OnnxNode,
  why: string,
  hint = 'Change this part of the model; docs/models.md says what can be evaluated encrypted.',
): AppError {
  return new AppError('model.unsupported', `The ${describeNode(node)} cannot be used: ${why}.`, { hint });
}

/** What contradicts itself, with the node. */
export function invalid(node: OnnxNode, why: string): AppError {
  return new AppError('model.invalid', `The ${describeNode(node)} is not valid: ${why}.`, {
    hint: 'The file is damaged or was written by a faulty exporter; export the model again.',
  });
}
