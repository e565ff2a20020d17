import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileOutcome, type CompileOutcome } from '../../src/core/artifact/outcomes.ts';
import { reportDocument } from '../../src/core/artifact/report.ts';
import { readTable, type TestTable } from '../tables.ts';

const execute = promisify(execFile);
const cli = fileURLToPath(new URL('../../src/app/cli/main.ts', import.meta.url));
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/wdbc/${name}`, import.meta.url));

let folder: string;
let outcome: CompileOutcome;

async function sealpoint(...args: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], SEALPOINT_HOME: join(folder, 'home') };
  return (await execute(process.execPath, [cli, ...args], { env })).stdout;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealpoint-report-'));
  const rows = ['--calibration', fixture('data.csv'), '--labels', fixture('labels.csv')];
  const made = await sealpoint(
    'compile',
    fixture('logistic.onnx'),
    ...rows,
    '-o',
    join(folder, 'out'),
    '--explain',
    '--json',
  );
  outcome = compileOutcome.parse(JSON.parse(made));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

function column({ header, rows }: TestTable, name: string): readonly string[] {
  return rows.map((row) => row[header.indexOf(name)] ?? '');
}

describe('what compile tells of a deployment', () => {
  it("has the original library's accuracy in the clear, and the same when encrypted", () => {
    const labels = column(readTable('wdbc/labels.csv'), 'label');
    const predicted = column(readTable('wdbc/expected/logistic.csv'), 'label');
    const right = labels.filter((label, row) => label === predicted[row]).length / labels.length;
    expect(outcome.plaintext?.accuracy).toEqual({ kind: 'accuracy', value: right });
    expect(outcome.plans.map(({ accuracy }) => accuracy?.value)).toEqual([right, right]);
  });

  it('has a root mean square error below the largest, and how much slower it is than the model in the clear', () => {
    for (const { maxError, rmsError, slowdown } of outcome.plans) {
      expect(rmsError).toBeLessThanOrEqual(maxError);
      expect(slowdown).toBeGreaterThan(1);
    }
  });

  it('explains with one chosen candidate a mode, measured beside its prediction', () => {
    const { candidates = [] } = outcome;
    const chosen = candidates.filter((candidate) => candidate.chosen);
    expect(chosen.map(({ mode }) => mode)).toEqual(['latency', 'throughput']);
    expect(candidates.length).toBeGreaterThan(chosen.length);
    for (const { chosen: isChosen, measured, predicted } of candidates) {
      expect(measured !== undefined).toBe(isChosen);
      expect(predicted.memoryBytes).toBeGreaterThan(1e8);
      if (measured === undefined) continue;
      // A prediction of noise is an order of magnitude, of sizes much nearer.
      expect(measured.rmsError / predicted.rmsError).toBeLessThan(10);
      expect(Math.abs(Math.log(measured.queryBytes / predicted.queryBytes))).toBeLessThan(0.3);
    }
  });

  it("estimates both plans on the article's two instance types and says on what basis", () => {
    const { basis, estimates } = outcome.instances ?? { basis: '', estimates: [] };
    expect(basis).toMatch(/^Measured here on \d+ cores/u);
    for (const instance of ['ml.m5.xlarge', 'ml.m5.24xlarge'])
      expect(estimates.filter((estimate) => estimate.instance === instance)).toHaveLength(2);
  });

  it('has instances of many cores spare a plan of one record only what its threads share', async () => {
    const digits = (name: string): string => fileURLToPath(new URL(`../fixtures/digits/${name}`, import.meta.url));
    const rows = ['--calibration', digits('calibration.csv'), '--mode', 'latency'];
    const target = ['-o', join(folder, 'network'), '--explain', '--json'];
    const made = compileOutcome.parse(
      JSON.parse(await sealpoint('compile', digits('mlp_relu.onnx'), ...rows, ...target)),
    );
    expect(made.plans[0]?.packing).toBe('features');
    const { basis, estimates } = made.instances ?? { basis: '', estimates: [] };
    const secondsOn = (name: string): number => estimates.find(({ instance }) => instance === name)?.seconds ?? 0;
    // 48 cores against 2: even steps that were shared in full would take half as long on the four that share them.
    expect(secondsOn('ml.m5.24xlarge')).toBeGreaterThan(secondsOn('ml.m5.xlarge') / 2);
    expect(secondsOn('ml.m5.24xlarge')).toBeLessThan(secondsOn('ml.m5.xlarge'));
    for (const { seconds, recordsPerSecond } of estimates) expect(recordsPerSecond).toBeCloseTo(1 / seconds, 6);
    expect(basis).toContain('shared evenly');
  });

  it('stands in report.json, with sizes, security and what client.zip reveals', async () => {
    const report = reportDocument.parse(JSON.parse(await readFile(join(folder, 'out', 'report.json'), 'utf8')));
    expect(report).toMatchObject({
      deployment: outcome.deployment,
      model: outcome.model,
      plaintext: outcome.plaintext,
      candidates: outcome.candidates,
      reveals: outcome.reveals,
      bytes: outcome.bytes,
    });
    for (const [index, plan] of report.plans.entries()) {
      expect(plan).toMatchObject(outcome.plans[index] ?? {});
      expect(plan.security.logQ).toBe(plan.coeffModulusBits.reduce((sum, bits) => sum + bits, 0));
      expect(plan.security.logQ).toBeLessThanOrEqual(plan.security.mostLogQ);
    }
  });

  it('is told again by inspect, in the same lines', async () => {
    const text = await sealpoint('inspect', join(folder, 'out'));
    for (const line of [
      /^deployment +[0-9a-f]{12}$/mu,
      /^model +logistic\.onnx, ONNX \(skl2onnx 1\.20\.0\): classification into 2 classes, 30 inputs$/mu,
      /^in the clear +9\d\.\d\d % right on the calibration rows/mu,
      /^security +128 bits: log Q at most 53 at N = 2048/mu,
      /^latency +BGV +coefficients +2048 +53 .*>= 9\d\.\d\d %/mu,
      /^latency +1 .*x$/mu,
      /^client\.zip tells:$/mu,
    ]) {
      expect(text).toMatch(line);
    }
    expect(await sealpoint('inspect', join(folder, 'out', 'report.json'))).toContain('client.zip tells:');
  });
});
