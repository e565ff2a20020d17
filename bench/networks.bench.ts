import type { BenchContext } from './bench.ts';
import { measureCase, type EngineCase } from './engine.ts';
import { concreteNetwork, tensealNetwork } from './peers.ts';

export const name = 'networks';

const cases: readonly EngineCase[] = [
  { model: 'mnist/mlp_square.onnx', mode: 'latency', goal: 'at most 100 ms', peer: tensealNetwork },
  {
    model: 'mnist/mlp_square.onnx',
    mode: 'throughput',
    goal: 'at least 400 records/s',
    large: { records: 4 * 2042, goal: 'at least 250 records/s' },
  },
  { model: 'mnist/mlp_relu.onnx', mode: 'latency', goal: 'at most 200 ms', peer: concreteNetwork },
  { model: 'mnist/mlp_relu.onnx', mode: 'throughput', goal: 'at least 200 records/s' },
  { model: 'mnist/mlp_bn_quad.onnx', mode: 'latency' },
  { model: 'mnist/mlp3_relu.onnx', mode: 'latency' },
  { model: 'digits/mlp_tanh.onnx', mode: 'latency' },
];

/** The article's network 784-392-10 and others, one image and many. */
export async function run(context: BenchContext): Promise<void> {
  for (const item of cases) await measureCase(context, item);
}
