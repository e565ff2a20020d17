import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createHash, randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { stringify } from 'csv-stringify/sync';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cell } from '../core/table/rows.ts';
import { digestFile, openDataFile } from './data-file.ts';

const signal = new AbortController().signal;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'data-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  readonly lines: readonly number[];
  readonly sizes: readonly number[];
}

async function read(path: string): Promise<Table> {
  const source = await openDataFile(path, { signal });
  const rows: (readonly Cell[])[] = [];
  const lines: number[] = [];
  const sizes: number[] = [];
  for await (const batch of source.batches(signal)) {
    expect(batch.firstRow).toBe(rows.length);
    rows.push(...batch.rows);
    lines.push(...(batch.lines ?? []));
    sizes.push(batch.rows.length);
  }
  return { header: source.header, rows, lines, sizes };
}

async function readText(content: string | Uint8Array, name = 'a.csv'): Promise<Table> {
  const path = join(folder, name);
  await writeFile(path, content);
  return await read(path);
}

describe('a CSV file', () => {
  it.each([
    ['a comma', ','],
    ['a semicolon', ';'],
    ['a tab', '\t'],
    ['a bar', '|'],
  ])('is split at %s, seen from the header', async (_, delimiter) => {
    const { header, rows } = await readText(
      ['a b', 'c', 'd'].join(delimiter) +
        '\n' +
        ['1', '2,5;6', '3'].map((cell) => (cell.includes(delimiter) ? `"${cell}"` : cell)).join(delimiter),
    );
    expect(header).toEqual(['a b', 'c', 'd']);
    expect(rows).toEqual([['1', '2,5;6', '3']]);
  });

  it.each([';', ':', ' '])('is split at what its first line says: sep=%s', async (delimiter) => {
    const { header, rows, lines } = await readText(`sep=${delimiter}\r\na${delimiter}b,c\r\n1${delimiter}"2"\r\n`);
    expect([header, rows, lines]).toEqual([['a', 'b,c'], [['1', '2']], [3]]);
  });

  it('is not blamed for a quote where a line just has no end', async () => {
    await expect(readText(`a,b\n1,${'x'.repeat(17 * 1024 * 1024)}`)).rejects.toMatchObject({
      code: 'data.unreadable',
      place: { line: 2 },
      message: expect.stringContaining('line 2 has more than') as string,
    });
  });

  it('takes no delimiter from quoted names', async () => {
    expect((await readText('"a,b,c";d\n1;2\n')).header).toEqual(['a,b,c', 'd']);
  });

  it.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['CR', '\r'],
  ])('ends its lines with %s, the last one with or without', async (_, end) => {
    const wanted = [
      ['1', 'x'],
      ['2', 'y z'],
    ];
    for (const tail of ['', end, end + end]) {
      const { header, rows, lines } = await readText(['a,b', '1,x', '2,"y z"'].join(end) + tail);
      expect([header, rows, lines]).toEqual([['a', 'b'], wanted, [2, 3]]);
    }
  });

  it('may mix line ends and holds blank lines, which count as lines but not as rows', async () => {
    const { rows, lines } = await readText('a,b\r\n\n1,2\n\r\n3,4\r\n');
    expect(rows).toEqual([
      ['1', '2'],
      ['3', '4'],
    ]);
    expect(lines).toEqual([3, 5]);
  });

  it('gives the line on which a row begins when cells hold newlines', async () => {
    const { rows, lines } = await readText('"a\nb",c\n"1\r\n\n""x""",2\n3,4\n"5",6\n');
    expect(rows).toEqual([
      ['1\r\n\n"x"', '2'],
      ['3', '4'],
      ['5', '6'],
    ]);
    expect(lines).toEqual([3, 6, 7]);
  });

  it('keeps an empty quoted cell of a one-column file as a row', async () => {
    expect((await readText('a\n1\n""\n\n3\n')).rows).toEqual([['1'], [''], ['3']]);
  });

  it('is read in UTF-8 and UTF-16 with a byte order mark, without it in the first name', async () => {
    const text = 'größe,日本\n1,é🔑\n';
    const swapped = Buffer.from('\ufeff' + text, 'utf16le').swap16();
    for (const content of [text, '\ufeff' + text, Buffer.from('\ufeff' + text, 'utf16le'), swapped]) {
      const { header, rows } = await readText(content);
      expect([header, rows]).toEqual([['größe', '日本'], [['1', 'é🔑']]]);
    }
  });

  it.each([
    ['a short row', 'a,b\n1,2\n3\n', 2, 3],
    ['a long row', 'a,b\n1,2,3\n', 1, 2],
    ['a ragged row after quoted newlines', 'a,b\n"1\n1",2\n3,4,5\n', 2, 4],
  ])('is refused for %s, with row and line', async (_, ...[content, row, line]) => {
    await expect(readText(content)).rejects.toMatchObject({
      code: 'data.ragged-row',
      place: { file: join(folder, 'a.csv'), row, line },
    });
  });

  it.each([
    ['nothing', ''],
    ['blank lines', '\n\n\n'],
    ['a header alone', 'a,b\n'],
    ['a header without its newline', 'a,b'],
    ['a byte order mark alone', '\ufeff'],
  ])('is data.empty with %s', async (_, content) => {
    await expect(readText(content)).rejects.toMatchObject({ code: 'data.empty' });
  });

  it('is refused for two columns of one name, and for a header without any name', async () => {
    await expect(readText('a,b,a\n1,2,3\n')).rejects.toMatchObject({
      code: 'data.duplicate-column',
      place: { column: 'a', line: 1 },
    });
    await expect(readText(',,b\n1,2,3\n')).rejects.toMatchObject({ code: 'data.duplicate-column' });
    await expect(readText(',\n1,2\n')).rejects.toMatchObject({ code: 'data.unreadable', place: { line: 1 } });
  });

  it('may have one column without a name, as tables with an unnamed index have', async () => {
    expect((await readText(',a\n0,1\n')).header).toEqual(['', 'a']);
  });

  it.each([
    ['a NUL byte', 'a,b\n1,\0\n', 2],
    ['bytes that are not UTF-8', Buffer.from([0x61, 0x2c, 0x62, 0x0a, 0x31, 0x2c, 0xff, 0x0a]), 1],
    ['a cut character at its end', Buffer.from([0x61, 0x2c, 0x62, 0x0a, 0x31, 0x2c, 0xe2, 0x82]), 2],
    ['a zip archive', Buffer.from('PK\u0003\u0004 and more'), undefined],
    ['a quote that is never closed', 'a,b\n1,2\n3,"4\n5,6\n', 3],
    ['text after a closing quote', 'a,b\n1,2\n"3"x,4\n', 3],
    ['a quote inside a bare cell', 'a,b\n1,2"3"\n', 2],
  ])('is data.unreadable for %s', async (_, content, line) => {
    await expect(readText(content)).rejects.toMatchObject({
      code: 'data.unreadable',
      place: line === undefined ? {} : { line },
    });
  });

  it('never tells cell values in its errors', async () => {
    for (const content of ['a,b\nsecret-value,2,3\n', 'a,b\n"secret-value"x,4\n', 'a,b\n1,"secret-value\n']) {
      const error: unknown = await readText(content).catch((thrown: unknown) => thrown);
      expect(JSON.stringify(error) + String(error) + String((error as Error).cause)).not.toContain('secret');
    }
  });

  it('gives back any text that was written by another CSV writer', async () => {
    const cell = fc
      .oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.stringMatching(/^[",;\t\r\n |a]{0,8}$/u))
      .map((text) => text.toWellFormed().replaceAll('\0', '0').replaceAll('\ufeff', 'f'));
    const rows = fc
      .integer({ min: 2, max: 4 })
      .chain((width) =>
        fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 }),
      );
    const style = fc.record({ quoted: fc.boolean(), record_delimiter: fc.constantFrom('\n', '\r\n') });
    await fc.assert(
      fc.asyncProperty(rows, style, async (wanted, options) => {
        const header = (wanted[0] ?? []).map((_, index) => `c${String(index)}`);
        const text = stringify([header, ...wanted], { ...options, quoted_match: /[\r\n]/u });
        expect((await readText(text)).rows).toEqual(wanted);
      }),
      { numRuns: 200 },
    );
  });

  it('is read alike wherever its pieces are cut', async () => {
    const row = (index: number): string[] => [
      String(index),
      index % 7 === 0 ? `q"u\n${String(index)}` : 'é'.repeat(index % 50),
      '',
    ];
    const rows = Array.from({ length: 30_000 }, (_, index) => row(index));
    const found = await readText(stringify([['a', 'b', 'c'], ...rows]));
    expect(found.rows).toEqual(rows);
    expect(Math.max(...found.sizes)).toBe(4096);
    expect(found.lines[1]).toBe(4);
    expect(found.lines.at(-1)).toBe(1 + 30_000 + Math.floor(29_998 / 7) + 1);
  });

  it('comes in small batches where rows are wide', async () => {
    const line = Array.from({ length: 784 }, (_, index) => String(index)).join(',');
    const { sizes } = await readText(
      `${Array.from({ length: 784 }, (_, index) => `p${String(index)}`).join(',')}\n${`${line}\n`.repeat(400)}`,
    );
    expect(sizes).toEqual([167, 167, 66]);
  });

  it('can be read twice, and refuses folders and devices', async () => {
    await writeFile(join(folder, 'a.csv'), 'a,b\n1,2\n');
    const source = await openDataFile(join(folder, 'a.csv'), { signal });
    for (let time = 0; time < 2; time += 1) {
      for await (const { rows } of source.batches(signal)) expect(rows).toEqual([['1', '2']]);
    }
    await expect(openDataFile(folder, { signal })).rejects.toMatchObject({ code: 'io.failed' });
    await expect(openDataFile('/dev/null', { signal })).rejects.toMatchObject({ code: 'io.failed' });
    await expect(openDataFile(join(folder, 'none.csv'), { signal })).rejects.toMatchObject({ code: 'io.not-found' });
  });

  it("stops when aborted, with the abort's reason", async () => {
    await writeFile(join(folder, 'a.csv'), `a,b\n${'1,2\n'.repeat(500_000)}`);
    await expect(
      openDataFile(join(folder, 'a.csv'), { signal: AbortSignal.abort(new Error('enough')) }),
    ).rejects.toThrow('enough');
    const abort = new AbortController();
    const source = await openDataFile(join(folder, 'a.csv'), { signal });
    await expect(
      (async () => {
        for await (const batch of source.batches(abort.signal))
          if (batch.firstRow > 5000) abort.abort(new Error('enough'));
      })(),
    ).rejects.toThrow('enough');
  });
});

