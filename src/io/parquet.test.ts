import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cell } from '../core/table/rows.ts';
import { openDataFile } from './data-file.ts';

const signal = new AbortController().signal;
const fixtures = join(import.meta.dirname, '../../test/fixtures');
const compressors = { GZIP: gzipSync, BROTLI: brotliCompressSync, ZSTD: zstdCompressSync } as const;
let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-'));
  path = join(folder, 'a.parquet');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function rowsOf(file: string): Promise<readonly (readonly Cell[])[]> {
  const source = await openDataFile(file, { signal });
  const rows: (readonly Cell[])[] = [];
  for await (const batch of source.batches(signal)) {
    expect(batch.firstRow).toBe(rows.length);
    expect(batch.lines).toBeUndefined();
    rows.push(...batch.rows);
  }
  expect(source.rowCount).toBe(rows.length);
  return rows;
}

async function write(
  columnData: ColumnSource[],
  options: {
    readonly rowGroupSize?: number;
    readonly codec?: 'UNCOMPRESSED' | 'SNAPPY' | 'GZIP' | 'BROTLI' | 'ZSTD';
  } = {},
): Promise<void> {
  await writeFile(path, Buffer.from(parquetWriteBuffer({ columnData, compressors, ...options })));
}

const columns: ColumnSource[] = [
  { name: 'number', data: [1.5, null, -0, Number.MAX_VALUE], type: 'DOUBLE' },
  { name: 'single', data: [0.1, 2, 3, 4], type: 'FLOAT', nullable: false },
  { name: 'whole', data: [1, null, 3, -4], type: 'INT32' },
  { name: 'big', data: [1n, 2n, null, 2n ** 60n], type: 'INT64' },
  { name: 'text', data: ['a', '', null, 'ü,"'], type: 'STRING' },
  { name: 'flag', data: [true, false, null, true], type: 'BOOLEAN' },
  { name: 'time', data: [new Date(0), null, new Date(1e12), new Date(1)], type: 'TIMESTAMP' },
];
const cells: readonly (readonly Cell[])[] = [
  [1.5, Math.fround(0.1), 1, 1n, 'a', true, '1970-01-01T00:00:00.000Z'],
  [null, 2, null, 2n, '', false, null],
  [-0, 3, 3, null, null, null, '2001-09-09T01:46:40.000Z'],
  [Number.MAX_VALUE, 4, -4, 2n ** 60n, 'ü,"', true, '1970-01-01T00:00:00.001Z'],
];

