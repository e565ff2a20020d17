import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Files of half a gigabyte, mostly a hole that reads as zeros, in processes of their own whose memory is looked at afterwards. */

const execute = promisify(execFile);
const megabyte = 1e6;
const mostResidentBytes = 1500 * megabyte;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealpoint-large-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

type Write = (writer: BinaryWriter) => void;

function message(write: Write): Uint8Array {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}

/** A field whose content of `length` bytes is written elsewhere. */
function opened(field: number, length: number): Uint8Array {
  return message((writer) => writer.tag(field, WireType.LengthDelimited).uint32(length));
}

const text =
  (field: number, value: string): Write =>
  (writer) =>
    writer.tag(field, WireType.LengthDelimited).string(value);
const nested =
  (field: number, ...writes: readonly Write[]): Write =>
  (writer) =>
    writer.tag(field, WireType.LengthDelimited).bytes(message((inner) => writes.forEach((write) => write(inner))));
const number =
  (field: number, value: number): Write =>
  (writer) =>
    writer.tag(field, WireType.Varint).int64(value);

const head = message((writer) => number(1, 8)(writer));
const tail = message((writer) => nested(8, text(1, ''), number(2, 17))(writer));
const inputs = (width: number): Uint8Array =>
  message((graph) => {
    nested(11, text(1, 'x'), nested(2, nested(1, number(1, 1), nested(2, nested(1, number(1, width))))))(graph);
    nested(12, text(1, 'y'))(graph);
  });

/** One node and a tensor "w" whose contents, in the given field, are zeros. */
function oneTensor(about: { readonly operator: string; readonly width: number; readonly tensor: readonly Write[] }) {
  const { operator, width, tensor } = about;
  const node = message((graph) =>
    nested(1, text(1, 'x'), text(1, 'w'), text(2, 'y'), text(3, 'fc'), text(4, operator))(graph),
  );
  const start = message((writer) => [text(8, 'w'), ...tensor].forEach((write) => write(writer)));
  return (field: number, bytes: number): Hollow => {
    const content = [start, opened(field, bytes)];
    return {
      before: [node, opened(5, lengthOf(content) + bytes), ...content],
      hole: bytes,
      after: [inputs(width)],
    };
  };
}

/** A graph as pieces, with a hole in it. */
interface Hollow {
  readonly before: readonly Uint8Array[];
  readonly hole: number;
  readonly after: readonly Uint8Array[];
}

function lengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

async function write(name: string, { before, hole, after }: Hollow): Promise<string> {
  const path = join(folder, name);
  await using file = await open(path, 'w');
  const start = Buffer.concat([head, opened(7, lengthOf(before) + hole + lengthOf(after)), ...before]);
  await file.write(start, 0, start.length, 0);
  const end = Buffer.concat([...after, tail]);
  await file.write(end, 0, end.length, start.length + hole);
  return path;
}

interface Read {
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
  readonly resident: number;
}

/** Reads a model as compile does, in another process. */
async function read(path: string): Promise<Read> {
  const source = (file: string): string => JSON.stringify(new URL(`../../src/${file}`, import.meta.url));
  const script = `
    import { readFileSync } from 'node:fs';
    import { readModelFile } from ${source('io/model-file.ts')};
    import { importModel } from ${source('core/model/import.ts')};
    let found = {};
    try { importModel(process.argv[1], await readModelFile(process.argv[1], new AbortController().signal)); }
    catch ({ code, message, hint }) { found = { code, message, hint }; }
    // Not maxRSS of resourceUsage, which counts what the process that started this one had.
    const [, kilobytes] = /VmHWM:\\s+(\\d+)/u.exec(readFileSync('/proc/self/status', 'utf8'));
    console.log(JSON.stringify({ ...found, resident: kilobytes * 1024 }));`;
  const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', script, path]);
  return JSON.parse(stdout) as Read;
}

describe('a file of half a gigabyte', () => {
  const side = 11_000;
  const dense = oneTensor({
    operator: 'MatMul',
    width: side,
    tensor: [number(1, side), number(1, side), number(2, 1)],
  });
  const count = 450 * megabyte;
  const integers = oneTensor({ operator: 'Add', width: 3, tensor: [number(1, count), number(2, 7)] });

  it.each([
    ['a layer that is too wide', dense(9, 4 * side * side), /121 million weights/u],
    ['numbers that take eight times as much in memory', integers(7, count), /too large/u],
  ])('with %s is refused in bounded memory', async (_, hollow, wanted) => {
    const { code, message: said, hint, resident } = await read(await write('large.onnx', hollow));
    expect(code).toBe('model.unsupported');
    expect(said).toMatch(wanted);
    expect(hint).toBeTruthy();
    expect(resident).toBeLessThan(mostResidentBytes);
  });

  it('with millions of empty nodes is refused in bounded memory', async () => {
    const nodes = Buffer.alloc(200 * megabyte, Uint8Array.of(0x0a, 0));
    const { code, resident } = await read(await write('nodes.onnx', { before: [nodes], hole: 0, after: [inputs(3)] }));
    expect(code).toBe('model.unsupported');
    expect(resident).toBeLessThan(mostResidentBytes);
  });

  it('and more is not read at all', async () => {
    const hollow = dense(9, 700 * megabyte);
    const { code, message: said, resident } = await read(await write('larger.onnx', hollow));
    expect(code).toBe('model.unsupported');
    expect(said).toContain('700 MB; at most 600 MB');
    expect(resident).toBeLessThan(300 * megabyte);
  });
});
