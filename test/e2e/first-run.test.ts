import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Environment } from '../../src/service/environment.ts';
import { listKeySets } from '../../src/service/keys.ts';
import { runJob } from '../../src/service/run.ts';
import { fixture, openWorkbench, passphrase, running, type Workbench } from './workbench.ts';

let workbench: Workbench;
let deployment: string;
beforeAll(async () => {
  workbench = await openWorkbench();
  deployment = (await workbench.compile('wdbc/logistic.onnx')).path;
});
afterAll(async () => {
  await workbench[Symbol.asyncDispose]();
});

describe('the first runs with a deployment', () => {
  it('make one key set, also when there are two at once, and ask for its passphrase once', async () => {
    let asked = 0;
    const environment: Environment = {
      ...workbench.environment,
      askPassphrase: () => {
        asked += 1;
        return Promise.resolve(passphrase);
      },
    };
    const data = fixture('wdbc/data.csv');
    const outputs = ['one.csv', 'two.csv'].map((name) => workbench.path(name));
    const outcomes = await Promise.all(
      outputs.map((output) => runJob({ data, deployment, output }, environment, running)),
    );
    expect(new Set(outcomes.map(({ key }) => key)).size).toBe(1);
    expect((await listKeySets({}, environment)).keys).toHaveLength(1);
    expect(asked).toBe(2);
    const third = await runJob({ data, deployment, output: workbench.path('three.csv') }, environment, running);
    expect(third.warnings).toEqual([]);
    const labels = (text: string): (string | undefined)[] => text.split('\n').map((line) => line.split(',').at(-1));
    const [one, two] = await Promise.all(outputs.map((output) => readFile(output, 'utf8')));
    expect(labels(one ?? '')).toEqual(labels(two ?? ''));
  });
});
