import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inRepository } from '../../scripts/paths.ts';
import { programsOf } from '../../src/app/programs.ts';
import { AppError } from '../../src/core/error.ts';
import type { Environment } from '../../src/service/environment.ts';
import { readCalibrated } from '../../src/service/calibrated.ts';
import { disagreement, predictTable } from '../predict.ts';
import type { TestTable } from '../tables.ts';
import { pythonWithLibraries } from './environment.ts';

/** Models that the real libraries pickled, opened and converted by a real Python. */

const execute = promisify(execFile);
const cli = inRepository('src/app/cli/main.ts');
const never = new AbortController().signal;
let python: string;
let folder: string;

beforeAll(async () => {
  python = await pythonWithLibraries();
  folder = await mkdtemp(join(tmpdir(), 'sealpoint-pickles-'));
  await execute(python, [inRepository('test/python/pickles.py'), folder]);
}, 600_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Opened {
  readonly model: string;
  readonly calibration?: string;
  readonly python?: string;
}

async function open({ model, calibration = 'calibration.csv', ...rest }: Opened) {
  const told: string[] = [];
  const environment: Environment = {
    home: folder,
    programs: programsOf(),
    log: () => undefined,
    notify: (message) => told.push(message),
  };
  const options = {
    model: join(folder, model),
    calibration: join(folder, calibration),
    openPickle: { python: rest.python ?? python },
  };
  const running = { signal: never, onProgress: () => undefined };
  return { ...(await readCalibrated(options, { environment, running })), told };
}

async function refusal(opened: Opened): Promise<AppError> {
  const error: unknown = await open(opened).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return error;
  throw new Error(`${opened.model} was accepted`, { cause: error });
}

function readCsv(file: string): TestTable {
  const [header = [], ...rows] = parse(readFileSync(file), { bom: true, skip_empty_lines: false });
  return { file, header, rows };
}

/** Folders that a conversion works in. */
const workFolders = (): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith('sealpoint-convert-'));

describe('a pickled model', () => {
  it.each([
    ['names', 'model.pkl', 'ONNX (skl2onnx'],
    ['search', 'model.joblib', 'ONNX (skl2onnx'],
    ['array', 'model.joblib', 'ONNX (skl2onnx'],
    ['ridge', 'model.joblib', 'ONNX (skl2onnx'],
    ['histogram', 'model.pkl', 'ONNX (skl2onnx'],
    ['xgboost', 'model.pkl', 'XGBoost'],
    ['poisson', 'model.pkl', 'XGBoost'],
    ['lightgbm', 'model.joblib', 'LightGBM'],
    ['columns', 'model.joblib', 'ONNX (skl2onnx'],
    ['columns-xgboost', 'model.joblib', 'ONNX (skl2onnx'],
    ['columns-lightgbm', 'model.joblib', 'ONNX (skl2onnx'],
  ])('of %s gives rows that nobody has seen the answers of its library', async (name, file, source) => {
    const { model, told } = await open({ model: `${name}/${file}`, calibration: `${name}/calibration.csv` });
    expect(model.source).toContain(source);
    expect(told.at(-1)).toMatch(/answers (\d+) of \1 calibration rows as the original does/u);
    const predictions = predictTable(model, readCsv(join(folder, name, 'rows.csv')));
    const { error, labels, missingColumns } = disagreement(predictions, readCsv(join(folder, name, 'answers.csv')));
    expect({ labels, missingColumns }).toEqual({ labels: 0, missingColumns: [] });
    expect(error).toBeLessThan(1e-4);
  });

  it('is opened by a command that was told, in a folder that is gone', async () => {
    const { told } = await open({ model: 'names/model.pkl', calibration: 'names/calibration.csv' });
    expect(told[0]).toContain('model.pkl is a Python pickle: opening it runs the code that it holds. Running: ');
    expect(told[0]).toContain(`${python} -B ${inRepository('resources/convert_model.py')} ${folder}/names/model.pkl`);
    expect(workFolders()).toEqual([]);
  });
});

