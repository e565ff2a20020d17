import { cp, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppError } from '../../src/core/error.ts';
import { createKeySet } from '../../src/service/create-key-set.ts';
import { runJob } from '../../src/service/run.ts';
import { fixture, openWorkbench, refusal, running, type Workbench } from './workbench.ts';

let workbench: Workbench;
let deployment: string;
let header: string;
let rows: string[];

beforeAll(async () => {
  workbench = await openWorkbench();
  deployment = (await workbench.compile('wdbc/logistic.onnx')).path;
  await createKeySet({ deployment, name: 'ours' }, workbench.environment, running);
  [header = '', ...rows] = (await readFile(fixture('wdbc/data.csv'), 'utf8')).trim().split('\n');
});
afterAll(async () => {
  await workbench[Symbol.asyncDispose]();
});

async function refused(text: string): Promise<AppError> {
  const data = workbench.path('bad.csv');
  await writeFile(data, text);
  const output = workbench.path('bad-predictions.csv');
  const error = await refusal(runJob({ data, deployment, output }, workbench.environment, running));
  expect(await readdir(workbench.folder)).not.toContain('bad-predictions.csv');
  // Nothing was sent, and no job began.
  expect(await readdir(join(workbench.environment.home, 'jobs')).catch(() => [])).toEqual([]);
  expect(await readdir(join(workbench.environment.home, 'store', 'jobs')).catch(() => [])).toEqual([]);
  return error;
}

/** The rows with one cell replaced. */
function withCell(row: number, column: number, cell: string): string {
  const lines = rows.map((line, index) => {
    if (index !== row) return line;
    const cells = line.split(',');
    cells[column] = cell;
    return cells.join(',');
  });
  return [header, ...lines].join('\n');
}

describe('a data file that cannot be right is refused before anything is sent', () => {
  it('names the missing column, and the one it may have been renamed to', async () => {
    const error = await refused([header.replace('mean area', 'mean aera'), ...rows].join('\n'));
    expect(error.code).toBe('data.missing-column');
    expect(`${error.message} ${error.hint ?? ''}`).toContain('mean area');
    expect(`${error.message} ${error.hint ?? ''}`).toContain('mean aera');
  });

  it('names row, line and column of text in a number, even in the last row', async () => {
    const error = await refused(withCell(rows.length - 1, 3, 'abc'));
    expect(error.code).toBe('data.not-a-number');
    expect(error.place).toMatchObject({ row: rows.length, line: rows.length + 1, column: 'mean area' });
    expect(error.message).not.toContain('abc');
  });

  it.each(['', 'NA', 'NaN', 'null'])(
    'refuses a missing value written %j where the model has no rule for it',
    async (cell) => {
      const error = await refused(withCell(4, 0, cell));
      expect(error.code).toBe('data.missing-value');
      expect(error.place).toMatchObject({ row: 5, column: 'mean radius' });
    },
  );

  it('refuses infinity', async () => {
    expect((await refused(withCell(0, 1, 'inf'))).code).toBe('data.not-a-number');
  });

  it('refuses a ragged row and names it', async () => {
    const error = await refused([header, rows[0], `${rows[1] ?? ''},1`, rows[2]].join('\n'));
    expect(error.code).toBe('data.ragged-row');
    expect(error.place).toMatchObject({ row: 2, line: 3 });
  });

  it('refuses a file without rows, and an empty one', async () => {
    expect((await refused(header)).code).toBe('data.empty');
    expect((await refused('')).code).toMatch(/^data\./u);
  });

  it('refuses a value beyond four times the calibrated range, and clips and counts it when told to', async () => {
    const error = await refused(withCell(7, 3, '1e6'));
    expect(error.code).toBe('data.out-of-range');
    expect(error.place).toMatchObject({ row: 8, column: 'mean area' });
    const output = workbench.path('clipped.csv');
    const outcome = await runJob(
      { data: workbench.path('bad.csv'), deployment, output, clip: true },
      workbench.environment,
      running,
    );
    expect(outcome.clipped).toBe(1);
    expect(outcome.warnings.join()).toContain('1');
  });
});

