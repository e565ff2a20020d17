import { execFileSync, spawn, type SpawnOptionsWithoutStdio } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorCodes, type ErrorDocument } from '../../core/error.ts';
import { openKeyStore } from '../../io/key-store.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const insecureScrypt = { cost: 2 ** 14, blockSize: 8, parallelism: 1 };

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sealpoint-cli-'));
});
afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], environment: Record<string, string> = {}) {
  const options: SpawnOptionsWithoutStdio = {
    cwd: home,
    env: { PATH: process.env['PATH'], SEALPOINT_HOME: home, ...environment },
    stdio: 'pipe',
  };
  return spawn(process.execPath, [main, ...args], options);
}

async function sealpoint(args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const child = start(args, environment);
  child.stdin.end();
  return await ended(child);
}

async function ended(child: ReturnType<typeof start>): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}

/** stdout must be one JSON document and a line end, nothing else. */
function documentOf({ stdout }: Ended): unknown {
  expect(stdout).toMatch(/^[^\n]+\n$/u);
  return JSON.parse(stdout) as unknown;
}

const errorOf = (result: Ended): ErrorDocument['error'] => (documentOf(result) as ErrorDocument).error;

async function storeKeySet(name = 'mine', passphrase = 'open sesame'): Promise<string> {
  const key = randomBytes(32).toString('hex');
  await openKeyStore(home, { scrypt: insecureScrypt }).create({
    key,
    name,
    deployment: 'd'.repeat(64),
    created: '2026-01-02T03:04:05.000Z',
    secretKeys: new Map([['ckks-4096', randomBytes(300)]]),
    evaluationKeys: Buffer.from('evaluation keys'),
    slots: { passphrase },
  });
  return key;
}

