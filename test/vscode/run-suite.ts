import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { launchBrowser, makeSandbox, openPage, project, startHost, type Host, type Sandbox } from './host.ts';
import type { SuiteResult } from './suite/index.ts';
import { shoot } from './workbench.ts';

/** Runs test/vscode/suite inside the extension host of a real VS Code, on the bundles in dist/. */

const limitMs = 240_000;
const suite = path.join(project, 'out/vscode-suite/index.cjs');

await build({
  entryPoints: [path.join(project, 'test/vscode/suite/index.ts')],
  outfile: suite,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node22',
  external: ['vscode', 'mocha'],
  logLevel: 'warning',
});
const trusted = await runSuite(true);
const untrusted = await runSuite(false);
console.log(`${String(trusted.passed + untrusted.passed)} passed, ${String(trusted.failed + untrusted.failed)} failed`);
process.exitCode = trusted.failed + untrusted.failed === 0 && trusted.passed > 0 && untrusted.passed > 0 ? 0 : 1;

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

async function runSuite(trust: boolean): Promise<Counts> {
  await using sandbox = await makeSandbox();
  const resultFile = path.join(sandbox.base, 'result.json');
  await using host = await startHost(sandbox, { driver: true, trust });
  const browser = await launchBrowser();
  try {
    const page = await openPage(browser);
    const { promise: ended, resolve: end } = Promise.withResolvers<number | string>();
    await page.exposeFunction('codeAutomationExit', end); // the workbench calls it when the suite has settled
    page.on('crash', () => {
      end('the page crashed');
    });
    await page.goto(suiteAddress({ host, sandbox, resultFile }));
    const late = setTimeout(() => {
      end(`no end after ${String(limitMs)} ms`);
    }, limitMs);
    const how = await ended;
    clearTimeout(late);
    const counts = report(resultFile, how);
    return trust ? counts : await withWelcome(page, counts);
  } finally {
    await browser.close();
  }
}

/** What no extension sees of itself: the texts of its empty views. */
async function withWelcome(page: Page, { passed, failed }: Counts): Promise<Counts> {
  const welcome = page.locator('.welcome-view-content', { hasText: 'only in a workspace that you trust' });
  const isShown = await welcome
    .nth(1)
    .getByText('Manage Workspace Trust')
    .waitFor({ timeout: 10_000 })
    .then(
      () => true,
      () => false,
    );
  console.log(`  ${isShown ? 'ok  ' : 'FAIL'} both empty views say what to do in an untrusted workspace`);
  await shoot(page, path.join(project, '.shots'), 'untrusted');
  return { passed: passed + Number(isShown), failed: failed + Number(!isShown) };
}

interface Suite {
  readonly host: Host;
  readonly sandbox: Sandbox;
  readonly resultFile: string;
}

function suiteAddress({ host, sandbox, resultFile }: Suite): string {
  const remote = (file: string): string => `vscode-remote://${host.authority}${file}`;
  const payload = [
    ['extensionDevelopmentPath', remote(project)],
    ['extensionTestsPath', remote(suite)],
    [
      'extensionEnvironment',
      JSON.stringify({
        SEALPOINT_SUITE_RESULT: resultFile,
        SEALPOINT_SUITE_WORKSPACE: sandbox.workspace,
        SEALPOINT_SUITE_FIXTURES: path.join(project, 'test/fixtures'),
      }),
    ],
    ['skipWelcome', 'true'],
    ['skipReleaseNotes', 'true'],
  ];
  const query = new URLSearchParams({ folder: sandbox.workspace, payload: JSON.stringify(payload) });
  return `${host.origin}/?${query.toString().replaceAll('+', '%20')}`;
}

/** The exit code alone says 0 for a host that was killed: a result file that says "finished" is asked for as well. */
function report(resultFile: string, how: number | string): Counts {
  if (!existsSync(resultFile)) {
    console.error(`The suite left no result (${String(how)}).`);
    return { passed: 0, failed: 1 };
  }
  const result = JSON.parse(readFileSync(resultFile, 'utf8')) as SuiteResult;
  console.log(`VS Code ${result.vscode} on Node ${result.node}`);
  for (const title of result.passed) console.log(`  ok   ${title}`);
  for (const { title, text } of result.failed) console.log(`  FAIL ${title}\n${text}`);
  for (const note of result.notes) console.log(`  note ${note}`);
  const incomplete = result.finished && how === 0 ? 0 : result.failed.length === 0 ? 1 : 0;
  return { passed: result.passed.length, failed: result.failed.length + incomplete };
}