describe('a JSONL file', () => {
  const readLines = (content: string | Uint8Array): Promise<Table> => readText(content, 'a.jsonl');

  it('gives typed cells, null for a missing key, and columns from all the first objects', async () => {
    const { header, rows, lines } = await readLines(
      '{"a":1.5,"b":"x"}\r\n\n{"b":null,"c":true,"a":-0}\n{"c":2,"toString":3}',
    );
    expect(header).toEqual(['a', 'b', 'c', 'toString']);
    expect(rows).toEqual([
      [1.5, 'x', null, null],
      [-0, null, true, null],
      [null, null, 2, 3],
    ]);
    expect(lines).toEqual([1, 3, 4]);
  });

  it('is known by its first character where the extension says nothing', async () => {
    expect((await readText('\ufeff{"a":1}\n', 'rows')).rows).toEqual([[1]]);
    expect((await readText('a\n1\n', 'table')).rows).toEqual([['1']]);
    for (const array of ['[{"a":1}]', '[\n  {"a": 1}\n]'])
      await expect(readText(array, 'rows.json')).rejects.toMatchObject({
        code: 'data.unreadable',
        hint: expect.stringContaining('one JSON object a line') as string,
      });
  });

  it.each([
    ['text that is no JSON', '{"a":1}\n{"a":\n', { row: 2, line: 2 }],
    ['NaN', '{"a":1}\n\n{"a":NaN}\n', { row: 2, line: 3 }],
    ['a list', '[1,2]\n', { row: 1, line: 1 }],
    ['null', 'null\n', { row: 1, line: 1 }],
    ['a nested object', '{"a":1}\n{"a":{"b":1}}\n', { row: 2, line: 2, column: 'a' }],
    ['a nested list', '{"a":[]}\n', { row: 1, line: 1, column: 'a' }],
    ['a NUL byte', '{"a":1}\n{"a":"\0"}\n', { line: 2 }],
  ])('is data.unreadable for %s, with its place', async (_, content, place) => {
    await expect(readLines(content)).rejects.toMatchObject({ code: 'data.unreadable', place });
  });

  it('is data.empty without objects', async () => {
    await expect(readLines('\n \n')).rejects.toMatchObject({ code: 'data.empty' });
  });

  it('never tells values in its errors', async () => {
    const error: unknown = await readLines('{"a":secret}\n').catch((thrown: unknown) => thrown);
    expect(String(error) + String((error as Error).cause) + JSON.stringify(error)).not.toContain('secret');
  });

  it('gives back any flat objects', async () => {
    const value = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ a: value, '': value, 'ü "x"': value }), { minLength: 1, maxLength: 20 }),
        async (objects) => {
          const clean = JSON.parse(JSON.stringify(objects).replaceAll('\\u0000', '0')) as readonly Record<
            string,
            Cell
          >[];
          const { header, rows } = await readLines(clean.map((object) => JSON.stringify(object)).join('\n'));
          expect(rows).toEqual(clean.map((object) => header.map((name) => object[name])));
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('digestFile', () => {
  it('is the SHA-256 of the bytes', async () => {
    const bytes = randomBytes(1_000_003);
    await writeFile(join(folder, 'x'), bytes);
    expect(await digestFile(join(folder, 'x'), { signal })).toBe(createHash('sha256').update(bytes).digest('hex'));
    await expect(digestFile(join(folder, 'x'), { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
    await expect(digestFile(join(folder, 'y'), { signal })).rejects.toMatchObject({ code: 'io.not-found' });
  });
});
