import type { BenchContext } from './bench.ts';
import { measureCase, type EngineCase } from './engine.ts';
import { tenseal } from './peers.ts';

export const name = 'networks';

const cases: readonly EngineCase[] = [
  { model: 'mnist/mlp_square.onnx', mode: 'latency', goal: 'at most 100 ms' },
  {
    model: 'mnist/mlp_square.onnx',
    mode: 'throughput',
    goal: 'at least 400 records/s',
    large: { records: 4 * 2042, goal: 'at least 250 records/s' },
  },
  { model: 'mnist/mlp_relu.onnx', mode: 'latency', goal: 'at most 200 ms' },
  { model: 'mnist/mlp_relu.onnx', mode: 'throughput', goal: 'at least 200 records/s' },
  { model: 'mnist/mlp_bn_quad.onnx', mode: 'latency' },
  { model: 'mnist/mlp3_relu.onnx', mode: 'latency' },
];

/** The article's network 784-392-10 and others, one image and many. */
export async function run(context: BenchContext): Promise<void> {
  const peer = await tenseal(context);
  for (const item of cases) {
    const isArticle = item.model.includes('mlp_square') && item.mode === 'latency';
    await measureCase(context, isArticle && peer !== undefined ? { ...item, peer } : item);
  }
}
