import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

const smallBytes = 20_000;

/** What each bundle weighs, and what its heaviest package is: one line a file of `folder`, largest first, small ones together. */
export async function bundleReport(metafiles: readonly Metafile[], folder: string): Promise<string> {
  const heaviest = new Map(
    metafiles
      .flatMap((metafile) => Object.entries(metafile.outputs))
      .map(([path, output]) => [path.replace(/^dist\//, ''), heaviestPackage(output)]),
  );
  const names = (await readdir(folder)).filter((name) => !name.endsWith('.map'));
  const rows = await Promise.all(names.map(async (name) => ({ name, bytes: (await stat(join(folder, name))).size })));
  const total = rows.reduce((sum, row) => sum + row.bytes, 0);
  const large = rows.filter(({ bytes }) => bytes >= smallBytes).sort((a, b) => b.bytes - a.bytes);
  const largeBytes = large.reduce((sum, row) => sum + row.bytes, 0);
  return [
    ...large,
    { name: `${String(rows.length - large.length)} smaller files`, bytes: total - largeBytes },
    { name: 'in all', bytes: total },
  ]
    .map(({ name, bytes }) => `${kilobytes(bytes)}  ${name}${heaviest.get(name) ?? ''}\n`)
    .join('');
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1).padStart(8)} kB`;
}

function heaviestPackage(output: Metafile['outputs'][string]): string {
  const byPackage = new Map<string, number>();
  for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path)?.[1];
    if (name !== undefined) byPackage.set(name, (byPackage.get(name) ?? 0) + bytesInOutput);
  }
  const [first] = [...byPackage].sort((a, b) => b[1] - a[1]);
  return first === undefined ? '' : `  (heaviest package: ${first[0]}, ${(first[1] / 1000).toFixed(0)} kB)`;
}
