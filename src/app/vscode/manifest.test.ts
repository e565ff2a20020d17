import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';

// The editor's module exists only inside the editor; ids and defaults are read without it.
vi.mock('vscode', () => ({
  QuickPickItemKind: { Separator: -1 },
  TreeItemCollapsibleState: { None: 0, Collapsed: 1, Expanded: 2 },
  l10n: { t: (text: string) => text },
}));
const { commands, needTrust } = await import('./commands.ts');
const { settingDefaults } = await import('./settings.ts');

const project = path.resolve(import.meta.dirname, '../../..');
const read = (name: string): unknown => JSON.parse(readFileSync(path.join(project, name), 'utf8'));
const manifest = read('package.json') as {
  readonly main: string;
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly category: string; readonly enablement?: string }[];
    readonly menus: Readonly<Record<string, readonly { readonly command: string }[]>>;
    readonly configuration: { readonly properties: Readonly<Record<string, { readonly default: unknown }>> };
  };
};

describe('the manifest', () => {
  it('contributes exactly the commands of the table, all under Sealpoint', () => {
    const contributed = manifest.contributes.commands;
    expect(contributed.map(({ command }) => command).sort()).toEqual(Object.keys(commands).sort());
    expect(new Set(contributed.map(({ category }) => category))).toEqual(new Set(['Sealpoint']));
  });

  it('offers in an untrusted workspace only what does not refuse there', () => {
    const guarded = manifest.contributes.commands.filter(({ enablement }) => enablement === 'isWorkspaceTrusted');
    expect(guarded.map(({ command }) => command).sort()).toEqual([...needTrust].sort());
  });

  it('names only such commands in its menus', () => {
    for (const { command } of Object.values(manifest.contributes.menus).flat())
      expect(commands).toHaveProperty([command]);
  });

  it('has the settings that the program reads, with the same defaults', () => {
    const { properties } = manifest.contributes.configuration;
    expect(Object.fromEntries(Object.entries(properties).map(([id, { default: value }]) => [id, value]))).toEqual(
      settingDefaults,
    );
  });

  it('has a text for every placeholder, and no text too many', () => {
    const used = [...JSON.stringify(manifest).matchAll(/"%([\w.]+)%"/gu)].map(([, name]) => name);
    expect(Object.keys(read('package.nls.json') as object).sort()).toEqual([...new Set(used)].sort());
  });
});
