import { tmpdir } from 'node:os';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { runProgram, type ProgramRun } from './program.ts';

const never = new AbortController().signal;

function node(script: string, rest: Partial<ProgramRun> = {}): ProgramRun {
  return {
    program: process.execPath,
    args: ['-e', script],
    folder: tmpdir(),
    environment: { PATH: process.env['PATH'] },
    input: '',
    timeoutMs: 60_000,
    ...rest,
  };
}

/** A process whose id is not there any more, or that only waits to be counted. */
async function hasEnded(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8').catch(() => undefined);
  return status === undefined || /^State:\s+[ZX]/mu.test(status);
}

describe('a program that is run', () => {
  it('gets its input, folder and environment, and gives its output, errors and exit code', async () => {
    const script = `
      process.stdin.on('data', (text) => process.stdout.write(String(text).toUpperCase()));
      process.stdin.on('end', () => { console.error(process.cwd(), process.env.SAID, process.env.HOME); process.exitCode = 3; });`;
    const ended = await runProgram(node(script, { input: 'größe', environment: { SAID: 'yes' } }), never);
    expect(ended).toEqual({ code: 3, output: 'GRÖSSE', errors: `${tmpdir()} yes undefined\n` });
  });

  it('keeps the last of its errors', async () => {
    const { errors } = await runProgram(node(`process.stderr.write('a'.repeat(1e6) + 'end')`), never);
    expect(errors.length).toBeLessThan(20_000);
    expect(errors.endsWith('aend')).toBe(true);
  });

  it('is told apart from one that is not there', async () => {
    await expect(runProgram(node('', { program: 'no-such-program' }), never)).rejects.toMatchObject({
      code: 'io.not-found',
      message: expect.stringContaining('no-such-program'),
    });
  });

  it('may end without reading its input', async () => {
    expect(await runProgram(node('process.exit(0)', { input: 'x'.repeat(1 << 22) }), never)).toMatchObject({ code: 0 });
  });

  it('is stopped when it takes too long', async () => {
    await expect(runProgram(node('setInterval(() => 0, 1000)', { timeoutMs: 200 }), never)).rejects.toMatchObject({
      code: 'io.failed',
      message: expect.stringContaining('did not end within'),
    });
  });

  it('is stopped when it does not stop talking', async () => {
    const script = `const say = () => process.stdout.write('x'.repeat(1 << 20), say); say();`;
    await expect(runProgram(node(script), never)).rejects.toMatchObject({ message: expect.stringContaining('32 MiB') });
  });

  it.skipIf(process.platform === 'win32')('takes what it started along when it is cancelled', async () => {
    const abort = new AbortController();
    const script = `
      const inner = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'], { stdio: 'inherit' });
      require('fs').writeFileSync(process.argv[1], process.pid + ' ' + inner.pid);
      setInterval(() => 0, 1000);`;
    const file = `${tmpdir()}/sealpoint-program-${String(process.pid)}`;
    const running = runProgram({ ...node(script), args: ['-e', script, file] }, abort.signal);
    let pids: number[] = [];
    while (pids.length < 2) {
      await sleep(20);
      pids = (await readFile(file, 'utf8').catch(() => '')).split(' ').filter(Boolean).map(Number);
    }
    abort.abort();
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    for (const pid of pids) while (!(await hasEnded(pid))) await sleep(10);
  });
});
