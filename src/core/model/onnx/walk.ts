import { AppError } from '../../error.ts';
import { attributesOf, describeNode, invalid, unsupported } from './attributes.ts';
import { type NodeContext, type Operator, withNode } from './context.ts';
import { type FeatureTable, featureTable } from './features.ts';
import { dataInputs, fixedBatchOf, inputValue } from './inputs.ts';
import { adviceFor, operatorOf } from './operators.ts';
import type { OnnxFile, OnnxGraph, OnnxNode } from './proto.ts';
import { type ReadExternal, readConstant } from './tensor.ts';
import type { Value } from './value.ts';

export interface Walked {
  /** The graph's outputs, in order. */
  readonly outputs: readonly Value[];
  readonly features: FeatureTable;
}

/**
 * Evaluates the graph symbolically: what its outputs are, as functions of the columns.
 * Nodes that no output needs are left alone.
 */
export function walkGraph(file: OnnxFile, graph: OnnxGraph, readExternal: ReadExternal | undefined): Walked {
  const features = featureTable();
  const values = new Map<string, Value>();
  const define = (name: string, value: Value): void => {
    values.set(name, value);
  };
  for (const input of dataInputs(graph)) define(input.name, inputValue(input, graph, features));
  for (const tensor of graph.initializers) define(tensor.name, readConstant(tensor, readExternal));
  const fixedBatch = fixedBatchOf(graph);
  for (const node of inOrder(graph)) {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : values.get(name)));
    const context = {
      node,
      attributes: attributesOf(node),
      inputs,
      opset: opsetOf(node, file),
      features,
      fixedBatch,
      readExternal,
    };
    const results = evaluate(context);
    for (const [i, name] of node.outputs.entries()) {
      const result = results[i];
      if (result !== undefined && name !== '') define(name, result);
    }
  }
  const outputs = graph.outputs.map(({ name }) => {
    const value = values.get(name);
    if (value === undefined)
      throw new AppError(
        'model.invalid',
        `The output ${JSON.stringify(name)} of the graph is not computed by any node.`,
      );
    return value;
  });
  return { outputs, features };
}

function evaluate(context: NodeContext): readonly Value[] {
  const { node } = context;
  for (const [i, name] of node.inputs.entries()) {
    if (name !== '' && context.inputs[i] === undefined)
      throw unsupported(node, `it needs ${JSON.stringify(name)}, which is an output that is not supported`);
  }
  const operator: Operator | undefined = operatorOf(node);
  if (operator === undefined) throw unsupported(node, 'this operator is not supported', adviceFor(node));
  return withNode(node, () => operator(context));
}

function opsetOf(node: OnnxNode, file: OnnxFile): number {
  const opset = file.opsets.get(node.domain);
  if (opset !== undefined) return opset;
  if (operatorOf(node) === undefined) throw unsupported(node, 'its domain is not supported', adviceFor(node));
  throw invalid(node, 'the file does not say which version of its operators it uses');
}

/**
 * The nodes that the outputs need, each after those it needs itself.
 * @throws AppError `model.invalid` when a name is computed twice or nowhere, or needs itself
 */
function inOrder(graph: OnnxGraph): readonly OnnxNode[] {
  const producers = producersOf(graph);
  const given = new Set([...graph.inputs, ...graph.initializers].map(({ name }) => name));
  const state = new Map<OnnxNode, 'open' | 'done'>();
  const ordered: OnnxNode[] = [];
  const stack = graph.outputs.flatMap(({ name }) => producers.get(name) ?? []).reverse();
  for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
    if (state.has(node)) {
      stack.pop();
      if (state.get(node) === 'open') ordered.push(node);
      state.set(node, 'done');
      continue;
    }
    state.set(node, 'open');
    for (const needed of neededBy(node, producers, given)) {
      if (state.get(needed) === 'open') throw invalid(node, 'it needs its own result: the graph has a loop');
      if (!state.has(needed)) stack.push(needed);
    }
  }
  return ordered;
}

function neededBy(node: OnnxNode, producers: ReadonlyMap<string, OnnxNode>, given: ReadonlySet<string>): OnnxNode[] {
  return node.inputs.flatMap((name) => {
    const producer = producers.get(name);
    if (producer === undefined && name !== '' && !given.has(name))
      throw invalid(node, `its input ${JSON.stringify(name)} is computed nowhere`);
    return producer ?? [];
  });
}

function producersOf(graph: OnnxGraph): Map<string, OnnxNode> {
  const producers = new Map<string, OnnxNode>();
  const taken = new Set<string>();
  const take = (name: string): void => {
    if (taken.has(name))
      throw new AppError('model.invalid', `The name ${JSON.stringify(name)} is given twice in the graph.`);
    taken.add(name);
  };
  for (const { name } of dataInputs(graph)) take(name);
  for (const { name } of graph.initializers) take(name);
  for (const node of graph.nodes) {
    for (const name of node.outputs.filter((output) => output !== '')) {
      if (taken.has(name)) throw invalid(node, `${JSON.stringify(name)} is computed twice`);
      take(name);
      producers.set(name, node);
    }
    if (node.attributes.some(({ hasGraph }) => hasGraph)) checkNoGraph(node);
  }
  return producers;
}

/** Branches and loops decide by the data. */
function checkNoGraph(node: OnnxNode): void {
  if (operatorOf(node) !== undefined)
    throw new AppError('model.invalid', `The ${describeNode(node)} holds a graph of its own.`);
}
