import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programsOf } from '../../src/app/programs.ts';
import type { CompileOutcome } from '../../src/core/artifact/outcomes.ts';
import { AppError } from '../../src/core/error.ts';
import { compileModel, type CompileOptions } from '../../src/service/compile.ts';
import { createKeySet } from '../../src/service/create-key-set.ts';
import type { Environment, Running } from '../../src/service/environment.ts';

export const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

export const running: Running = { signal: new AbortController().signal, onProgress: () => undefined };

/** An empty home with everything that verbs need, in a folder that goes away. */
export interface Workbench extends AsyncDisposable {
  readonly folder: string;
  readonly environment: Environment;
  /** What the verbs logged. */
  readonly logged: string[];
  /** Compiles a fixture (dataset/file) with its calibration rows into `name` below the folder. */
  compile(model: string, options?: Partial<CompileOptions>): Promise<CompileOutcome>;
  /** A compiled fixture with a key set called like it. */
  deployment(model: string): Promise<CompileOutcome>;
  /** The first rows of a fixture dataset's data as a file of their own; without a count all of them. */
  firstRows(dataset: string, rows?: number): Promise<string>;
  path(name: string): string;
}

export const passphrase = 'correct horse battery staple';

export async function openWorkbench(): Promise<Workbench> {
  const folder = await mkdtemp(join(tmpdir(), 'sealpoint-e2e-'));
  const logged: string[] = [];
  const environment: Environment = {
    home: join(folder, 'home'),
    programs: programsOf(),
    askPassphrase: () => Promise.resolve(passphrase),
    log: (message) => {
      logged.push(message);
    },
  };
  const compile = async (model: string, options: Partial<CompileOptions> = {}): Promise<CompileOutcome> => {
    const [dataset = '', file = ''] = model.split('/');
    const defaults = { mode: 'auto', reveal: 'nothing', maxError: 1e-3, minAgreement: 0.99 } as const;
    const files = {
      model: fixture(model),
      calibration: fixture(`${dataset}/calibration.csv`),
      output: join(folder, file.replace(/\W/gu, '-')),
    };
    return await compileModel({ ...defaults, ...files, ...options }, environment, running);
  };
  return {
    folder,
    environment,
    logged,
    compile,
    deployment: async (model) => {
      const outcome = await compile(model);
      await createKeySet({ deployment: outcome.path, name: model.replace(/\W/gu, '-') }, environment, running);
      return outcome;
    },
    firstRows: async (dataset, rows) => {
      const data = fixture(`${dataset}/data.csv`);
      if (rows === undefined) return data;
      const lines = (await readFile(data, 'utf8')).split('\n').slice(0, rows + 1);
      const file = join(folder, `${dataset}-${String(rows)}.csv`);
      await writeFile(file, `${lines.join('\n')}\n`);
      return file;
    },
    path: (name) => join(folder, name),
    [Symbol.asyncDispose]: async () => {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The AppError that a promise rejects with. */
export async function refusal(promise: Promise<unknown>): Promise<AppError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
