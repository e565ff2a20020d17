/** `npm run package`: minified bundles and sealpoint-<version>.vsix; prints what is in it and what each file weighs. */
import { execFileSync } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { createVSIX, listFiles, PackageManager } from '@vscode/vsce';
import { inRepository, root } from './paths.ts';

const manifest = JSON.parse(await readFile(inRepository('package.json'), 'utf8')) as { readonly version: string };
const packagePath = inRepository(`sealpoint-${manifest.version}.vsix`);

build('--extension');
// The bundles hold the dependencies: none is packed as a folder.
await createVSIX({
  cwd: root,
  packagePath,
  dependencies: false,
  allowMissingRepository: true,
  rewriteRelativeLinks: false,
});

const files = await listFiles({ cwd: root, packageManager: PackageManager.None });
const rows = await Promise.all(files.map(async (file) => ({ file, bytes: (await stat(inRepository(file))).size })));
for (const { file, bytes } of rows.sort((a, b) => b.bytes - a.bytes)) console.log(`${kilobytes(bytes)}  ${file}`);
console.log(`${kilobytes((await stat(packagePath)).size)}  ${packagePath} (compressed)`);
build(); // dist/ is left with the command line as well

function build(...options: readonly string[]): void {
  const program = [inRepository('scripts/build.ts'), '--minify', '--quiet', ...options];
  execFileSync(process.execPath, program, { stdio: 'inherit' });
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1).padStart(8)} kB`;
}
