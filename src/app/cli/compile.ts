import { Option, type Command } from 'commander';
import type { CompileOutcome, PlanOutcome } from '../../core/artifact/outcomes.ts';
import type { Context } from './context.ts';
import { numberBetween } from './options.ts';
import { bytesText, factsText, percentText, relativePath, secondsText, shortId, tableText } from './words.ts';

interface CompileFlags {
  readonly calibration: string;
  readonly labels?: string;
  readonly output?: string;
  readonly mode: 'auto' | 'latency' | 'throughput';
  readonly reveal: 'nothing' | 'thresholds';
  readonly maxError: number;
  readonly minAgreement: number;
}

export function registerCompile(program: Command, context: Context): void {
  program
    .command('compile')
    .description('Make a deployment of a trained model, proved by encrypted rows.')
    .argument(
      '<model>',
      'ONNX, XGBoost JSON or UBJ, LightGBM text; or a pickle (.pkl, .joblib), whose code your Python then runs',
    )
    .requiredOption(
      '--calibration <rows>',
      'rows like those to come (CSV, JSONL, Parquet): they fix ranges and prove the plans',
    )
    .option('--labels <file>', 'true answers of the calibration rows, to report accuracy')
    .option('-o, --output <dir>', 'folder for client.zip, server.zip and report.json')
    .addOption(
      new Option('--mode <mode>', 'one record at a time, many, or a plan for each')
        .choices(['auto', 'latency', 'throughput'])
        .default('auto'),
    )
    .addOption(
      new Option('--reveal <what>', 'what client.zip may tell of a forest')
        .choices(['nothing', 'thresholds'])
        .default('nothing'),
    )
    .option('--max-error <bound>', 'largest score error, relative', numberBetween(0, 1), 1e-3)
    .option(
      '--min-agreement <share>',
      'least share of rows whose answer agrees with the model',
      numberBetween(0, 1),
      0.99,
    )
    .action((model: string, { output, ...flags }: CompileFlags) =>
      context.perform({
        verb: async (...bound) => {
          const { compileModel } = await import('../../service/compile.ts');
          // Naming the file is consent to open it, pickle or not.
          const openPickle = { python: process.env['SEALPOINT_PYTHON'] };
          return await compileModel({ model, output, openPickle, ...flags }, ...bound);
        },
        show: compileText,
      }),
    );
}

function compileText({ deployment, path, plans, reveals, bytes, warnings = [] }: CompileOutcome): string {
  const headings = [
    'mode',
    'scheme',
    'packing',
    'N',
    'log Q',
    'records',
    'agreement',
    'max error',
    'query',
    'result',
    'encrypt',
    'evaluate',
    'decrypt',
  ];
  const facts = factsText([
    ['deployment', shortId(deployment)],
    ['folder', relativePath(path)],
    ['client.zip', `${bytesText(bytes.client)}, for whoever has data and keys`],
    ['server.zip', `${bytesText(bytes.server)}, for whoever evaluates: it holds the model`],
    ['security', `${[...new Set(plans.map((plan) => String(plan.securityBits)))].join(', ')} bits`],
  ]);
  const told = ['client.zip tells:', ...reveals.map((what) => `  ${what}`)].join('\n');
  return [facts, tableText(headings, plans.map(planRow)), ...warnings, told].join('\n\n');
}

function planRow(plan: PlanOutcome): string[] {
  const { bytes, seconds } = plan;
  return [
    plan.mode,
    plan.scheme.toUpperCase(),
    plan.packing,
    String(plan.polyModulusDegree),
    String(plan.coeffModulusBits.reduce((sum, bits) => sum + bits, 0)),
    String(plan.capacity),
    percentText(plan.agreement),
    plan.maxError.toExponential(1),
    bytesText(bytes.query),
    bytesText(bytes.result),
    secondsText(seconds.encrypt),
    secondsText(seconds.evaluate),
    secondsText(seconds.decrypt),
  ];
}
