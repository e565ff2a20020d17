import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inRepository } from '../../scripts/paths.ts';

const execute = promisify(execFile);
const home = inRepository('.host', 'python');
const requirements = inRepository('test', 'differential', 'requirements.txt');

/** A Python with the libraries that train and convert models, in a virtual environment that is made once for each list of them. */
export async function pythonWithLibraries(): Promise<string> {
  const wanted = await readFile(requirements, 'utf8');
  const mark = join(home, 'installed.txt');
  const program = join(home, 'venv', 'bin', 'python');
  const installed = await readFile(mark, 'utf8').catch(() => undefined);
  if (installed === wanted && existsSync(program)) return program;
  await rm(home, { recursive: true, force: true });
  await mkdir(home, { recursive: true });
  await execute('python3', ['-m', 'venv', join(home, 'venv')]);
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements];
  await execute(program, install, { maxBuffer: 1 << 26 });
  await writeFile(mark, wanted);
  return program;
}
