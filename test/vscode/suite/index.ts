import { renameSync, writeFileSync } from 'node:fs';
import Mocha from 'mocha';
import * as vscode from 'vscode';
import { notes } from './measure.ts';
import { defineModelTests } from './models.ts';
import { defineTests } from './tests.ts';
import { defineUntrustedTests } from './untrusted.ts';

/** What the runner outside reads. */
export interface SuiteResult {
  readonly vscode: string;
  readonly node: string;
  readonly passed: string[];
  readonly failed: { readonly title: string; readonly text: string }[];
  readonly notes: readonly string[];
  finished: boolean;
}

/** Called by VS Code inside the extension host. */
export async function run(): Promise<void> {
  const result: SuiteResult = {
    vscode: vscode.version,
    node: process.version,
    passed: [],
    failed: [],
    notes,
    finished: false,
  };
  const mocha = new Mocha({ ui: 'bdd', timeout: 120_000, color: false, reporter: recorder(result), bail: false });
  mocha.suite.emit(Mocha.Suite.constants.EVENT_FILE_PRE_REQUIRE, globalThis, 'suite', mocha);
  if (vscode.workspace.isTrusted) {
    defineTests();
    defineModelTests();
  } else defineUntrustedTests();
  await new Promise<void>((resolve) =>
    mocha.run(() => {
      resolve();
    }),
  );
  result.finished = true;
  const file = process.env['SEALPOINT_SUITE_RESULT'];
  if (file !== undefined) {
    writeFileSync(`${file}.part`, JSON.stringify(result));
    renameSync(`${file}.part`, file);
  }
  if (result.failed.length > 0) throw new Error(`${String(result.failed.length)} failed`);
}

function recorder(result: SuiteResult): Mocha.ReporterConstructor {
  return class {
    readonly done = true;
    constructor(runner: Mocha.Runner) {
      runner.on('pass', (test) => result.passed.push(`${test.fullTitle()} (${String(test.duration)} ms)`));
      runner.on('fail', (test, error: Error) =>
        result.failed.push({ title: test.fullTitle(), text: error.stack ?? error.message }),
      );
    }
  } as unknown as Mocha.ReporterConstructor;
}