describe('a Parquet file', () => {
  it.each(['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD'] as const)(
    'gives typed cells when compressed with %s, over several row groups',
    async (codec) => {
      await write(columns, { codec, rowGroupSize: 3 });
      expect(await rowsOf(path)).toEqual(cells);
      expect((await openDataFile(path, { signal })).header).toEqual(columns.map(({ name }) => name));
    },
  );

  it('that pyarrow wrote holds the numbers of the same table in CSV', async () => {
    const rows = await rowsOf(join(fixtures, 'mnist/data.parquet'));
    const csv = await readAll(join(fixtures, 'mnist/data.csv'));
    expect(rows.length).toBe(200);
    expect(rows).toEqual(csv.map((row) => row.map((cell) => Math.fround(Number(cell)))));
  });

  it('comes in batches within its row groups', async () => {
    const many = Array.from({ length: 10_000 }, (_, index) => index);
    await write([{ name: 'n', data: many, type: 'DOUBLE' }], { rowGroupSize: 6000 });
    expect((await rowsOf(path)).map(([cell]) => cell)).toEqual(many);
  });

  it('is known by its first bytes whatever its extension', async () => {
    await write(columns);
    await writeFile(join(folder, 'a.csv'), await readFile(path));
    expect(await rowsOf(join(folder, 'a.csv'))).toEqual(cells);
  });

  it('is data.empty without rows', async () => {
    await write([{ name: 'n', data: [], type: 'DOUBLE' }]);
    await expect(rowsOf(path)).rejects.toMatchObject({ code: 'data.empty' });
  });

  it('is refused for nested and binary columns, naming them', async () => {
    const nested = [
      { name: 'root', num_children: 1 },
      { name: 'list', repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', type: 'DOUBLE', repetition_type: 'OPTIONAL' },
    ] as const;
    await writeFile(
      path,
      Buffer.from(parquetWriteBuffer({ columnData: [{ name: 'list', data: [[1, 2]] }], schema: [...nested] })),
    );
    await expect(rowsOf(path)).rejects.toMatchObject({ code: 'data.unreadable', place: { column: 'list' } });
    await write([
      { name: 'ok', data: [1], type: 'DOUBLE' },
      { name: 'meta', data: [{ a: 1 }], type: 'JSON' },
    ]);
    await expect(rowsOf(path)).rejects.toMatchObject({ code: 'data.unreadable', place: { column: 'meta' } });
  });

  it('is data.unreadable when cut anywhere or when it is something else', async () => {
    await write(columns);
    const whole = await readFile(path);
    for (let length = 0; length < whole.length; length += 37) {
      await writeFile(path, whole.subarray(0, length));
      await expect(rowsOf(path)).rejects.toMatchObject({ code: 'data.unreadable', place: { file: path } });
    }
    await writeFile(path, 'a,b\n1,2\n');
    await expect(rowsOf(path)).rejects.toMatchObject({ code: 'data.unreadable' });
  });

  it('fails by its own errors only when bytes of its footer are changed', async () => {
    await write(columns.slice(0, 2));
    const whole = await readFile(path);
    const footer = whole.length - 8 - whole.readUInt32LE(whole.length - 8);
    for (let at = footer; at < whole.length; at += 5) {
      const copy = Buffer.from(whole);
      copy[at] = (copy[at] ?? 0) ^ 0xff;
      await writeFile(path, copy);
      const outcome: unknown = await readAll(path).catch((error: unknown) => error);
      if (outcome instanceof Error)
        expect(outcome).toMatchObject({ name: 'AppError', code: expect.stringMatching(/^data\./u) });
    }
  });

  it('ends, with its rows or by its own errors, when bytes of its page headers are changed', async () => {
    const values = Array.from({ length: 200 }, (_, index) => index % 7);
    await write([{ name: 'n', data: values, type: 'INT32', encoding: 'DELTA_BINARY_PACKED' }], {
      codec: 'UNCOMPRESSED',
    });
    const whole = await readFile(path);
    let refused = 0;
    // The file begins with PAR1 and the header of the first data page.
    for (let at = 4; at < 30; at += 1) {
      for (const byte of [0x00, 0x01, 0x05, 0x80, 0xff]) {
        const copy = Buffer.from(whole);
        copy[at] = byte;
        await writeFile(path, copy);
        const outcome: unknown = await readAll(path).catch((error: unknown) => error);
        if (!(outcome instanceof Error)) continue;
        expect(outcome).toMatchObject({ name: 'AppError', code: 'data.unreadable', place: { file: path } });
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(40);
  });

  it('is data.unreadable when a page would be decoded for ever', async () => {
    const values = Array.from({ length: 200 }, (_, index) => index);
    await write([{ name: 'n', data: values, type: 'INT32', nullable: false, encoding: 'DELTA_BINARY_PACKED' }], {
      codec: 'UNCOMPRESSED',
    });
    const damaged = await readFile(path);
    // 128 values a block in 4 miniblocks, 200 in all; then blocks of -16 values, whose every miniblock ends where it began.
    const at = damaged.indexOf(Buffer.from([0x80, 0x01, 0x04, 0xc8, 0x01]));
    expect(at).toBeGreaterThan(0);
    damaged.set([0xf0, 0xff, 0xff, 0xff, 0x0f, 0x01, 0xc8, 0x01, 0x00, 0x00, 0x01], at);
    await writeFile(path, damaged);
    await expect(rowsOf(path)).rejects.toMatchObject({ code: 'data.unreadable', place: { file: path, column: 'n' } });
  });

  it("stops when aborted, with the abort's reason", async () => {
    await write(columns, { rowGroupSize: 1 });
    const abort = new AbortController();
    const source = await openDataFile(path, { signal });
    await expect(
      (async () => {
        for await (const batch of source.batches(abort.signal))
          if (batch.firstRow === 1) abort.abort(new Error('enough'));
      })(),
    ).rejects.toThrow('enough');
  });
});

async function readAll(file: string): Promise<readonly (readonly Cell[])[]> {
  const rows: (readonly Cell[])[] = [];
  for await (const batch of (await openDataFile(file, { signal })).batches(signal)) rows.push(...batch.rows);
  return rows;
}
