import type { Need } from './prepare.ts';

/** One part of `npm test`. */
export interface Part {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /**
   * How its totals are found: a program that only says yes or no counts as one check; a vitest project writes JSON;
   * the other runners end with "N passed, M failed".
   */
  readonly counts: 'exit-code' | 'vitest' | 'last-line';
  /** Has to have been met before; a part whose need is missing fails under CI=true, and is skipped elsewhere. */
  readonly needs?: readonly Need[];
}

/** In the order in which they run: what fails soonest comes first. */
export const parts: readonly Part[] = [
  { name: 'eslint', command: ['eslint', '.', '--max-warnings', '0'], counts: 'exit-code' },
  { name: 'format', command: ['prettier', '--check', '.'], counts: 'exit-code' },
  { name: 'layers', command: ['depcruise', 'src', 'test', 'bench', 'scripts'], counts: 'exit-code' },
  { name: 'types', command: ['tsc', '-p', '.'], counts: 'exit-code' },
  { name: 'unused', command: ['knip'], counts: 'exit-code' },
  { name: 'build', command: ['node', 'scripts/run.js', 'scripts/build.ts'], counts: 'exit-code' },
  { name: 'unit', command: vitest('unit'), counts: 'vitest', needs: ['s3'] },
  { name: 'python', command: vitest('python'), counts: 'vitest', needs: ['python'] },
  { name: 'packaging', command: vitest('packaging'), counts: 'vitest' },
  { name: 'host', command: ['node', 'test/vscode/run-suite.ts'], counts: 'last-line', needs: ['host', 'chromium'] },
  {
    name: 'workbench',
    command: ['node', 'test/vscode/run-workbench.ts'],
    counts: 'last-line',
    needs: ['host', 'chromium'],
  },
  {
    name: 'differential',
    command: ['node', 'test/differential/run.ts', '--small'],
    counts: 'last-line',
    needs: ['python'],
  },
];

/** Where a vitest project leaves its findings. */
export function vitestReport(project: string): string {
  return `out/test/${project}.json`;
}

function vitest(project: string): readonly [string, ...string[]] {
  return [
    'vitest',
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${vitestReport(project)}`,
  ];
}
