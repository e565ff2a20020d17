import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import * as vscode from 'vscode';
import type { CompileOutcome, KeySetOutcome, RunOutcome } from '../../../src/core/artifact/outcomes.ts';
import type { Api } from '../../../src/app/vscode/extension.ts';
import type { Node } from '../../../src/app/vscode/tree-model.ts';
import { answeringWarnings, cancellingAt, duringErrors, watchErrors } from './stand-ins.ts';
import { appears, file, sealpoint } from './machine.ts';
import { loadingMs, longestBlock, notes } from './measure.ts';

const mostActivationMs = 50;
const mostBlockMs = 50;
const deployment = file('logistic.sealpoint');

/** In order: each test goes on from where the one before left the machine, as a person would. */
export function defineTests(): void {
  describe('Sealpoint in VS Code', () => {
    let api: Api;
    let ran: RunOutcome;
    let messages: Disposable;

    before(() => {
      // Where a command gives nothing, the report says what the person would have read.
      messages = watchErrors((message) => notes.push(`error message: ${message}`));
    });
    after(() => {
      messages[Symbol.dispose]();
    });

    it('activates within 50 ms of computing', async () => {
      const extension = sealpoint();
      assert.equal(extension.isActive, false, 'nothing activates it before it is needed');
      api = await extension.activate();
      const loadMs = loadingMs(path.join(extension.extensionPath, 'dist/extension.cjs'));
      notes.push(`activation: ${loadMs.toFixed(1)} ms to load, ${api.activatedInMs.toFixed(1)} ms to activate`);
      assert.ok(loadMs + api.activatedInMs < mostActivationMs, 'activation is slow');
    });

    it('registers exactly the commands that its manifest contributes', async () => {
      const manifest = sealpoint().packageJSON as {
        readonly contributes: { readonly commands: readonly { readonly command: string }[] };
      };
      const contributed = manifest.contributes.commands.map(({ command }) => command).sort();
      // The editor adds commands of its own for views: "sealpoint.keys.focus" and the like.
      const registered = (await vscode.commands.getCommands(true)).filter((id) => /^sealpoint\.\w+$/u.test(id)).sort();
      assert.deepEqual(registered, contributed);
    });

    it('shows the welcome texts in an empty home', async () => {
      assert.deepEqual(await api.trees.artifacts.getChildren(), []);
      assert.deepEqual(await api.trees.keys.getChildren(), []);
    });

    it('compiles a model into a deployment', async () => {
      const request = {
        model: file('logistic.onnx'),
        calibration: file('calibration.csv'),
        mode: 'auto',
        reveal: 'nothing',
        output: deployment,
      };
      const outcome = await vscode.commands.executeCommand<CompileOutcome | undefined>('sealpoint.compile', request);
      assert.match(outcome?.deployment ?? '', /^[0-9a-f]{64}$/u);
      for (const name of ['client.zip', 'server.zip', 'report.json'])
        assert.ok((await stat(path.join(deployment, name))).size > 0, name);
    });

    it('creates a key set that its tree shows', async () => {
      const keys = await vscode.commands.executeCommand<KeySetOutcome | undefined>('sealpoint.createKeys', {
        deployment,
        name: 'first',
      });
      assert.deepEqual(keys?.slots, ['editor']);
      const [node] = (await api.trees.keys.getChildren()) ?? [];
      assert.equal(labelOf(api, node), 'first');
    });

    it('runs encrypted inference, the host free all the while, and opens the predictions', async () => {
      const request = { data: file('data.csv'), deployment, key: 'first', output: file('data.predictions.csv') };
      const run = (): Thenable<RunOutcome | undefined> => vscode.commands.executeCommand('sealpoint.run', request);
      const { value, cpuMs } = await longestBlock(run);
      assert.ok(value !== undefined);
      ran = value;
      assert.ok(cpuMs < mostBlockMs, `the host computed ${String(cpuMs)} ms in one go`);
      assert.equal(ran.records, 143);
      assert.ok(ran.verified > 0);
      const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
      assert.ok(input instanceof vscode.TabInputText);
      assert.equal(input.uri.fsPath, request.output);
    });

    it('writes one prediction a row, in order', async () => {
      const [header = '', ...rows] = (await readFile(ran.output, 'utf8')).trim().split('\n');
      assert.ok(header.split(',').includes('label'));
      assert.equal(rows.length, 143);
    });

    it('opens the result again, its summary beside it', async () => {
      const outcome = await vscode.commands.executeCommand<RunOutcome | undefined>('sealpoint.openResult', {
        job: ran.job,
      });
      assert.equal(outcome?.job, ran.job);
      const query = JSON.stringify({ job: ran.job });
      const uri = vscode.Uri.from({ scheme: 'sealpoint-summary', path: '/Summary.md', query });
      const text = (await vscode.workspace.openTextDocument(uri)).getText();
      assert.match(text, /What the server saw/u);
      assert.match(text, /\| Records \| 143 \|/u);
    });

    it('lists the local store with its jobs', async () => {
      const [profile] = (await api.trees.artifacts.getChildren()) ?? [];
      assert.equal(labelOf(api, profile), 'local');
      assert.ok((await jobNodes(api)).some((node) => node.kind === 'job' && node.id === ran.job));
      const labels = async (group: string) => (await nodesOf(api, group)).map((node) => labelOf(api, node));
      assert.deepEqual(await labels('Deployments'), ['logistic.onnx']);
      assert.deepEqual(await labels('Evaluation Keys'), ['first']);
    });

    it('names file, row and column of a value that is no number, offers to open it, and writes nothing', async () => {
      const data = file('wrong.csv');
      const [header = '', first = '', second = ''] = (await readFile(file('data.csv'), 'utf8')).split('\n');
      await writeFile(data, [header, first, second.replace(/^[^,]*/u, 'twelve'), ''].join('\n'));
      const output = file('wrong.predictions.csv');
      const errors = await duringErrors(async () => {
        assert.equal(
          await vscode.commands.executeCommand('sealpoint.run', { data, deployment, key: 'first', output }),
          undefined,
        );
      });
      assert.equal(errors.length, 1);
      const [{ message, buttons }] = errors as [(typeof errors)[number]];
      assert.match(message, /wrong\.csv.*row 2.*mean radius/u);
      assert.doesNotMatch(message, /twelve/u);
      assert.deepEqual(buttons, ['Open', 'Show Log']);
      await assert.rejects(stat(output));
    });

    it('says that a file is no model', async () => {
      const request = {
        model: file('data.csv'),
        calibration: file('calibration.csv'),
        mode: 'auto',
        reveal: 'nothing',
        output: file('no.sealpoint'),
      };
      const errors = await duringErrors(async () => {
        assert.equal(await vscode.commands.executeCommand('sealpoint.compile', request), undefined);
      });
      assert.equal(errors.length, 1);
      await assert.rejects(stat(request.output));
    });

    it('asks before a pickle may run its code, and takes only a yes for one', async () => {
      const model = file('model.pkl');
      await writeFile(model, Uint8Array.of(0x80, 4, 0x4e, 0x2e));
      const request = { model, calibration: file('calibration.csv'), mode: 'auto', reveal: 'nothing' } as const;
      const compile = async (rest: object): Promise<void> => {
        const outcome = await vscode.commands.executeCommand('sealpoint.compile', { ...request, ...rest });
        assert.equal(outcome, undefined);
      };
      const python = '/nowhere/python';
      await vscode.workspace.getConfiguration('sealpoint').update('python', python, vscode.ConfigurationTarget.Global);
      const output = file('pickle.sealpoint');
      const declined = await duringErrors(async () => {
        // No request, from a key binding say, consents in a person's place.
        const asked = await answeringWarnings('no', () => compile({ output, openPickle: { python } }));
        assert.equal(asked.length, 1);
        assert.match(asked[0] ?? '', /model\.pkl is a Python pickle: opening it runs the code/u);
      });
      assert.deepEqual(declined, []);
      const [shown] = await duringErrors(async () => {
        await answeringWarnings('first button', () => compile({ output }));
      });
      assert.match(shown?.message ?? '', /no Python was found \(\/nowhere\/python\).*pip install skl2onnx/su);
    });

    it('stops a run when it is cancelled, leaves no output and shows no error', async () => {
      const output = file('cancelled.predictions.csv');
      const request = { data: file('data.csv'), deployment, key: 'first', output };
      const errors = await duringErrors(async () => {
        const { endedMs } = await cancellingAt(/./u, () => vscode.commands.executeCommand('sealpoint.run', request));
        notes.push(`a cancelled run ended after ${endedMs.toFixed(0)} ms`);
      });
      assert.deepEqual(errors, []);
      await assert.rejects(stat(output));
    });

    it('offers to resume a job that failed on its way, and goes on with it', async () => {
      const request = { data: file('data.csv'), deployment, key: 'first', output: file('resumed.predictions.csv') };
      const server = await downServer('team-1');
      const errors = await duringErrors(async () => {
        assert.equal(await vscode.commands.executeCommand('sealpoint.run', request), undefined);
      });
      await server.start();
      assert.deepEqual(
        errors.map(({ buttons }) => buttons),
        [['Resume', 'Show Log']],
      );
      await assert.rejects(stat(request.output));
      const [stopped] = await jobNodes(api);
      assert.ok(stopped?.kind === 'job');
      assert.equal((api.trees.artifacts.getTreeItem(stopped) as vscode.TreeItem).contextValue, 'stoppedJob');
      const outcome = await vscode.commands.executeCommand<RunOutcome | undefined>('sealpoint.resume', stopped);
      assert.equal(outcome?.job, stopped.id);
      assert.equal(outcome.output, request.output);
      assert.equal((await readFile(request.output, 'utf8')).trim().split('\n').length, 144);
    });

    it('goes on by the button of the message', async () => {
      const request = { data: file('data.csv'), deployment, key: 'first', output: file('pressed.predictions.csv') };
      const server = await downServer('team-2');
      const shown = async (): Promise<void> => {
        assert.equal(await vscode.commands.executeCommand('sealpoint.run', request), undefined);
        await appears(request.output);
      };
      const errors = await duringErrors(shown, async () => {
        await server.start();
        return 'Resume';
      });
      assert.equal(errors.length, 1);
    });

    it('refuses to resume a job that is done', async () => {
      const errors = await duringErrors(async () => {
        assert.equal(await vscode.commands.executeCommand('sealpoint.resume', { job: ran.job }), undefined);
      });
      assert.match(errors[0]?.message ?? '', /is done/u);
    });
  });
}