describe('a place for predictions that cannot be', () => {
  async function refusedOutput(output: string, data = fixture('wdbc/data.csv')): Promise<AppError> {
    const { environment } = workbench;
    const home = workbench.path('another-home');
    const error = await refusal(runJob({ data, deployment, output }, { ...environment, home }, running));
    // No key set was made for it, and no job began.
    expect(await readdir(home).catch(() => [])).toEqual([]);
    return error;
  }

  it('is refused before anything is made', async () => {
    expect((await refusedOutput(workbench.path('predictions.txt'))).code).toBe('usage.arguments');
    expect((await refusedOutput(workbench.path('no-folder/predictions.csv'))).code).toBe('io.not-found');
    expect((await refusedOutput(workbench.folder)).code).toBe('usage.arguments');
  });

  it('is refused where it is the data file by another name', async () => {
    const data = workbench.path('precious.csv');
    await cp(fixture('wdbc/data.csv'), data);
    const link = workbench.path('link.csv');
    await symlink(data, link);
    for (const [output, input] of [
      [data, link],
      [link, data],
    ] as const)
      expect(await refusedOutput(output, input)).toMatchObject({
        code: 'usage.arguments',
        message: 'The predictions would replace the data file.',
      });
    expect(await readFile(data, 'utf8')).toBe(await readFile(fixture('wdbc/data.csv'), 'utf8'));
  });
});

describe('a deployment that is not as it was made', () => {
  async function damaged(change: (folder: string) => Promise<unknown>): Promise<AppError> {
    const folder = workbench.path(`damaged-${String(Math.random()).slice(2)}`);
    await cp(deployment, folder, { recursive: true });
    await change(folder);
    const data = fixture('wdbc/data.csv');
    const output = workbench.path('damaged.csv');
    const before = await readdir(join(workbench.environment.home, 'jobs')).catch(() => []);
    const error = await refusal(runJob({ data, deployment: folder, output }, workbench.environment, running));
    expect(await readdir(join(workbench.environment.home, 'jobs')).catch(() => [])).toEqual(before);
    return error;
  }

  it.each(['client.zip', 'server.zip'])(
    'is refused where %s is cut off, with the place, and no job begins',
    async (name) => {
      const error = await damaged(async (folder) => {
        const bytes = await readFile(join(folder, name));
        await writeFile(join(folder, name), bytes.subarray(0, bytes.length - 10));
      });
      expect(error.code).toBe('artifact.unreadable');
      expect(error.message).not.toContain('{');
      expect(error.place.file).toContain(name);
    },
  );

  it('is refused where server.zip is that of another deployment', async () => {
    const other = await workbench.compile('wdbc/svm.onnx');
    const error = await damaged((folder) => cp(join(other.path, 'server.zip'), join(folder, 'server.zip')));
    expect(error.code).toBe('artifact.other-deployment');
    expect(error.place.file).toContain('server.zip');
  });
});

describe('a data file in another shape', () => {
  it('may have its columns in any order and others besides, which are kept and not sent', async () => {
    const names = header.split(',');
    const order = names.map((_, index) => index).reverse();
    const shuffled = [
      [...order.map((index) => names[index]), 'note'],
      ...rows.map((row) => [...order.map((index) => row.split(',')[index]), '"a, b"']),
    ];
    const data = workbench.path('shuffled.csv');
    await writeFile(data, shuffled.map((cells) => cells.join(',')).join('\n'));
    const [plain, other] = [workbench.path('plain.csv'), workbench.path('with-input.csv')];
    await runJob({ data: fixture('wdbc/data.csv'), deployment, output: plain }, workbench.environment, running);
    await runJob({ data, deployment, output: other, withInput: true }, workbench.environment, running);
    const labels = (text: string): (string | undefined)[] =>
      text
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split(',').at(-1));
    const written = await readFile(other, 'utf8');
    expect(labels(written)).toEqual(labels(await readFile(plain, 'utf8')));
    expect(written.split('\n')[0]).toBe(
      [...order.map((index) => names[index]), 'note', 'score_0', 'prob_0', 'prob_1', 'label'].join(','),
    );
    expect(written).toContain('"a, b"');
  });
});
