import type { Command } from 'commander';
import type { DecryptOutcome, FilesOutcome } from '../../core/artifact/outcomes.ts';
import type { Context } from './context.ts';
import { deploymentHelp } from './options.ts';
import { amountText, bytesText, factsText, relativePath, secondsText, shortId } from './words.ts';

/** The three steps that `run` takes at once: for whoever carries the files by other means. */
export function registerQueries(program: Command, context: Context): void {
  registerEncrypt(program, context);
  registerEvaluate(program, context);
  registerDecrypt(program, context);
}

interface EncryptFlags {
  readonly deployment?: string;
  readonly key?: string;
  readonly output: string;
  readonly clip?: boolean;
}

function registerEncrypt(program: Command, context: Context): void {
  program
    .command('encrypt')
    .description('Encrypt a data file into queries.')
    .argument('<data>', 'CSV, JSONL or Parquet')
    .option('--deployment <deployment>', deploymentHelp)
    .option('--key <key>', 'key set; the only one of the deployment unless given')
    .requiredOption('-o, --output <dir>', 'folder for the queries')
    .option('--clip', 'clip values beyond the planned range instead of refusing them')
    .action((data: string, flags: EncryptFlags) =>
      context.perform({
        verb: async (...bound) => {
          const { encryptData } = await import('../../service/encrypt.ts');
          return await encryptData({ data, ...flags }, ...bound);
        },
        show: (outcome) => filesText(outcome, 'query', 'queries'),
      }),
    );
}

interface EvaluateFlags {
  readonly deployment?: string;
  readonly evaluationKeys: string;
  readonly output: string;
}

function registerEvaluate(program: Command, context: Context): void {
  program
    .command('evaluate')
    .description('Evaluate queries on this machine, without a server.')
    .argument('<query...>', 'what encrypt wrote (.spq)')
    .option('--deployment <deployment>', deploymentHelp)
    .requiredOption('--evaluation-keys <file>', 'what keys evaluation-keys saved (.spk)')
    .requiredOption('-o, --output <dir>', 'folder for the results')
    .action((queries: string[], flags: EvaluateFlags) =>
      context.perform({
        verb: async (...bound) => {
          const { evaluateQueries } = await import('../../service/evaluate.ts');
          return await evaluateQueries({ queries, ...flags }, ...bound);
        },
        show: (outcome) => filesText(outcome, 'result', 'results'),
      }),
    );
}

interface DecryptFlags {
  readonly key?: string;
  readonly deployment?: string;
  readonly output?: string;
}

function registerDecrypt(program: Command, context: Context): void {
  program
    .command('decrypt')
    .description('Decrypt and verify the results of one job into a predictions file.')
    .argument('<result...>', 'what evaluate or an endpoint wrote (.spr)')
    .option('--key <key>', 'key set; the one that the results name unless given')
    .option(
      '--deployment <deployment>',
      'folder, client.zip, store URI or id; the one that the results name unless given',
    )
    .option('-o, --output <file>', '.csv, .parquet or .jsonl; predictions.csv unless given')
    .action((results: string[], flags: DecryptFlags) =>
      context.perform({
        verb: async (...bound) => {
          const { decryptResults } = await import('../../service/decrypt.ts');
          return await decryptResults({ results, ...flags }, ...bound);
        },
        show: decryptText,
      }),
    );
}

function filesText(
  { files, records, bytes, seconds, plan, key, deployment }: FilesOutcome,
  one: string,
  many: string,
): string {
  const [first = '', ...others] = files.map(relativePath);
  const last = others.at(-1);
  return factsText([
    [
      files.length === 1 ? one : many,
      last === undefined ? first : `${first} … ${last} (${String(files.length)} files)`,
    ],
    ['records', amountText(records, 'record')],
    ['size', bytesText(bytes)],
    ['time', secondsText(seconds)],
    ['plan', plan],
    ['key', shortId(key)],
    ['deployment', shortId(deployment)],
  ]);
}

function decryptText({ output, records, verified, seconds }: DecryptOutcome): string {
  return factsText([
    ['predictions', relativePath(output)],
    ['records', amountText(records, 'record')],
    ['verified', `${amountText(verified, 'canary', 'canaries')}, all right`],
    ['time', secondsText(seconds)],
  ]);
}