function labelOf(api: Api, node: Node | undefined): string {
  assert.ok(node !== undefined);
  const { label } = api.trees.artifacts.getTreeItem(node) as vscode.TreeItem;
  return typeof label === 'string' ? label : '';
}

/** The jobs of the local store, the newest first. */
async function jobNodes(api: Api): Promise<readonly Node[]> {
  return await nodesOf(api, 'Jobs');
}

/** What lies under a heading of the local store. */
async function nodesOf(api: Api, heading: string): Promise<readonly Node[]> {
  const [profile] = (await api.trees.artifacts.getChildren()) ?? [];
  const groups = (await api.trees.artifacts.getChildren(profile)) ?? [];
  const group = groups.find((node) => labelOf(api, node) === heading);
  assert.ok(group !== undefined);
  return (await api.trees.artifacts.getChildren(group)) ?? [];
}

/** A profile for runs, over the local store, whose server does not answer until it is started: a job then fails once it has begun. */
async function downServer(name: string): Promise<{ readonly start: () => Promise<void> }> {
  const store = `${pathToFileURL(path.join(process.env['SEALPOINT_HOME'] ?? '', 'store')).href}/`;
  const use = async (profile: string | undefined): Promise<void> => {
    const { Global } = vscode.ConfigurationTarget;
    await vscode.workspace.getConfiguration('sealpoint').update('profile', profile, Global);
  };
  const unused = 'http://127.0.0.1:9';
  await vscode.commands.executeCommand('sealpoint.addProfile', { name, store, endpoint: unused });
  await use(name);
  return {
    start: async () => {
      const node = { kind: 'profile', name, uri: store };
      await answeringWarnings('first button', async () => {
        await vscode.commands.executeCommand('sealpoint.removeProfile', node);
      });
      await vscode.commands.executeCommand('sealpoint.addProfile', { name, store, endpoint: 'local' });
      await use(undefined);
    },
  };
}
