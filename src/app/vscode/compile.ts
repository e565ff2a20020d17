import path from 'node:path';
import * as vscode from 'vscode';
import type { CompileOutcome } from '../../core/artifact/outcomes.ts';
import type { Context } from './context.ts';
import { dataExtensions, freePath, localPath, modelExtensions, pickFile, pickNew, pickOne } from './pick.ts';
import { consentFor } from './pickle.ts';
import { withProgress } from './progress.ts';
import type { VerbOptions } from './verb-table.ts';
import { compiledText } from './words.ts';

/** What Compile Model asks for; whatever a key binding or a test gives is not asked again. */
export type CompileRequest = Partial<Omit<VerbOptions<'compileModel'>, 'openPickle'>>;

/** The tolerances of the command line's defaults. */
const defaults = { maxError: 1e-3, minAgreement: 0.99 } as const;
const asText = /\.(json|txt)$/iu;

export async function compileModel(
  context: Context,
  target?: vscode.Uri | CompileRequest,
): Promise<CompileOutcome | undefined> {
  const options = await askCompile(target instanceof vscode.Uri ? { model: localPath(target) } : (target ?? {}));
  if (options === undefined) return undefined;
  const title = vscode.l10n.t('Compiling {0}', path.basename(options.model));
  const outcome = await withProgress(title, (running) => context.verbs.call('compileModel', options, running));
  await context.memory.rememberDeployment(outcome.path);
  context.log.info(
    `compiled deployment ${outcome.deployment}: ${String(outcome.bytes.client)} and ${String(outcome.bytes.server)} bytes`,
  );
  context.trees.refresh();
  void offerKeys(outcome);
  return outcome;
}

async function askCompile(given: CompileRequest): Promise<VerbOptions<'compileModel'> | undefined> {
  const model = given.model ?? (await pickModel());
  if (model === undefined) return undefined;
  // Asked whatever called: no key binding consents to run code.
  const consent = await consentFor(model);
  if (consent === undefined) return undefined;
  const calibration = given.calibration ?? (await pickCalibration());
  if (calibration === undefined) return undefined;
  const choices = await askChoices(given);
  if (choices === undefined) return undefined;
  const output = given.output ?? (await pickOutput(model));
  return output === undefined
    ? undefined
    : { ...defaults, ...given, ...choices, ...consent, model, calibration, output };
}

async function askChoices(
  given: CompileRequest,
): Promise<Pick<VerbOptions<'compileModel'>, 'mode' | 'reveal'> | undefined> {
  const mode = given.mode ?? (await pickMode());
  if (mode === undefined) return undefined;
  const reveal = given.reveal ?? (await pickReveal());
  return reveal === undefined ? undefined : { mode, reveal };
}

async function pickModel(): Promise<string | undefined> {
  // .json and .txt are models only now and then: they are reached by Browse.
  const offered = modelExtensions.filter((extension) => !asText.test(`.${extension}`));
  return await pickFile({ title: vscode.l10n.t('Model to compile'), extensions: modelExtensions, offered });
}

async function pickCalibration(): Promise<string | undefined> {
  const title = vscode.l10n.t('Calibration rows: training rows that show the range of each column');
  return await pickFile({ title, extensions: dataExtensions, offered: dataExtensions });
}

async function pickMode(): Promise<VerbOptions<'compileModel'>['mode'] | undefined> {
  return await pickOne(vscode.l10n.t('What to be quick at'), [
    {
      label: vscode.l10n.t('Both'),
      detail: vscode.l10n.t('One plan for a single record and one for whole files; each job takes the one that fits.'),
      value: 'auto',
    },
    {
      label: vscode.l10n.t('Whole files'),
      detail: vscode.l10n.t('Many records share a query: most records a second, fewest bytes a record.'),
      value: 'throughput',
    },
    {
      label: vscode.l10n.t('One record'),
      detail: vscode.l10n.t('The answer to a single record comes as soon as it can.'),
      value: 'latency',
    },
  ]);
}

async function pickReveal(): Promise<VerbOptions<'compileModel'>['reveal'] | undefined> {
  return await pickOne(vscode.l10n.t('What the data party may learn about a forest'), [
    {
      label: vscode.l10n.t('Nothing of its splits'),
      detail: vscode.l10n.t('Decisions are computed under encryption. The right choice for models other than forests.'),
      value: 'nothing',
    },
    {
      label: vscode.l10n.t('Its thresholds'),
      detail: vscode.l10n.t(
        'client.zip lists which features are compared with which values: exact decisions, smaller and faster queries.',
      ),
      value: 'thresholds',
    },
  ]);
}

async function pickOutput(model: string): Promise<string | undefined> {
  const proposed = await freePath(path.dirname(model), path.parse(model).name, '.sealpoint');
  return await pickNew(vscode.l10n.t('Folder for the deployment'), vscode.l10n.t('Compile'), proposed);
}

async function offerKeys(outcome: CompileOutcome): Promise<void> {
  const create = vscode.l10n.t('Create Key Set');
  const chosen = await vscode.window.showInformationMessage(compiledText(outcome), create, vscode.l10n.t('Later'));
  if (chosen === create) await vscode.commands.executeCommand('sealpoint.createKeys', { deployment: outcome.path });
}
