import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { inRepository } from '../scripts/paths.ts';

/** The machine and the programs of a measurement. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  readonly nodeSeal: string;
  readonly sealpoint: string;
}

export async function describeMachine(): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 1e9),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    nodeSeal: await versionOf('node_modules/node-seal/package.json'),
    sealpoint: await versionOf('package.json'),
  };
}

export function machineLine(machine: Machine): string {
  const { cpu, cores, memoryGb, system, node, nodeSeal, sealpoint } = machine;
  const programs = `Node ${node}, node-seal ${nodeSeal}, Sealpoint ${sealpoint}`;
  return `${cpu}, ${String(cores)} cores, ${String(memoryGb)} GB, ${system}; ${programs}`;
}

async function versionOf(manifest: string): Promise<string> {
  return (JSON.parse(await readFile(inRepository(manifest), 'utf8')) as { readonly version: string }).version;
}