describe('a pickle', () => {
  it.each([
    ['dict.pkl', /dict/u],
    ['minus.pkl', /-999/u],
    ['own.pkl', /OwnScaler/u],
    ['lost.pkl', /'lost_steps'/u],
    ['cut.pkl', /could not be converted/u],
    ['talks.pkl', /NoneType/u],
    ['exits.pkl', /exit code 7/u],
  ])('%s is refused with the reason', async (model, reason) => {
    const error = await refusal({ model });
    expect(error).toMatchObject({ code: 'model.not-converted', place: { file: join(folder, model) } });
    expect(error.message).toMatch(reason);
    expect(error.message.length).toBeLessThan(500);
    expect(error.hint).toBeTruthy();
    expect(workFolders()).toEqual([]);
  });

  it('keeps what Python wrote to standard error as the cause', async () => {
    const { cause } = await refusal({ model: 'own.pkl' });
    expect((cause as Error).message).toContain('Traceback');
  });

  it('whose conversion answers otherwise than the original is refused', async () => {
    const error = await refusal({ model: 'sparse.pkl', calibration: 'sparse.csv' });
    expect(error.code).toBe('model.not-converted');
    expect(error.message).toMatch(/only \d+ of 200 calibration rows/u);
    expect(error.hint).toContain('sparse_output=False');
  });

  it('is told to be opened elsewhere where a Python lacks the libraries', async () => {
    const bare = join(folder, 'bare');
    await execute('python3', ['-m', 'venv', '--without-pip', bare]);
    const error = await refusal({
      model: 'columns/model.joblib',
      calibration: 'columns/calibration.csv',
      python: join(bare, 'bin/python'),
    });
    expect(error.message).toContain('lacks skl2onnx');
    const lines = error.hint?.split('\n') ?? [];
    expect(lines[1]).toBe(`${bare}/bin/python -m pip install skl2onnx joblib`);
    expect(lines[2]).toContain("c in ['purpose']");
  });

  it('says which names were tried where there is no Python', async () => {
    const error = await refusal({ model: 'dict.pkl', python: 'no-such-python' });
    expect(error.message).toContain('no Python was found (no-such-python)');
    expect(error.hint).toContain('pip install skl2onnx');
  });

  it('sees no passphrase', async () => {
    process.env['SEALPOINT_PASSPHRASE'] = 'open sesame';
    try {
      await refusal({ model: 'looks.pkl' });
    } finally {
      delete process.env['SEALPOINT_PASSPHRASE'];
    }
    const seen = await readFile(join(folder, 'seen.txt'), 'utf8');
    expect(seen).toContain('PATH');
    expect(seen).not.toContain('SEALPOINT');
  });
});

describe('sealpoint compile', () => {
  const environment = (): NodeJS.ProcessEnv => ({
    PATH: process.env['PATH'],
    SEALPOINT_HOME: join(folder, 'home'),
    SEALPOINT_PYTHON: python,
  });
  const compile = (model: string, calibration: string): readonly string[] => [
    cli,
    'compile',
    model,
    '--calibration',
    calibration,
  ];

  it('takes a pickle by a relative path and says on stderr what it runs', async () => {
    const args = [...compile('model.joblib', 'calibration.csv'), '-o', '../out', '--mode', 'throughput', '--json'];
    const { stdout, stderr } = await execute(process.execPath, args, {
      cwd: join(folder, 'columns'),
      env: environment(),
    });
    expect(JSON.parse(stdout)).toMatchObject({ path: join(folder, 'out'), plans: [{ mode: 'throughput' }] });
    expect(stderr.split('\n')[0]).toContain(`Running: ${python} -B`);
  });

  it('ends Python and removes its folder on Ctrl-C', async () => {
    const child = spawn(process.execPath, compile('sleeps.pkl', 'calibration.csv'), {
      cwd: folder,
      env: environment(),
    });
    const exit = once(child, 'exit');
    let pid = '';
    while (pid === '') {
      await sleep(20);
      pid = await readFile(join(folder, 'pid.txt'), 'utf8').catch(() => '');
    }
    expect(workFolders()).toHaveLength(1);
    child.kill('SIGINT');
    expect(await exit).toEqual([130, null]);
    expect(workFolders()).toEqual([]);
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State:\tX');
    expect(status).toMatch(/^State:\s+[ZX]/mu);
  });
});
