import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inRepository } from '../../scripts/paths.ts';

/** One offence a rule: a file, what it imports, and the rule that has to see it. Types count as much as values. */
const offences: readonly { readonly rule: string; readonly files: Readonly<Record<string, string>> }[] = [
  { rule: 'no-cycles', files: { 'src/core/a.ts': "import './b.ts';", 'src/core/b.ts': "import './a.ts';" } },
  { rule: 'no-unresolvable', files: { 'src/core/lost.ts': "import './nowhere.ts';" } },
  {
    rule: 'core-is-pure',
    files: { 'src/core/reads.ts': "import { readFile } from 'node:fs/promises';\nvoid readFile;" },
  },
  { rule: 'core-is-pure', files: { 'src/core/up.ts': "import type { X } from '../io/x.ts';\nexport type Y = X;" } },
  { rule: 'adapters-see-core-only (io)', files: { 'src/io/sideways.ts': "import '../cloud/x.ts';" } },
  { rule: 'adapters-see-core-only (seal)', files: { 'src/seal/up.ts': "import '../service/x.ts';" } },
  { rule: 'adapters-see-core-only (cloud)', files: { 'src/cloud/sideways.ts': "import '../io/x.ts';" } },
  { rule: 'adapters-see-core-only (concrete)', files: { 'src/concrete/sideways.ts': "import '../seal/x.ts';" } },
  { rule: 'services-see-no-app', files: { 'src/service/up.ts': "import '../app/cli/x.ts';" } },
  { rule: 'apps-are-islands', files: { 'src/app/cli/other.ts': "import '../vscode/x.ts';" } },
  { rule: 'seal-only-in-seal', files: { 'src/service/seal.ts': "import 'node-seal/throws';" } },
  { rule: 'aws-only-in-cloud', files: { 'src/io/aws.ts': "import '@aws-sdk/client-s3';" } },
  {
    rule: 'vscode-only-in-its-app',
    files: { 'src/service/editor.ts': "import type { Uri } from 'vscode';\nexport type U = Uri;" },
  },
  { rule: 'endpoint-has-no-secrets', files: { 'src/app/endpoint/key.ts': "import '../../seal/client/x.ts';" } },
  { rule: 'product-sees-no-tests', files: { 'src/io/tested.ts': "import '../../test/x.ts';" } },
];

/** What the offenders import, itself without fault. */
const innocents = ['io', 'cloud', 'seal', 'service', 'app/cli', 'app/vscode', 'seal/client'].map(
  (room) => `src/${room}/x.ts`,
);

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

let folder: string;
let violations: readonly Violation[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealpoint-layers-'));
  await symlink(inRepository('node_modules'), join(folder, 'node_modules'));
  for (const path of [...innocents, 'test/x.ts'])
    write(path, 'export interface X { readonly x: number }\nexport const x = 1;');
  for (const [path, source] of offences.flatMap(({ files }) => Object.entries(files))) write(path, source);
  write(
    'tsconfig.json',
    '{ "compilerOptions": { "module": "nodenext", "allowImportingTsExtensions": true, "noEmit": true } }',
  );
  violations = await cruise();
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the layers', () => {
  it.each(offences)('are guarded by $rule', ({ rule, files }) => {
    const [offender] = Object.keys(files);
    expect(violations.filter(({ from }) => from === offender).map((violation) => violation.rule.name)).toContain(rule);
  });

  it('let files without fault alone', () => {
    expect(violations.filter(({ from }) => innocents.includes(from))).toEqual([]);
  });
});

function write(path: string, source: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), `${source}\n`);
}

async function cruise(): Promise<readonly Violation[]> {
  const program = inRepository('node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const options = ['src', '--config', inRepository('.dependency-cruiser.cjs'), '--output-type', 'json'];
  const { promise, resolve } = Promise.withResolvers<string>();
  execFile(process.execPath, [program, ...options], { cwd: folder, maxBuffer: 2 ** 26 }, (_error, stdout) => {
    resolve(stdout); // it ends with an error on purpose: there are violations
  });
  return (JSON.parse(await promise) as { summary: { violations: readonly Violation[] } }).summary.violations;
}
