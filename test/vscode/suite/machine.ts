import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import type { Api } from '../../../src/app/vscode/extension.ts';

/** The machine that the suites run on. */

/** In the workspace. */
export const file = (name: string): string => path.join(process.env['SEALPOINT_SUITE_WORKSPACE'] ?? '', name);

/** In test/fixtures of the project. */
export const fixture = (name: string): string => path.join(process.env['SEALPOINT_SUITE_FIXTURES'] ?? '', name);

export function sealpoint(): vscode.Extension<Api> {
  const extension = vscode.extensions.getExtension<Api>('sealpoint.sealpoint');
  assert.ok(extension !== undefined);
  return extension;
}

export async function appears(wanted: string): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    const isThere = await stat(wanted).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`${wanted} did not appear`);
}
