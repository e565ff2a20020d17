import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { editorHint } from './hints.ts';

const source = path.resolve(import.meta.dirname, '../..');

/** Whatever stands after "hint:" in what the editor's verbs are made of. */
function everyHint(): string[] {
  const files = ['core', 'io', 'service', 'seal', 'cloud'].flatMap((layer) =>
    readdirSync(path.join(source, layer), { recursive: true, encoding: 'utf8' }).map((file) => path.join(layer, file)),
  );
  return files
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .flatMap((file) => [
      ...readFileSync(path.join(source, file), 'utf8').matchAll(
        /\bhint:\s*(?<quote>['`"])(?<hint>.*?)(?<!\\)\k<quote>/gsu,
      ),
    ])
    .map(({ groups }) => (groups?.['hint'] ?? '').replace(/\$\{[^}]*\}/gu, '0'));
}

describe('advice in the editor', () => {
  it('names no option and no command of the command line', () => {
    const hints = everyHint();
    expect(hints.length).toBeGreaterThan(100);
    expect(hints.map(editorHint).filter((hint) => /--[a-z]|\s-o\b|\bsealpoint [a-z]/u.test(hint))).toEqual([]);
  });

  it('says the same as before', () => {
    expect(editorHint('Allow a larger --max-error or a smaller --min-agreement.')).toBe(
      'Allow a larger error or a smaller agreement.',
    );
    expect(editorHint('Try again. Go on from what was verified: sealpoint run DATA --resume 0a1b2c3d')).toBe(
      'Try again. Resume Job goes on from what was verified.',
    );
    expect(editorHint('Allow --min-agreement 0.97, or …')).toBe('Allow an agreement of 0.97, or …');
  });
});
