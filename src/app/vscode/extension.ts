import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as vscode from 'vscode';
import { sealpointHome } from '../home.ts';
import { registerCommands } from './commands.ts';
import type { Context } from './context.ts';
import { openLog } from './log.ts';
import { mementoMemory } from './memory.ts';
import { answerQuestions } from './questions.ts';
import { openSummaries } from './summary.ts';
import { openTrees, type Trees } from './trees.ts';
import { workerVerbs, type Verbs } from './verbs.ts';

/** What the extension's tests look at. */
export interface Api {
  readonly trees: Trees;
  /** Milliseconds that `activate` took, by the clock. */
  readonly activatedInMs: number;
}

/** Registers commands and views. Workers start, files are read and stores are asked when a view shows or a command runs. */
export function activate(extension: vscode.ExtensionContext): Api {
  const started = performance.now();
  const log = openLog();
  const verbs = startVerbs(extension, log.info);
  const memory = mementoMemory(extension.globalState);
  const trees = openTrees(verbs, log);
  const summaries = openSummaries(memory, verbs);
  const context: Context = { verbs, log, memory, trees, summaries };
  const stopVerbs = {
    dispose: () => {
      verbs[Symbol.dispose]();
    },
  };
  extension.subscriptions.push(log, stopVerbs, trees, summaries, ...registerCommands(context));
  return { trees, activatedInMs: performance.now() - started };
}

function startVerbs(extension: vscode.ExtensionContext, log: (message: string) => void): Verbs {
  const inPackage = (...parts: readonly string[]): URL => pathToFileURL(path.join(extension.extensionPath, ...parts));
  const program = (name: string): URL => inPackage('dist', name);
  return workerVerbs({
    script: program('verb-worker.mjs'),
    start: {
      home: sealpointHome(),
      programs: {
        clientWorker: program('client-worker.mjs').href,
        serverWorker: program('server-worker.mjs').href,
        endpoint: program('endpoint.mjs').href,
        converter: inPackage('resources', 'convert_model.py').href,
      },
    },
    answer: answerQuestions(extension.secrets),
    log,
  });
}
