import type { Command } from 'commander';
import type { Profile } from '../../core/artifact/profile.ts';
import type { Context } from './context.ts';
import { tableText } from './words.ts';

const loadProfiles = () => import('../../service/profiles.ts');

interface AddFlags {
  readonly store: string;
  readonly endpoint: string;
  readonly awsProfile?: string;
  readonly region?: string;
  readonly s3Endpoint?: string;
}

export function registerProfiles(program: Command, context: Context): void {
  const profiles = program.command('profiles').helpCommand(false).description('Name stores and endpoints.');
  profiles
    .command('add')
    .description('Name a store and an endpoint.')
    .argument('<name>', 'letters, digits, dots and dashes')
    .requiredOption('--store <uri>', 's3://bucket/prefix or file:///folder')
    .option('--endpoint <address>', '"local" for a child process, or http(s)://host:port', 'local')
    .option('--aws-profile <name>', 'profile of the AWS configuration')
    .option('--region <region>', 'AWS region')
    .option('--s3-endpoint <url>', 'another S3 server than AWS')
    .action((name: string, flags: AddFlags) =>
      context.perform({
        verb: async (...bound) => (await loadProfiles()).addProfile({ name, ...flags }, ...bound),
        show: (one) => profilesText([one]),
      }),
    );
  profiles
    .command('list')
    .description('List the profiles; local is always there.')
    .action(() =>
      context.perform({
        verb: async (...bound) => (await loadProfiles()).listProfiles({}, ...bound),
        show: (outcome) => profilesText(outcome.profiles),
      }),
    );
  profiles
    .command('remove')
    .description('Forget a profile; its store is not touched.')
    .argument('<name>', 'name of the profile')
    .action((name: string) =>
      context.perform({
        verb: async (...bound) => (await loadProfiles()).removeProfile({ name }, ...bound),
        show: (removed) => `Profile ${removed.name} is forgotten.`,
      }),
    );
}

function profilesText(profiles: readonly Profile[]): string {
  const rows = profiles.map(({ name, store, endpoint, awsProfile, region }) => [
    name,
    store,
    endpoint,
    awsProfile ?? '',
    region ?? '',
  ]);
  return tableText(['name', 'store', 'endpoint', 'AWS profile', 'region'], rows);
}
