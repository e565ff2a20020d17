import type { Command } from 'commander';
import type { ArtifactListing, PublishOutcome } from '../../service/artifacts.ts';
import type { JobRow } from '../../service/jobs.ts';
import type { Context } from './context.ts';
import { bytesText, relativePath, shortId, tableText } from './words.ts';

export function registerStore(program: Command, context: Context): void {
  registerPublish(program, context);
  registerArtifacts(program, context);
  registerJobs(program, context);
}

interface PublishFlags {
  readonly profile: string;
  readonly clientOnly?: boolean;
}

function registerPublish(program: Command, context: Context): void {
  program
    .command('publish')
    .description("Put a deployment into a profile's store.")
    .argument('<deployment>', 'folder, store URI or id')
    .requiredOption('--profile <name>', 'whose store')
    .option('--client-only', 'only client.zip, which is enough for whoever has data')
    .action((deployment: string, flags: PublishFlags) =>
      context.perform({
        verb: async (...bound) => {
          const { publishDeployment } = await import('../../service/artifacts.ts');
          return await publishDeployment({ deployment, ...flags }, ...bound);
        },
        show: publishText,
      }),
    );
}

interface ArtifactFlags {
  readonly profile?: string;
  readonly next?: string;
}

function registerArtifacts(program: Command, context: Context): void {
  program
    .command('artifacts')
    .description("List one level of a profile's store.")
    .argument('[prefix]', 'for example models/ or jobs/')
    .option('--profile <name>', 'whose store; local unless given')
    .option('--next <page>', 'go on where the last page ended')
    .action((prefix: string | undefined, flags: ArtifactFlags) =>
      context.perform({
        verb: async (...bound) => {
          const { listArtifacts } = await import('../../service/artifacts.ts');
          return await listArtifacts({ prefix, ...flags }, ...bound);
        },
        show: listingText,
      }),
    );
}

function registerJobs(program: Command, context: Context): void {
  program
    .command('jobs')
    .description('List the jobs of this machine, newest first.')
    .argument('[id]', 'only this one, by its id or the beginning of it')
    .action((id: string | undefined) =>
      context.perform({
        verb: async (...bound) => {
          const { listJobs } = await import('../../service/jobs.ts');
          return await listJobs({ id }, ...bound);
        },
        show: ({ jobs }) => (jobs.length === 0 ? 'There are no jobs yet.' : jobsText(jobs)),
      }),
    );
  program
    .command('cancel')
    .description('Cancel a job and remove its queries and results from the store.')
    .argument('<job>', 'id or the beginning of it')
    .action((job: string) =>
      context.perform({
        verb: async (...bound) => {
          const { cancelJob } = await import('../../service/jobs.ts');
          return await cancelJob({ job }, ...bound);
        },
        show: (cancelled) => jobsText([cancelled]),
      }),
    );
}

function publishText({ deployment, profile, uris, bytes }: PublishOutcome): string {
  return [
    `Deployment ${shortId(deployment)} is in the store of ${profile} (${bytesText(bytes)}):`,
    ...uris.map((uri) => `  ${uri}`),
  ].join('\n');
}

function listingText({ artifacts, next, store, prefix }: ArtifactListing): string {
  if (artifacts.length === 0) return `There is nothing at ${store}${prefix}`;
  const rows = artifacts.map(({ key, kind, sizeBytes, modified }) => [
    key.slice(prefix.length),
    kind,
    sizeBytes === undefined ? '' : bytesText(sizeBytes),
    modified?.slice(0, 19).replace('T', ' ') ?? '',
  ]);
  const more = next === undefined ? [] : [`There is more: --next ${JSON.stringify(next)}`];
  return [`${store}${prefix}`, tableText(['name', 'kind', 'size', 'modified'], rows), ...more].join('\n');
}

function jobsText(jobs: readonly JobRow[]): string {
  const rows = jobs.map((job) => [
    shortId(job.job),
    job.state,
    job.created.slice(0, 19).replace('T', ' '),
    job.profile,
    job.records,
    job.verified,
    relativePath(job.file),
    relativePath(job.output),
  ]);
  const failures = jobs.flatMap(({ job, failure }) =>
    failure === undefined ? [] : [`${shortId(job)}: ${failure.message}`],
  );
  return [
    tableText(['job', 'state', 'created', 'profile', 'records', 'verified queries', 'data', 'predictions'], rows),
    ...failures,
  ].join('\n');
}
