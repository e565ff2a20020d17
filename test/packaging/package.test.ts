import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Entry, fromBuffer, type ZipFile } from 'yauzl';
import { distFolder, inRepository } from '../../scripts/paths.ts';

interface Packed {
  readonly names: readonly string[];
  readonly bytes: number;
}

let home: string;
let packed: Packed;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sealpoint-packaging-'));
  execFileSync(process.execPath, [inRepository('scripts/package.ts')], { stdio: ['ignore', 'ignore', 'inherit'] });
  const name = readdirSync(inRepository('.')).find((file) => file.endsWith('.vsix'));
  const bytes = readFileSync(inRepository(name ?? 'no .vsix'));
  packed = { names: await entryNames(bytes), bytes: bytes.length };
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

describe('the extension package', () => {
  it('holds the manifest, the documents and the bundles, and nothing of the sources', () => {
    const own = packed.names
      .filter((name) => name.startsWith('extension/'))
      .map((name) => name.slice('extension/'.length));
    const allowed =
      /^(package\.json|package\.nls\.json|readme\.md|changelog\.md|license(\.txt|\.md)?|media\/.+|resources\/.+|dist\/[\w-]+\.(cjs|mjs|wasm))$/i;
    expect(own.filter((name) => !allowed.test(name))).toEqual([]);
  });

  it('brings every program that it starts by name', () => {
    for (const program of [
      'extension.cjs',
      'verb-worker.mjs',
      'client-worker.mjs',
      'server-worker.mjs',
      'endpoint.mjs',
      'seal_throws.wasm',
    ]) {
      expect(packed.names).toContain(`extension/dist/${program}`);
    }
    expect(packed.names).toContain('extension/resources/convert_model.py');
  });

  it('stays below 4 MB', () => {
    expect(packed.bytes).toBeLessThan(4_000_000);
  });

  it('starts with an entry bundle below 100 kB', () => {
    expect(statSync(join(distFolder, 'extension.cjs')).size).toBeLessThan(100_000);
  });

  it('carries the WebAssembly of node-seal as it was published', () => {
    expect(sha256(join(distFolder, 'seal_throws.wasm'))).toBe(
      sha256(inRepository('node_modules/node-seal/dist/seal_throws.wasm')),
    );
  });

  it('carries no path of the machine that built it', () => {
    const bundles = readdirSync(distFolder).filter((name) => /\.[cm]js$/.test(name));
    expect(
      bundles.filter((name) => readFileSync(join(distFolder, name), 'utf8').includes(inRepository('src'))),
    ).toEqual([]);
  });
});

describe('the command line as packaged', () => {
  it('prints its version and its commands from another folder', () => {
    const help = run('--help');
    for (const command of ['compile', 'keys', 'encrypt', 'evaluate', 'decrypt', 'run', 'serve', 'inspect']) {
      expect(help).toContain(command);
    }
  });

  it('loads no AWS SDK to print its help', () => {
    const { dynamic, direct } = importsOf('cli.mjs');
    expect(direct.filter((name) => holdsAws(name))).toEqual([]);
    expect(dynamic.length).toBeGreaterThan(0);
  });
});

function run(...options: readonly string[]): string {
  return execFileSync(process.execPath, [join(distFolder, 'sealpoint.cjs'), ...options], {
    cwd: home,
    env: { PATH: process.env['PATH'], HOME: home, SEALPOINT_HOME: join(home, 'state') },
    encoding: 'utf8',
  });
}

/** The files of dist/ that one of its programs loads at once (over any number of steps), and those it may load later. */
function importsOf(entry: string): { readonly direct: readonly string[]; readonly dynamic: readonly string[] } {
  const direct = new Set<string>([entry]);
  const dynamic = new Set<string>();
  for (const name of direct) {
    const source = readFileSync(join(distFolder, name), 'utf8');
    for (const [, imported = ''] of source.matchAll(/(?:from|import)\s*"\.\/([\w-]+\.mjs)"/g)) direct.add(imported);
    for (const [, imported = ''] of source.matchAll(/import\("\.\/([\w-]+\.mjs)"\)/g)) dynamic.add(imported);
  }
  return { direct: [...direct], dynamic: [...dynamic] };
}

function holdsAws(name: string): boolean {
  return readFileSync(join(distFolder, name), 'utf8').includes('PutObjectCommand');
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

async function entryNames(bytes: Buffer): Promise<readonly string[]> {
  const zip = await promisify<Buffer, { lazyEntries: boolean }, ZipFile>(fromBuffer)(bytes, {
    lazyEntries: true,
  });
  const names: string[] = [];
  const { promise: ended, resolve, reject } = Promise.withResolvers<undefined>();
  zip.on('entry', (entry: Entry) => {
    names.push(entry.fileName);
    zip.readEntry();
  });
  zip.once('end', () => {
    resolve(undefined);
  });
  zip.once('error', reject);
  zip.readEntry();
  await ended;
  return names;
}
