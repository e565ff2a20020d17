import type { BenchContext } from './bench.ts';
import { measureCase, type EngineCase } from './engine.ts';

export const name = 'convolutions';

const cases: readonly EngineCase[] = [
  { model: 'mnist/cnn_square.onnx', mode: 'latency', goal: 'at most 700 ms' },
  { model: 'mnist/cnn_relu.onnx', mode: 'latency', goal: 'at most 5,000 ms' },
  { model: 'mnist/cnn_relu.onnx', mode: 'throughput', goal: 'at least 30 records/s' },
];

/** Convolutional networks, squares as CryptoNets has them and ReLU as LeNet has it, one image and many. */
export async function run(context: BenchContext): Promise<void> {
  for (const item of cases) await measureCase(context, item);
}
