import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeContainer } from '../../core/artifact/container.ts';

const standIn = fileURLToPath(new URL('../../../test/programs/stand-in-endpoint.ts', import.meta.url));
const main = fileURLToPath(new URL('main.ts', import.meta.url));
const token = 'a-long-enough-token';
const header = {
  format: 'sealpoint.query',
  version: 1,
  deployment: 'd'.repeat(64),
  plan: 'latency',
  key: 'e'.repeat(64),
  job: '0'.repeat(32),
  index: 0,
  records: 1,
};
const query = encodeContainer(header, [], (bytes) => createHash('sha256').update(bytes).digest('hex'));

interface Program {
  readonly child: ChildProcess;
  readonly port: number;
  readonly log: () => string;
  readonly ended: Promise<readonly [number | null, string | null]>;
}

const children: ChildProcess[] = [];

async function start(args: readonly string[], { milliseconds = 0, ipc = false } = {}): Promise<Program> {
  const env = { ...process.env, STAND_IN_MS: String(milliseconds), SEALPOINT_TOKEN: token };
  const child = spawn(process.execPath, [standIn, '--deployment', 'x', '--port', '0', ...args], {
    env,
    stdio: ['pipe', 'pipe', 'pipe', ...(ipc ? ['ipc' as const] : [])],
  });
  children.push(child);
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  if (child.stdout === null) throw new Error('no stdout');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const announced = JSON.parse(line) as { readonly listening: number };
  return { child, port: announced.listening, log: () => log, ended };
}

async function post(port: number): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' };
  return await fetch(`http://127.0.0.1:${String(port)}/invocations`, { method: 'POST', headers, body: query });
}

afterEach(() => {
  for (const child of children.splice(0))
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
});

describe('the program of serve', () => {
  it('announces its port in one line and answers', async () => {
    const { port } = await start([]);
    expect((await fetch(`http://127.0.0.1:${String(port)}/ping`)).status).toBe(200);
    expect((await post(port)).status).toBe(200);
  });

  it('takes its token from the environment', async () => {
    const { port } = await start(['--token-from-env']);
    expect((await fetch(`http://127.0.0.1:${String(port)}/invocations`, { method: 'POST' })).status).toBe(401);
    expect((await post(port)).status).toBe(200);
  });

  it('drains on SIGTERM: the running request is answered, then it exits with 0', async () => {
    const { child, port, ended, log } = await start([], { milliseconds: 1_000 });
    const running = post(port);
    await new Promise((resolve) => setTimeout(resolve, 400));
    child.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await post(port)).status).toBe(503);
    expect((await running).status).toBe(200);
    expect(await ended).toEqual([0, null]);
    expect(log()).toContain('"status":200');
    expect(log()).not.toContain(token);
  });

  it('ends with its parent as a child, by stdin, without finishing its work', async () => {
    const { child, port, ended } = await start(['--child'], { milliseconds: 60_000 });
    const running = post(port).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 300));
    child.stdin?.end();
    expect(await ended).toEqual([0, null]);
    expect([503, undefined]).toContain((await running)?.status);
  });

  it('ends with its parent as a child, by the IPC channel', async () => {
    const { child, ended } = await start([], { ipc: true });
    child.disconnect();
    expect(await ended).toEqual([0, null]);
  });

  it("goes on when stdin closes and it is nobody's child", async () => {
    const { child, port } = await start([]);
    child.stdin?.end();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await post(port)).status).toBe(200);
  });

  it('says as JSON on stderr what is wrong, with the exit code of the registry', async () => {
    const run = async (args: readonly string[]): Promise<readonly [number | null, unknown]> => {
      const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
      let text = '';
      child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
      const [code] = (await once(child, 'close')) as [number | null];
      return [code, JSON.parse(text.trim().split('\n').at(-1) ?? '')];
    };
    expect(await run(['--port', 'x', '--deployment', 'd'])).toMatchObject([2, { error: { code: 'usage.arguments' } }]);
    expect(await run(['--deployment', '/no/such/deployment'])).toMatchObject([
      3,
      { error: { code: 'artifact.not-found' } },
    ]);
  });
});
