import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cell } from '../core/table/rows.ts';
import { openDataFile } from './data-file.ts';
import type { TableColumn } from './table-encoder.ts';
import { openTableFile } from './table-file.ts';

const signal = new AbortController().signal;
const columns: readonly TableColumn[] = [
  { name: 'score', type: 'number' },
  { name: 'the "label"', type: 'text' },
];
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'table-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(
  name: string,
  rows: readonly (readonly Cell[])[],
  shape: readonly TableColumn[] = columns,
): Promise<string> {
  const path = join(folder, name);
  const table = await openTableFile(path, shape);
  for (let first = 0; first < rows.length; first += 1000) await table.write(rows.slice(first, first + 1000));
  await table.commit();
  return path;
}

async function readBack(path: string): Promise<readonly (readonly Cell[])[]> {
  const rows: (readonly Cell[])[] = [];
  for await (const batch of (await openDataFile(path, { signal })).batches(signal)) rows.push(...batch.rows);
  return rows;
}

const text = fc.string({ unit: 'binary', maxLength: 10 }).map((value) => value.toWellFormed().replaceAll('\0', '0'));
const anyRows = fc.array(fc.tuple(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })), fc.option(text)), {
  minLength: 1,
  maxLength: 20,
});

describe('a table file', { timeout: 60_000 }, () => {
  it('is CSV with quotes where needed and the shortest numbers', async () => {
    const path = await write('a.csv', [
      [0.1, 'plain'],
      [-0, 'a,b'],
      [1e21, 'say "hi"'],
      [null, 'two\nlines'],
      [5e-324, null],
      [100, '=1+1'],
      [Number.NaN, 'a;b'],
      [1 / 3, 'é'],
    ]);
    expect(await readFile(path, 'utf8')).toBe(
      'score,"the ""label"""\n0.1,plain\n-0,"a,b"\n1e+21,"say ""hi"""\n,"two\nlines"\n5e-324,\n100,=1+1\nNaN,"a;b"\n0.3333333333333333,é\n',
    );
  });

  it('is CSV that gives back any numbers and texts', async () => {
    await fc.assert(
      fc.asyncProperty(anyRows, async (rows) => {
        const found = await readBack(await write('a.csv', rows));
        expect(found.map(([number, label]) => [number === '' ? null : Number(number), label])).toEqual(
          rows.map(([number, label]) => [number, label ?? '']),
        );
      }),
      { numRuns: 100 },
    );
  });

  it('keeps empty cells of a one-column CSV as rows', async () => {
    const path = await write('a.csv', [['x'], [null], ['']], [{ name: 'only;name', type: 'text' }]);
    expect(await readBack(path)).toEqual([['x'], [''], ['']]);
    expect((await openDataFile(path, { signal })).header).toEqual(['only;name']);
  });

  it('is JSONL that gives back any numbers, texts and nulls', async () => {
    await fc.assert(
      fc.asyncProperty(anyRows, async (rows) => {
        expect(await readBack(await write('a.jsonl', rows))).toEqual(rows);
      }),
      { numRuns: 100 },
    );
    expect(
      await readFile(
        await write('b.jsonl', [
          [Number.NaN, 'a'],
          [2n ** 60n, null],
        ]),
        'utf8',
      ),
    ).toBe('{"score":null,"the \\"label\\"":"a"}\n{"score":1152921504606846976,"the \\"label\\"":null}\n');
  });

  it('is Parquet that gives back any numbers, texts and nulls, also over several row groups', async () => {
    await fc.assert(
      fc.asyncProperty(anyRows, async (rows) => {
        expect(await readBack(await write('a.parquet', rows))).toEqual(rows);
      }),
      { numRuns: 50 },
    );
    const many = Array.from({ length: 70_000 }, (_, index): readonly Cell[] => [
      index / 7,
      index % 9 === 0 ? null : `row ${String(index)}`,
    ]);
    expect(await readBack(await write('many.parquet', many))).toEqual(many);
  });

  it.each(['csv', 'jsonl', 'parquet'])('in %s may be empty but for its header', async (extension) => {
    const path = await write(`a.${extension}`, []);
    await expect(openDataFile(path, { signal })).rejects.toMatchObject({ code: 'data.empty' });
  });

  it.each(['csv', 'jsonl', 'parquet'])(
    'in %s appears only at commit and leaves nothing when discarded',
    async (extension) => {
      const path = join(folder, `a.${extension}`);
      await writeFile(path, 'old');
      const table = await openTableFile(path, columns);
      await table.write([[1, 'a']]);
      expect(await readFile(path, 'utf8')).toBe('old');
      await table.discard();
      expect(await readdir(folder)).toEqual([`a.${extension}`]);
      expect(await readFile(path, 'utf8')).toBe('old');
    },
  );

  it('is refused for an unknown extension and a missing folder, before anything is written', async () => {
    await expect(openTableFile(join(folder, 'a.xlsx'), columns)).rejects.toMatchObject({ code: 'usage.arguments' });
    await expect(openTableFile(join(folder, 'no', 'a.csv'), columns)).rejects.toMatchObject({ code: 'io.not-found' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses rows that have not one cell a column', async () => {
    const table = await openTableFile(join(folder, 'a.csv'), columns);
    await expect(table.write([[1, 'a'], [1]])).rejects.toMatchObject({ code: 'internal' });
    await table.discard();
  });
});

const writer = (path: string): string => `
  import { openTableFile } from ${JSON.stringify(new URL('./table-file.ts', import.meta.url).href)};
  const table = await openTableFile(${JSON.stringify(path)}, [{ name: 'a', type: 'number' }]);
  try {
    for (let i = 0; i < 1000; i += 1) await table.write(Array.from({ length: 1000 }, (_, k) => [k / 7]));
    await table.commit();
    process.stdout.write('done');
  } catch (error) {
    await table.discard();
    process.stdout.write(String(error.code));
  }`;

describe('a full disk', { timeout: 60_000 }, () => {
  const node = [process.execPath, '--input-type=module', '--eval'] as const;
  const canMount =
    process.platform === 'linux' && spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

  it.runIf(canMount)('is io.no-space and leaves neither the file nor a temporary one', () => {
    const script = 'mount -t tmpfs -o size=256k tmpfs "$1" && "$2" "$3" "$4" "$5" && echo && ls -A "$1"';
    const said = execFileSync(
      'unshare',
      ['-rm', 'sh', '-c', script, 'sh', folder, ...node, writer(join(folder, 'a.csv'))],
      { encoding: 'utf8' },
    );
    expect(said.trim()).toBe('io.no-space');
  });

  it.runIf(process.platform !== 'win32')('is io.no-space too where a limit on file sizes plays it', async () => {
    const said = execFileSync(
      'bash',
      ['-c', 'ulimit -f 64; exec "$@"', 'bash', ...node, writer(join(folder, 'a.csv'))],
      { encoding: 'utf8' },
    );
    expect(said).toBe('io.no-space');
    expect(await readdir(folder)).toEqual([]);
  });
});
