import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inRepository } from '../scripts/paths.ts';
import type { BenchContext, Figure } from './bench.ts';

const run = promisify(execFile);

/**
 * The article's network 784-392-10 with a square activation in TenSEAL (native SEAL, its documented way: encrypted vector times plain
 * matrix), one image, in a Python environment of its own.
 * @returns undefined, said, where there is no Python or the package cannot be had
 */
export async function tenseal(context: BenchContext): Promise<Figure['peer']> {
  const environment = inRepository('.bench', 'python');
  const python = `${environment}/bin/python`;
  try {
    await access(python).catch(async () => {
      await run('python3', ['-m', 'venv', environment]);
      await run(python, ['-m', 'pip', 'install', '--quiet', 'tenseal==0.3.18', 'numpy']);
    });
    const { stdout } = await run(python, [inRepository('bench', 'tenseal_network.py')]);
    return { name: 'TenSEAL 0.3.18', value: Number(stdout.trim()) };
  } catch (error) {
    context.log(`TenSEAL was not measured: ${String(error).split('\n')[0] ?? ''}`);
    return undefined;
  }
}
