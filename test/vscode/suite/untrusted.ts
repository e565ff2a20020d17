import assert from 'node:assert/strict';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import { needTrust } from '../../../src/app/vscode/commands.ts';
import type { InspectOutcome } from '../../../src/core/artifact/outcomes.ts';
import { file, fixture, sealpoint } from './machine.ts';
import { duringErrors } from './stand-ins.ts';

/** In a workspace that nobody has trusted. */
export function defineUntrustedTests(): void {
  describe('Sealpoint in an untrusted workspace', () => {
    before(async () => {
      await vscode.commands.executeCommand('workbench.view.extension.sealpoint');
    });

    it('is there', async () => {
      assert.equal(vscode.workspace.isTrusted, false);
      await sealpoint().activate();
    });

    it('refuses in one sentence whatever computes or writes, and leaves nothing', async () => {
      const before = await readdir(file('.'));
      const request = { model: file('logistic.onnx'), calibration: file('calibration.csv'), data: file('data.csv') };
      for (const id of needTrust) {
        const errors = await duringErrors(async () => {
          assert.equal(await vscode.commands.executeCommand(id, { ...request, output: file('out') }), undefined);
        });
        assert.equal(errors.length, 1, id);
        assert.match(errors[0]?.message ?? '', /only in a workspace that you trust.*Manage Workspace Trust/u, id);
      }
      assert.deepEqual(await readdir(file('.')), before);
    });

    it('lists and inspects', async () => {
      const { trees } = await sealpoint().activate();
      assert.deepEqual(await trees.artifacts.getChildren(), []);
      assert.deepEqual(await trees.keys.getChildren(), []);
      await cp(fixture('golden/query.spq'), file('query.spq'));
      const target = vscode.Uri.file(file('query.spq'));
      const found = await vscode.commands.executeCommand<InspectOutcome | undefined>('sealpoint.inspect', target);
      assert.equal(found?.kind, 'sealpoint.query');
    });

    it('takes no setting from the workspace that changes what is computed', async () => {
      await mkdir(file('.vscode'), { recursive: true });
      const settings = { 'sealpoint.data.clip': true, 'sealpoint.python': '/tmp/python' };
      const changed = new Promise((resolve) =>
        vscode.workspace.createFileSystemWatcher('**/settings.json').onDidCreate(resolve),
      );
      await writeFile(file(path.join('.vscode', 'settings.json')), JSON.stringify(settings));
      await changed;
      const configuration = vscode.workspace.getConfiguration('sealpoint');
      assert.equal(configuration.get('data.clip'), false);
      assert.equal(configuration.get('python'), '');
    });
  });
}
