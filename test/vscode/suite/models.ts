import assert from 'node:assert/strict';
import { cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import type { CompileOutcome, KeySetOutcome, RunOutcome } from '../../../src/core/artifact/outcomes.ts';
import { appears, file, fixture } from './machine.ts';
import { notes } from './measure.ts';
import { answeringQuestions, cancellingAt, duringErrors, type Asked } from './stand-ins.ts';

interface ModelCase {
  /** Folder and file of test/fixtures. */
  readonly model: string;
  /** Rows of the data that are run; all of them where absent. */
  readonly rows?: number;
  /** What the person answers, and the titles of all questions in their order. */
  readonly answers: readonly (readonly [RegExp, string])[];
  readonly asked: readonly RegExp[];
  /** What the review before the run says. */
  readonly review: readonly RegExp[];
}

const rowsAnswer = [/^Calibration rows$/u, 'calibration.csv'] as const;
const cases: readonly ModelCase[] = [
  {
    model: 'wdbc/xgb_100x4.json',
    answers: [rowsAnswer, [/^What to be quick at$/u, 'Whole files'], [/may learn of the trees$/u, 'Their thresholds']],
    asked: [rowsAnswer[0], /^What to be quick at$/u, /may learn of the trees$/u, /^Folder for the deployment$/u],
    review: [/^143 records in 1 query Plan for whole files: records packing, BGV/u],
  },
  {
    model: 'digits/mlp_relu.onnx',
    rows: 5,
    answers: [rowsAnswer, [/^What to be quick at$/u, 'One record']],
    asked: [rowsAnswer[0], /^What to be quick at$/u, /^Folder for the deployment$/u],
    review: [/^5 records in about 6 queries Plan for one record: features packing, CKKS/u],
  },
];

/** From a model file to its predictions, by the answers of a person. */
export function defineModelTests(): void {
  for (const item of cases) defineModelTest(item);
  describe('Compile Model', () => {
    it('stops at once when it is cancelled while it plans a forest, and leaves nothing', async () => {
      const folder = await workFolder('digits/forest.onnx');
      const output = path.join(folder, 'forest.sealpoint');
      const request = { model: path.join(folder, 'forest.onnx'), calibration: path.join(folder, 'calibration.csv') };
      const choices = { mode: 'latency', reveal: 'nothing', output };
      const errors = await duringErrors(async () => {
        const { endedMs, reports } = await cancellingAt(/^Planning/u, () =>
          vscode.commands.executeCommand('sealpoint.compile', { ...request, ...choices }),
        );
        notes.push(`a compile that planned a forest ended ${endedMs.toFixed(0)} ms after its cancel`);
        assert.deepEqual(
          reports.filter((text) => !text.startsWith('Planning')),
          [],
        );
      });
      assert.deepEqual(errors, []);
      await assert.rejects(stat(output));
    });

    it('offers to choose again where no plan keeps the tolerance, and then asks for it', async () => {
      const output = file('refused.sealpoint');
      const request = { model: file('logistic.onnx'), calibration: file('calibration.csv'), output };
      let asked: readonly Asked[] = [];
      const answers = [
        [/^What to be quick at$/u, 'Whole files'],
        [/^Largest error/u, '0.001'],
        [/^Least share/u, '0.99'],
      ] as const;
      const refused = async (): Promise<void> => {
        const choices = { mode: 'throughput', reveal: 'nothing', maxError: 1e-12 };
        assert.equal(await vscode.commands.executeCommand('sealpoint.compile', { ...request, ...choices }), undefined);
      };
      const errors = await duringErrors(
        async () => {
          asked = await answeringQuestions(answers, async () => {
            await refused();
            await appears(path.join(output, 'report.json'));
          });
        },
        () => Promise.resolve('Choose Again…'),
      );
      assert.deepEqual(errors[0]?.buttons, ['Choose Again…', 'Show Log']);
      assert.doesNotMatch(errors[0].message, /--/u);
      assert.deepEqual(
        titles(
          asked,
          answers.map(([title]) => title),
        ),
        [],
      );
    });
  });
}

function defineModelTest({ model, rows, answers, asked, review }: ModelCase): void {
  describe(model, () => {
    const [dataset = '', name = ''] = model.split('/');
    const stem = path.parse(name).name;
    let folder: string;
    let data: string;
    let compiled: CompileOutcome;
    let ran: RunOutcome;

    before(async () => {
      folder = await workFolder(model);
      data = path.join(folder, 'data.csv');
      if (rows !== undefined)
        await writeFile(
          data,
          (await readFile(data, 'utf8'))
            .split('\n')
            .slice(0, rows + 1)
            .join('\n'),
        );
    });

    it('is compiled by the answers to as many questions as it takes', async () => {
      const questions = await answeringQuestions(answers, async () => {
        const target = vscode.Uri.file(path.join(folder, name));
        const outcome = await vscode.commands.executeCommand<CompileOutcome | undefined>('sealpoint.compile', target);
        assert.ok(outcome !== undefined);
        compiled = outcome;
      });
      assert.deepEqual(titles(questions, asked), []);
      assert.equal(path.dirname(compiled.path), folder);
    });

    it('gets a key set', async () => {
      const request = { deployment: compiled.path, name: stem };
      const keys = await vscode.commands.executeCommand<KeySetOutcome | undefined>('sealpoint.createKeys', request);
      assert.equal(keys?.deployment, compiled.deployment);
    });

    it('is run once its numbers were reviewed', async () => {
      const go = [[/^Run Encrypted Inference on data\.csv$/u, 'Run']] as const;
      const [shown] = await answeringQuestions(go, async () => {
        const request = { data, deployment: compiled.path };
        const outcome = await vscode.commands.executeCommand<RunOutcome | undefined>('sealpoint.run', request);
        assert.ok(outcome !== undefined);
        ran = outcome;
      });
      const sizes = [
        /^[\d.]+ [kM]B to send Of it [\d.]+ [kM]B of evaluation keys/u,
        /to compute Encrypt .*, evaluate /u,
      ];
      for (const line of [...review, ...sizes, /^On this machine Profile local/u])
        assert.ok(
          shown?.rows.some((row) => line.test(row)),
          `${String(line)}: ${shown?.rows.join(' | ') ?? ''}`,
        );
      assert.ok(ran.verified > 0);
    });

    it('has the labels of the library that trained it', async () => {
      const opened = await vscode.commands.executeCommand<RunOutcome | undefined>('sealpoint.openResult', {
        job: ran.job,
      });
      const labels = await labelsOf(opened?.output ?? '');
      const expected = await labelsOf(fixture(`${dataset}/expected/${stem}.csv`));
      assert.deepEqual(labels, rows === undefined ? expected : expected.slice(0, rows));
    });

    it('opens its report', async () => {
      const target = { deployment: compiled.path };
      const report = await vscode.commands.executeCommand<{ readonly deployment: string }>(
        'sealpoint.openReport',
        target,
      );
      assert.equal(report.deployment, compiled.deployment);
      const query = JSON.stringify({ report: compiled.path });
      const uri = vscode.Uri.from({ scheme: 'sealpoint-summary', path: '/Report.md', query });
      const text = (await vscode.workspace.openTextDocument(uri)).getText();
      assert.match(text, /\| Evaluation keys, of all plans \|/u);
      assert.match(text, /What whoever holds client\.zip learns/u);
    });

    it('refuses the data of another model by the name of what is missing, before it asks anything', async () => {
      const other = dataset === 'wdbc' ? 'diabetes' : 'wdbc';
      const wrong = path.join(folder, 'other.csv');
      await cp(fixture(`${other}/data.csv`), wrong);
      const errors = await duringErrors(async () => {
        const asked = await answeringQuestions([], async () => {
          const request = { data: wrong, deployment: compiled.path };
          assert.equal(await vscode.commands.executeCommand('sealpoint.run', request), undefined);
        });
        assert.deepEqual(asked, []);
      });
      assert.equal(errors.length, 1);
      assert.match(errors[0]?.message ?? '', dataset === 'wdbc' ? /mean radius/u : /pixel/u);
    });
  });
}

/** A folder of its own in the workspace, with a model of test/fixtures and its rows. */
async function workFolder(model: string): Promise<string> {
  const [dataset = '', name = ''] = model.split('/');
  const folder = file(path.parse(name).name);
  await mkdir(folder, { recursive: true });
  for (const copied of [name, 'calibration.csv', 'data.csv'])
    await cp(fixture(`${dataset}/${copied}`), path.join(folder, copied));
  return folder;
}

/** @returns where the questions differ from those expected */
function titles(asked: readonly Asked[], expected: readonly RegExp[]): string[] {
  const found = asked.map(({ title }) => title);
  const isSame = found.length === expected.length && expected.every((title, index) => title.test(found[index] ?? ''));
  return isSame ? [] : found;
}

async function labelsOf(table: string): Promise<string[]> {
  const [header = '', ...rows] = (await readFile(table, 'utf8')).trim().split(/\r?\n/u);
  const index = header.split(',').indexOf('label');
  assert.ok(index >= 0, table);
  return rows.map((row) => row.split(',')[index] ?? '');
}
