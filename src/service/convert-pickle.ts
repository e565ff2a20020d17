import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { AppError } from '../core/error.ts';
import { pickleHint } from '../core/model/foreign-files.ts';
import type { Model } from '../core/model/ir.ts';
import type { RowSource } from '../core/table/rows.ts';
import { runProgram, type ProgramEnd } from '../io/program.ts';
import { sampleCalibration, sampleJson, type CalibrationSample } from './calibration-sample.ts';
import { converted, openConverted, type Converted } from './converted-model.ts';
import type { Environment, Running } from './environment.ts';

export interface PickleOptions {
  readonly model: string;
  /** The only Python to try; otherwise that of the active virtual environment, then those on the PATH. */
  readonly python?: string | undefined;
}

interface Context {
  readonly environment: Environment;
  readonly running: Running;
}

/** Large forests take skl2onnx minutes. */
const conversionLimitMs = 15 * 60_000;
/** How the shells of Unix, pyenv and Windows say that a name leads to no Python. */
const noProgramCodes: ReadonlySet<number | undefined> = new Set([126, 127, 9009]);

const answer = z.union([converted, z.object({ needs: z.array(z.string()) }), z.object({ reason: z.string() })]);

/**
 * The model in a pickle, opened and converted by the user's own Python (resources/convert_model.py) in a folder that is removed, and held
 * against the original's own answers to calibration rows. Opening a pickle runs its code: whoever calls has consent.
 * @throws {AppError} model.not-converted (no Python, something missing, Python failed, too slow, another model came out of it), model.*, data.*
 */
export async function convertPickle(options: PickleOptions, source: RowSource, context: Context): Promise<Model> {
  const { environment, running } = context;
  const sample = await sampleCalibration(source, running.signal);
  const folder = await mkdtemp(join(tmpdir(), 'sealpoint-convert-'));
  try {
    running.onProgress({ stage: `Converting ${basename(options.model)} with Python` });
    const made = await askPythons({ ...options, folder, sample }, context);
    for (const warning of made.warnings) environment.notify?.(warning);
    return await openConverted({ original: options.model, folder, made, sample }, context);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

interface Request extends PickleOptions {
  readonly folder: string;
  readonly sample: CalibrationSample;
}

/** The first Python that has what it takes. */
async function askPythons(request: Request, context: Context): Promise<Converted> {
  const lacking: { readonly python: string; readonly needs: readonly string[] }[] = [];
  const tried = pythonCandidates(request.python);
  for (const python of tried) {
    const outcome = await askPython(python, request, context);
    if (outcome === undefined) continue;
    if (!('needs' in outcome)) return outcome;
    lacking.push({ python, ...outcome });
  }
  throw noPython(request, tried, lacking);
}

/** In the order in which they are tried. */
function pythonCandidates(chosen: string | undefined): readonly string[] {
  if (chosen !== undefined && chosen !== '') return [chosen];
  const isWindows = process.platform === 'win32';
  const active = process.env['VIRTUAL_ENV'];
  const own = isWindows ? ['Scripts', 'python.exe'] : ['bin', 'python'];
  const onPath = isWindows ? ['python', 'py'] : ['python3', 'python'];
  return [...(active === undefined || active === '' ? [] : [join(active, ...own)]), ...onPath];
}

/** @returns what came of it; undefined where there is no such Python */
async function askPython(
  python: string,
  request: Request,
  { environment, running }: Context,
): Promise<Converted | { readonly needs: readonly string[] } | undefined> {
  const { model, folder, sample } = request;
  const args = ['-B', fileURLToPath(environment.programs.converter), resolve(model), folder];
  environment.notify?.(
    `${basename(model)} is a Python pickle: opening it runs the code that it holds. Running: ${[python, ...args].map(shown).join(' ')}`,
  );
  const run = { program: python, args, folder, environment: withoutSecrets(), input: sampleJson(sample) };
  const ended = await runProgram({ ...run, timeoutMs: conversionLimitMs }, running.signal).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'io.not-found') return undefined;
    if (error instanceof AppError) throw notConverted(model, error.message, error);
    throw error;
  });
  if (ended === undefined) return undefined;
  environment.log(`${python} ended with exit code ${String(ended.code)}: ${ended.errors}`);
  const said = readAnswer(ended);
  if (said === undefined) {
    if (noProgramCodes.has(ended.code)) return undefined;
    throw notConverted(model, `Python ended with exit code ${String(ended.code)}`, new Error(ended.errors));
  }
  if ('reason' in said) throw notConverted(model, said.reason, new Error(ended.errors));
  return said;
}

function readAnswer({ output }: ProgramEnd): z.infer<typeof answer> | undefined {
  try {
    return answer.parse(JSON.parse(output));
  } catch {
    return undefined;
  }
}

/** As one would type it. */
function shown(argument: string): string {
  return /^[\w./\\:=-]+$/u.test(argument) ? argument : `'${argument.replaceAll("'", String.raw`'\''`)}'`;
}

function withoutSecrets(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SEALPOINT_')));
}

function notConverted(model: string, reason: string, cause: unknown): AppError {
  return new AppError('model.not-converted', `${basename(model)} could not be converted: ${reason}.`, {
    file: model,
    hint: 'Open it with Python where it was trained and save it as ONNX, XGBoost JSON or LightGBM text.',
    cause,
  });
}

function noPython(
  { model, sample }: Request,
  tried: readonly string[],
  lacking: readonly { readonly python: string; readonly needs: readonly string[] }[],
): AppError {
  const [first] = lacking;
  const why = lacking.map(({ python, needs }) => `${python} lacks ${needs.join(', ')}`).join('; ');
  const found = first === undefined ? `no Python was found (${tried.join(', ')})` : why;
  const hint = pickleHint(basename(model), {
    textColumns: sample.header.filter((_, column) => sample.isText[column]),
    ...(first === undefined ? {} : { python: first.python, packages: [...new Set([...first.needs, 'joblib'])] }),
  });
  return new AppError('model.not-converted', `${basename(model)} is a Python pickle, and ${found}.`, {
    file: model,
    hint: `${hint}\nAfter the first line compile does the second by itself. SEALPOINT_PYTHON (in the editor the setting sealpoint.python) names the Python to use.`,
  });
}
