import type { BenchContext } from './bench.ts';
import { measureCase, type EngineCase } from './engine.ts';
import { concreteTrees } from './peers.ts';

export const name = 'trees';

const cases: readonly EngineCase[] = [
  { model: 'wdbc/xgb_100x4.json', mode: 'latency', reveal: 'nothing', goal: 'at most 1,000 ms', peer: concreteTrees },
  { model: 'wdbc/xgb_100x4.json', mode: 'latency', reveal: 'thresholds', goal: 'at most 500 ms' },
  {
    model: 'wdbc/xgb_100x4.json',
    mode: 'throughput',
    reveal: 'nothing',
    goal: 'at least 1,024 records/s',
    large: { records: 8189, goal: 'at least 410 records/s' },
  },
  {
    model: 'wdbc/xgb_100x4.json',
    mode: 'throughput',
    reveal: 'thresholds',
    goal: 'at least 1,024 records/s',
    large: { records: 8189, goal: 'at least 410 records/s' },
  },
  { model: 'wdbc/forest_50x5.onnx', mode: 'throughput', reveal: 'thresholds' },
  { model: 'wdbc/lgbm.txt', mode: 'throughput', reveal: 'nothing' },
  { model: 'digits/xgb_multi.json', mode: 'throughput', reveal: 'thresholds' },
];

/** A hundred boosted trees of depth 4 on 30 features, one record and thousands, and other forests. */
export async function run(context: BenchContext): Promise<void> {
  for (const item of cases) await measureCase(context, item);
}