describe('help', () => {
  it('lists the commands with one sentence each, examples and exit codes', async () => {
    const { code, stdout, stderr } = await sealpoint(['--help']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    for (const command of [
      'compile',
      'inspect',
      'keys',
      'encrypt',
      'evaluate',
      'decrypt',
      'run',
      'serve',
      'publish',
      'artifacts',
      'jobs',
      'cancel',
      'profiles',
    ]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command}\\b`, 'mu'));
    }
    expect(stdout).toContain('Examples:');
    expect(stdout).toContain('130 cancelled');
    for (const later of ['deploy ', 'endpoints', 'undeploy', 'doctor', 'emulate'])
      expect(stdout).not.toMatch(new RegExp(`^ {2}${later}`, 'mu'));
  });

  it('of a command names its arguments', async () => {
    const { code, stdout } = await sealpoint(['run', '--help']);
    expect(code).toBe(0);
    for (const flag of [
      '--deployment',
      '--profile',
      '--key',
      '--with-input',
      '--clip',
      '--resume',
      '--json',
      '--passphrase-file',
    ]) {
      expect(stdout).toContain(flag);
    }
    expect(stdout).not.toContain('--passphrase ');
  });

  it('goes to stderr with exit code 2 where the command is missing', async () => {
    const { code, stdout, stderr } = await sealpoint([]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage: sealpoint');
  });

  it('knows its version', async () => {
    expect((await sealpoint(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/u);
  });
});

describe('a call that is no call', () => {
  const calls = [
    ['frobnicate'],
    ['run'],
    ['run', 'a.csv', 'b.csv'],
    ['run', 'a.csv', '--frobnicate'],
    ['compile', 'm.onnx'],
    ['compile', 'm.onnx', '--calibration', 'c.csv', '--mode', 'fast'],
    ['compile', 'm.onnx', '--calibration', 'c.csv', '--max-error', 'small'],
    ['serve', '--port', '99999'],
    ['keys', 'frobnicate'],
    ['keys'],
    ['keys', 'export', 'mine', 'file', '--passphrase', 'on the command line'],
  ];

  it.each(calls.map((args) => [args.join(' '), args] as const))(
    '%s: exits with 2 and says why on stderr',
    async (_, args) => {
      const { code, stdout, stderr } = await sealpoint(args);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr.length).toBeGreaterThan(10);
      expect(stderr).not.toContain('    at ');
    },
  );

  it.each(calls.map((args) => [args.join(' '), args] as const))(
    '%s --json: prints one error document',
    async (_, args) => {
      const result = await sealpoint([...args, '--json']);
      expect([result.code, result.stderr]).toEqual([2, '']);
      expect(errorOf(result).code).toBe('usage.arguments');
    },
  );
});

describe('a failure', () => {
  it('has the exit code of the registry, the message and the hint', async () => {
    const human = await sealpoint(['keys', 'export', 'nobody', 'file']);
    expect([human.code, human.stdout]).toEqual([errorCodes['key.not-found'].exit, '']);
    expect(human.stderr).toMatch(/^sealpoint: There is no key set "nobody"\.\n {2}hint /u);
    const json = await sealpoint(['--json', 'keys', 'export', 'nobody', 'file']);
    expect([json.code, json.stderr]).toEqual([3, '']);
    expect(errorOf(json)).toMatchObject({
      code: 'key.not-found',
      hint: expect.stringContaining('keys create') as string,
    });
  });

  it('names the file, as seen from the current folder', async () => {
    await writeFile(join(home, 'copy.keys'), 'not a key set');
    const result = await sealpoint(['keys', 'import', 'copy.keys'], { SEALPOINT_PASSPHRASE: 'x' });
    expect(result.code).toBe(3);
    expect(result.stderr).toContain('at   copy.keys\n');
  });

  it('of a damaged profiles file is told with its place', async () => {
    await writeFile(join(home, 'profiles.json'), '{"format":"sealpoint.profiles","version":2}');
    const result = await sealpoint(['profiles', 'list', '--json']);
    expect(result.code).toBe(3);
    expect(errorOf(result)).toMatchObject({ code: 'profile.invalid', file: join(home, 'profiles.json') });
  });
});

describe('profiles', () => {
  it('are added, listed and removed; local always stays', async () => {
    const added = await sealpoint([
      'profiles',
      'add',
      'team',
      '--store',
      's3://bucket/prefix',
      '--region',
      'eu-central-1',
      '--json',
    ]);
    expect(documentOf(added)).toEqual({
      name: 'team',
      store: 's3://bucket/prefix/',
      endpoint: 'local',
      region: 'eu-central-1',
    });
    expect((await stat(join(home, 'profiles.json'))).mode & 0o777).toBe(0o600);
    expect((await sealpoint(['profiles', 'add', 'team', '--store', 's3://bucket/other'])).code).toBe(3);
    const listed = documentOf(await sealpoint(['profiles', 'list', '--json'])) as { profiles: { name: string }[] };
    expect(listed.profiles.map(({ name }) => name)).toEqual(['local', 'team']);
    expect((await sealpoint(['profiles', 'remove', 'local'])).code).toBe(3);
    expect((await sealpoint(['profiles', 'remove', 'team'])).code).toBe(0);
    expect((await sealpoint(['profiles', 'list'])).stdout).not.toContain('team');
  });

  it.each([
    ['a name with a slash', ['a/b', 's3://bucket/x', 'local']],
    ['a store of another kind', ['x', 'https://bucket/x', 'local']],
    ['a relative folder', ['x', 'file://folder', 'local']],
    ['credentials in an address', ['x', 's3://bucket/x', 'https://me:secret@host']],
    ['an endpoint of another kind', ['x', 's3://bucket/x', 'ftp://host']],
    ['the name local', ['local', 's3://bucket/x', 'local']],
  ] as const)('are refused with %s', async (_, [name, store, endpoint]) => {
    const result = await sealpoint(['profiles', 'add', name, '--store', store, '--endpoint', endpoint, '--json']);
    expect(result.code).toBe(3);
    expect(result.stdout).not.toContain('secret');
  });
});

describe('key sets', () => {
  it('are listed and renamed, exported and imported into another home', async () => {
    const key = await storeKeySet();
    const listed = documentOf(await sealpoint(['keys', 'list', '--json'])) as { keys: object[] };
    expect(listed.keys).toMatchObject([{ key, name: 'mine', slots: ['passphrase'] }]);
    expect((await sealpoint(['keys', 'rename', 'mine', 'yours'])).code).toBe(0);
    const passphrase = { SEALPOINT_PASSPHRASE: 'open sesame' };
    const exported = await sealpoint(['keys', 'export', 'yours', 'copy.keys', '--json'], passphrase);
    expect(documentOf(exported)).toMatchObject({ key, name: 'yours', file: join(home, 'copy.keys') });
    const elsewhere = { ...passphrase, SEALPOINT_HOME: join(home, 'elsewhere') };
    expect(documentOf(await sealpoint(['keys', 'import', 'copy.keys', '--json'], elsewhere))).toMatchObject({
      key,
      name: 'yours',
    });
    const saved = await sealpoint(['keys', 'evaluation-keys', key.slice(0, 8), '-o', 'public.spk'], elsewhere);
    expect(saved.code).toBe(0);
    expect(await readFile(join(home, 'public.spk'), 'utf8')).toBe('evaluation keys');
    expect((await sealpoint(['keys', 'delete', 'yours'], elsewhere)).stdout).toContain('is deleted');
    expect(documentOf(await sealpoint(['keys', 'list', '--json'], elsewhere))).toEqual({ keys: [] });
  });

  it('take the passphrase from a file before the environment, and never show it', async () => {
    await storeKeySet();
    await writeFile(join(home, 'pass'), 'open sesame\r\nsecond line\n');
    const right = await sealpoint(['keys', 'export', 'mine', 'copy.keys', '--passphrase-file', 'pass', '--verbose'], {
      SEALPOINT_PASSPHRASE: 'wrong',
    });
    expect(right.code).toBe(0);
    expect(right.stdout + right.stderr).not.toContain('sesame');
    const wrong = await sealpoint(['keys', 'export', 'mine', 'copy.keys', '--verbose'], {
      SEALPOINT_PASSPHRASE: 'wrong-one',
    });
    expect(wrong.code).toBe(3);
    expect(wrong.stderr).toContain('not the passphrase');
    expect(wrong.stderr).not.toContain('wrong-one');
  });

  it('take it from a pipe, which is read once however often it is asked for', async () => {
    await storeKeySet();
    const pipe = join(home, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const exporting = sealpoint(['keys', 'export', 'mine', 'copy.keys', '--passphrase-file', 'pipe', '--json']);
    // Without a line's end: the writer that goes ends it.
    await writeFile(pipe, 'open sesame');
    expect(documentOf(await exporting)).toMatchObject({ name: 'mine' });
  });

  it('refuse a pipe whose writer went without a word', async () => {
    await storeKeySet();
    const pipe = join(home, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const exporting = sealpoint(['keys', 'export', 'mine', 'copy.keys', '--passphrase-file', 'pipe', '--json']);
    await writeFile(pipe, '');
    const result = await exporting;
    expect([result.code, errorOf(result).code]).toEqual([2, 'usage.no-passphrase']);
  });

  it('name the three ways where no passphrase can be had', async () => {
    await storeKeySet();
    const result = await sealpoint(['keys', 'export', 'mine', 'copy.keys', '--json']);
    expect(result.code).toBe(2);
    const { code, hint } = errorOf(result);
    expect(code).toBe('usage.no-passphrase');
    for (const way of ['prompt', 'SEALPOINT_PASSPHRASE', '--passphrase-file']) expect(hint).toContain(way);
    expect((await sealpoint(['keys', 'export', 'mine', 'copy.keys'], { SEALPOINT_PASSPHRASE: '' })).code).toBe(2);
    expect((await sealpoint(['keys', 'export', 'mine', 'copy.keys', '--passphrase-file', 'missing'])).code).toBe(3);
  });
});

describe('a reader that goes away', () => {
  it('ends the printing without a failure', async () => {
    const child = start(['--help']);
    child.stdout.destroy();
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code).toBe(0);
  });
});

describe('a signal', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s cancels with exit code 130 and leaves nothing half-written',
    async (signal) => {
      await storeKeySet();
      // Opening a named pipe for writing waits for its reader: from then on the command waits for a passphrase that never comes.
      const pipe = join(home, 'pipe');
      execFileSync('mkfifo', [pipe]);
      const child = start(['keys', 'export', 'mine', 'copy.keys', '--passphrase-file', 'pipe', '--json']);
      const result = ended(child);
      const writer = await open(pipe, 'w');
      child.kill(signal);
      const { code, stdout } = await result;
      await writer.close();
      expect(code).toBe(130);
      expect((JSON.parse(stdout) as ErrorDocument).error.code).toBe('cancelled');
      expect((await readdir(home)).sort()).toEqual(['keys', 'pipe']);
    },
  );
});

describe('the prompt on a terminal', () => {
  /** `script` gives the command a terminal of its own; what it shows comes back. */
  function onTerminal(command: string) {
    const line = `"${process.execPath}" "${main}" ${command}`;
    const env = { PATH: process.env['PATH'], SEALPOINT_HOME: home };
    return spawn('script', ['-qec', line, '/dev/null'], { cwd: home, env, stdio: 'pipe' });
  }

  async function answer(command: string, answers: readonly string[]): Promise<Ended> {
    const child = onTerminal(command);
    const waiting = [...answers];
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
      if (/: $/u.test(shown) && waiting.length > 0) {
        shown += '\n';
        child.stdin.write(waiting.shift() ?? '');
      }
    });
    return await ended(child);
  }

  it('opens a key set, asks twice for a new passphrase and shows nothing of what is typed', async () => {
    await storeKeySet();
    // The second answer is corrected by a backspace.
    const result = await answer('keys export mine copy.keys', [
      'new secret\r',
      'new sekret\u007f\u007f\u007f\u007fcret\r',
      'open sesame\r',
    ]);
    expect(result.stdout).toContain('key set mine');
    expect(result.code).toBe(0);
    expect(result.stdout).not.toMatch(/secret|sesame/u);
  });

  it('refuses two new passphrases that differ', async () => {
    await storeKeySet();
    const result = await answer('keys export mine copy.keys', ['one\r', 'two\r']);
    expect(result.code).toBe(2);
    expect(result.stdout).toContain('not the same');
  });

  it('takes Ctrl-C for what it means', async () => {
    await storeKeySet();
    const result = await answer('keys export mine copy.keys', ['half\u0003']);
    expect(result.code).toBe(130);
    expect(await readdir(home)).toEqual(['keys']);
  });
});
