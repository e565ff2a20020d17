import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseServeArguments } from './arguments.ts';

const given = ['--deployment', 'd'];

describe('the arguments of serve', () => {
  it('listens on 127.0.0.1:8080 unless told otherwise', () => {
    expect(parseServeArguments(given, {})).toMatchObject({
      deployment: 'd',
      host: '127.0.0.1',
      port: 8080,
      token: undefined,
      isChild: false,
    });
  });

  it('takes the port of SageMaker, and then all interfaces', () => {
    expect(parseServeArguments(['serve', ...given], { SAGEMAKER_BIND_TO_PORT: '9090' })).toMatchObject({
      host: '0.0.0.0',
      port: 9090,
    });
  });

  it('takes the model of SageMaker where none is named', async () => {
    const base = await mkdtemp(join(tmpdir(), 'sealpoint-opt-ml-'));
    try {
      const environment = { SAGEMAKER_BASE_DIR: base };
      expect(() => parseServeArguments([], environment)).toThrow('--deployment');
      await mkdir(join(base, 'model'));
      expect(parseServeArguments([], environment).deployment).toBe(join(base, 'model'));
      expect(parseServeArguments(given, environment).deployment).toBe('d');
    } finally {
      await rm(base, { recursive: true });
    }
  });

  it('lets arguments win over SageMaker', () => {
    const args = [...given, '--port', '0', '--host', '127.0.0.1'];
    expect(parseServeArguments(args, { SAGEMAKER_BIND_TO_PORT: '9090' })).toMatchObject({ host: '127.0.0.1', port: 0 });
  });

  it('takes the token from the environment only when asked to, and not an empty one', () => {
    const variables = { SEALPOINT_TOKEN: 'a-long-enough-token' };
    expect(parseServeArguments(given, variables).token).toBeUndefined();
    expect(parseServeArguments([...given, '--token-from-env'], variables).token).toBe('a-long-enough-token');
    expect(() => parseServeArguments([...given, '--token-from-env'], { SEALPOINT_TOKEN: '' })).toThrow(
      'SEALPOINT_TOKEN',
    );
  });

  it.each([
    [['--port', '65536']],
    [['--port', 'x']],
    [['--port', '-1']],
    [['--threads', '0']],
    [['--unknown']],
    [['stray']],
    [['--port']],
  ])('refuses %j', (args) => {
    expect(() => parseServeArguments([...given, ...args], {})).toThrow(
      expect.objectContaining({ code: 'usage.arguments' }),
    );
  });

  it('wants a deployment where SageMaker gives none', () => {
    expect(() => parseServeArguments([], {})).toThrow(expect.objectContaining({ code: 'usage.arguments' }));
  });
});
