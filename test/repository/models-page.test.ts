import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { operators } from '../../src/core/model/onnx/operators.ts';

const page = readFileSync(new URL('../../docs/models.md', import.meta.url), 'utf8');

it.each([
  ['ai.onnx', ''],
  ['ai.onnx.ml', 'ai.onnx.ml'],
])('docs/models.md lists the operators of %s that are read', (name, domain) => {
  const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\` `));
  const listed = row
    ?.split('|')[2]
    ?.split(',')
    .map((operator) => operator.trim());
  expect(listed).toEqual(Object.keys(operators[domain] ?? {}).sort());
});
