import type { Command } from 'commander';
import type { RunOutcome } from '../../core/artifact/outcomes.ts';
import type { Context } from './context.ts';
import { deploymentHelp } from './options.ts';
import { amountText, bytesText, factsText, relativePath, secondsText, shortId } from './words.ts';

interface RunFlags {
  readonly deployment?: string;
  readonly profile?: string;
  readonly key?: string;
  readonly output?: string;
  readonly withInput?: boolean;
  readonly clip?: boolean;
  readonly resume?: string;
}

export function registerRun(program: Command, context: Context): void {
  program
    .command('run')
    .description('Send a data file through an endpoint: encrypt, evaluate, decrypt, verify.')
    .argument('<data>', 'CSV, JSONL or Parquet')
    .option('--deployment <deployment>', deploymentHelp)
    .option('--profile <name>', 'store and endpoint; local unless given')
    .option('--key <key>', 'key set; the only one of the deployment unless given')
    .option('-o, --output <file>', '.csv, .parquet or .jsonl; predictions.csv unless given')
    .option('--with-input', "put the input's columns before the predictions")
    .option('--clip', 'clip values beyond the planned range instead of refusing them')
    .option('--resume <job>', 'go on with a job: the same data, deployment and key')
    .action((data: string, flags: RunFlags) =>
      context.perform({
        verb: async (...bound) => {
          const { runJob } = await import('../../service/run.ts');
          return await runJob({ data, ...flags }, ...bound);
        },
        show: runText,
      }),
    );
}

function runText(outcome: RunOutcome): string {
  const { bytes, seconds, records, queries, verified, warnings } = outcome;
  const steps = [
    `encrypt ${secondsText(seconds.encrypt)}`,
    `evaluate ${secondsText(seconds.evaluate)}`,
    `decrypt ${secondsText(seconds.decrypt)}`,
  ];
  const facts = factsText([
    ['predictions', relativePath(outcome.output)],
    ['records', `${amountText(records, 'record')} in ${amountText(queries, 'query', 'queries')}`],
    ['verified', `${amountText(verified, 'canary', 'canaries')}, all right`],
    ['sent', bytesText(bytes.sent)],
    ['received', bytesText(bytes.received)],
    ['time', `${secondsText(seconds.total)} (${steps.join(', ')})`],
    ['job', `${shortId(outcome.job)}, plan ${outcome.plan}, profile ${outcome.profile}`],
  ]);
  return [facts, ...warnings.map((warning) => `note: ${warning}`)].join('\n');
}
