import type { Command } from 'commander';
import type { KeyDeletedOutcome, KeyFileOutcome, KeyListOutcome, KeySetOutcome } from '../../core/artifact/outcomes.ts';
import type { Context } from './context.ts';
import { deploymentHelp } from './options.ts';
import { bytesText, factsText, relativePath, shortId, tableText } from './words.ts';

const keyHelp = 'name, id or beginning of the id of a key set';
const loadKeys = () => import('../../service/keys.ts');

export function registerKeys(program: Command, context: Context): void {
  const keys = program
    .command('keys')
    .helpCommand(false)
    .description('Create and keep key sets; secret keys never leave this machine but in an export.');
  registerMaking(keys, context);
  registerChanging(keys, context);
  registerFiles(keys, context);
}

function registerMaking(keys: Command, context: Context): void {
  keys
    .command('create')
    .description('Create a key set for a deployment.')
    .argument('[deployment]', deploymentHelp)
    .option('--name <name>', 'name of the key set (key-1, key-2, … unless given)')
    .action((deployment: string | undefined, { name }: { readonly name?: string }) =>
      context.perform({
        verb: async (...bound) => {
          const { createKeySet } = await import('../../service/create-key-set.ts');
          return await createKeySet({ deployment, name }, ...bound);
        },
        show: keySetText,
      }),
    );
  keys
    .command('list')
    .description('List the key sets.')
    .action(() =>
      context.perform({ verb: async (...bound) => (await loadKeys()).listKeySets({}, ...bound), show: keyListText }),
    );
}

function registerChanging(keys: Command, context: Context): void {
  keys
    .command('rename')
    .description('Give a key set another name.')
    .argument('<key>', keyHelp)
    .argument('<name>', 'the new name')
    .action((key: string, name: string) =>
      context.perform({
        verb: async (...bound) => (await loadKeys()).renameKeySet({ key, name }, ...bound),
        show: keySetText,
      }),
    );
  keys
    .command('delete')
    .description('Delete a key set for good: what is encrypted for it stays closed.')
    .argument('<key>', keyHelp)
    .option('--published', 'remove its evaluation keys from the stores of all profiles too')
    .action((key: string, { published }: { readonly published?: boolean }) =>
      context.perform({
        verb: async (...bound) => (await loadKeys()).deleteKeySet({ key, published }, ...bound),
        show: deletedText,
      }),
    );
}

function registerFiles(keys: Command, context: Context): void {
  keys
    .command('export')
    .description('Write a copy of a key set under a passphrase.')
    .argument('<key>', keyHelp)
    .argument('<file>', 'file to write')
    .action((key: string, file: string) =>
      context.perform({
        verb: async (...bound) => (await loadKeys()).exportKeySet({ key, file }, ...bound),
        show: keyFileText,
      }),
    );
  keys
    .command('import')
    .description('Add an exported key set; the passphrase that opens the file opens it here.')
    .argument('<file>', 'what keys export wrote')
    .action((file: string) =>
      context.perform({
        verb: async (...bound) => (await loadKeys()).importKeySet({ file }, ...bound),
        show: keySetText,
      }),
    );
  keys
    .command('evaluation-keys')
    .description('Save the evaluation keys of a key set, which are public, for the endpoint.')
    .argument('<key>', keyHelp)
    .requiredOption('-o, --output <file>', 'file to write (.spk)')
    .action((key: string, { output }: { readonly output: string }) =>
      context.perform({
        verb: async (...bound) => (await loadKeys()).saveEvaluationKeys({ key, output }, ...bound),
        show: keyFileText,
      }),
    );
}

function keySetText(keySet: KeySetOutcome): string {
  return factsText([
    ['key set', keySet.name],
    ['id', shortId(keySet.key)],
    ['deployment', shortId(keySet.deployment)],
    ['created', keySet.created],
    ['opens with', keySet.slots.join(', ')],
    ['evaluation keys', bytesText(keySet.bytes.evaluationKeys)],
    ['secret keys', bytesText(keySet.bytes.secretKeys)],
  ]);
}

function keyListText({ keys }: KeyListOutcome): string {
  if (keys.length === 0) return 'There are no key sets yet: sealpoint keys create DEPLOYMENT makes one.';
  const rows = keys.map(({ name, key, deployment, created, slots, bytes }) => [
    name,
    shortId(key),
    shortId(deployment),
    created.slice(0, 10),
    slots.join(', '),
    bytesText(bytes.evaluationKeys),
  ]);
  return tableText(['name', 'id', 'deployment', 'created', 'opens with', 'evaluation keys'], rows);
}

function keyFileText({ name, file, bytes }: KeyFileOutcome): string {
  return `${relativePath(file)}: ${bytesText(bytes)} of key set ${name}`;
}

function deletedText({ name, published, publishedRemoved, unchecked }: KeyDeletedOutcome): string {
  const stores = published.map(
    (uri) => `Its evaluation keys ${publishedRemoved ? 'were removed from' : 'are still at'} ${uri}`,
  );
  const silent = unchecked.map((profile) => `The store of profile ${profile} did not answer.`);
  return [`Key set ${name} is deleted.`, ...stores, ...silent].join('\n');
}
