import { Option, type Command } from 'commander';
import type { CompileOutcome } from '../../core/artifact/outcomes.ts';
import type { Context } from './context.ts';
import { deploymentText } from './deployment-text.ts';
import { explainText } from './explain.ts';
import { numberBetween } from './options.ts';

interface CompileFlags {
  readonly calibration: string;
  readonly labels?: string;
  readonly output?: string;
  readonly mode: 'auto' | 'latency' | 'throughput';
  readonly reveal: 'nothing' | 'thresholds';
  readonly maxError: number;
  readonly minAgreement: number;
  readonly explain?: true;
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
    .option(
      '-o, --output <dir>',
      'folder for client.zip, server.zip and report.json; MODEL.sealpoint beside the model unless given',
    )
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
    .option('--explain', 'also print what was weighed, and what it would take on SageMaker instances')
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

function compileText(outcome: CompileOutcome): string {
  return [deploymentText(outcome), ...explainText(outcome)].join('\n\n');
}
