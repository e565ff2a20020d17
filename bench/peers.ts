import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inRepository } from '../scripts/paths.ts';
import type { BenchContext, Figure } from './bench.ts';

const run = promisify(execFile);

/** Another library, measured in the same run: a script that prints milliseconds, in a Python environment of its own. */
export interface Peer {
  readonly name: string;
  readonly environment: string;
  readonly packages: readonly string[];
  readonly script: string;
}

const concrete = { name: 'Concrete ML 1.9.0', environment: 'concrete', packages: ['concrete-ml==1.9.0'] } as const;

/** The article's network in TenSEAL: native SEAL, its documented way: encrypted vector times plain matrix. */
export const tensealNetwork: Peer = {
  name: 'TenSEAL 0.3.18',
  environment: 'tenseal',
  packages: ['tenseal==0.3.18', 'numpy'],
  script: 'tenseal_network.py',
};
/** A network of its shape in Concrete ML, the article's engine, with 4 bits. */
export const concreteNetwork: Peer = { ...concrete, script: 'concrete_network.py' };
/** As many trees of the same depth on as many features, with 6 bits. */
export const concreteTrees: Peer = { ...concrete, script: 'concrete_trees.py' };

/** @returns undefined, said, where there is no Python or the packages cannot be had */
export async function measurePeer(context: BenchContext, peer: Peer): Promise<Figure['peer']> {
  const environment = inRepository('.bench', peer.environment);
  const python = `${environment}/bin/python`;
  try {
    await access(python).catch(async () => {
      await run('python3', ['-m', 'venv', environment]);
      await run(python, ['-m', 'pip', 'install', '--quiet', ...peer.packages]);
    });
    const { stdout } = await run(python, [inRepository('bench', peer.script)]);
    return { name: peer.name, value: Number(stdout.trim().split('\n').at(-1)) };
  } catch (error) {
    context.log(`${peer.name} was not measured: ${String(error).split('\n')[0] ?? ''}`);
    return undefined;
  }
}
