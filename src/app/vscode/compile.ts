import path from 'node:path';
import * as vscode from 'vscode';
import type { CompileOutcome } from '../../core/artifact/outcomes.ts';
import { toAppError } from '../../core/error.ts';
import type { Context } from './context.ts';
import { dataExtensions, freePath, localPath, modelExtensions, pickFile, pickNew, pickOne } from './pick.ts';
import { consentToOpen } from './pickle.ts';
import { withLateProgress, withProgress } from './progress.ts';
import { RefusedPlan } from './refused-plan.ts';
import type { VerbOptions, VerbOutcome } from './verb-table.ts';
import { compiledText, modelText } from './words.ts';

/** What Compile Model asks for; whatever a key binding or a test gives is not asked again. */
export type CompileRequest = Partial<Omit<VerbOptions<'compileModel'>, 'openPickle'>> & {
  /** After a refusal. */
  readonly askTolerances?: boolean;
};

type ModelDescription = VerbOutcome<'describeModel'>;

/** The tolerances of the command line's defaults. */
const defaults = { maxError: 1e-3, minAgreement: 0.99 } as const;
const textExtensions: readonly string[] = ['json', 'txt'];

export async function compileModel(
  context: Context,
  target?: vscode.Uri | CompileRequest,
): Promise<CompileOutcome | undefined> {
  const options = await askCompile(context, requestOf(target));
  if (options === undefined) return undefined;
  const title = vscode.l10n.t('Compiling {0}', path.basename(options.model));
  const outcome = await withProgress(title, (running) => context.verbs.call('compileModel', options, running)).catch(
    (error: unknown) => {
      throw withAnswers(error, options);
    },
  );
  await context.memory.rememberDeployment(outcome.path);
  context.log.info(
    `compiled deployment ${outcome.deployment}: ${String(outcome.bytes.client)} and ${String(outcome.bytes.server)} bytes`,
  );
  context.trees.refresh();
  void offerKeys(outcome);
  return outcome;
}

function requestOf(target: vscode.Uri | CompileRequest | undefined): CompileRequest {
  return target instanceof vscode.Uri ? { model: localPath(target) } : (target ?? {});
}

async function askCompile(context: Context, given: CompileRequest): Promise<VerbOptions<'compileModel'> | undefined> {
  const model = given.model ?? (await pickModel());
  if (model === undefined) return undefined;
  const described = await withLateProgress(vscode.l10n.t('Reading {0}', path.basename(model)), (running) =>
    context.verbs.call('describeModel', { model }, running),
  );
  // Asked whatever called: no key binding consents to run code.
  const consent = described.kind === 'pickle' ? await consentToOpen(model) : { openPickle: undefined };
  if (consent === undefined) return undefined;
  const calibration = given.calibration ?? (await pickCalibration(model));
  if (calibration === undefined) return undefined;
  const choices = await askChoices(given, described);
  if (choices === undefined) return undefined;
  const output = given.output ?? (await pickOutput(model));
  return output === undefined
    ? undefined
    : { ...choices, ...consent, labels: given.labels, model, calibration, output };
}

type Choices = Pick<VerbOptions<'compileModel'>, 'mode' | 'reveal' | 'maxError' | 'minAgreement'>;

async function askChoices(given: CompileRequest, described: ModelDescription): Promise<Choices | undefined> {
  const mode = given.mode ?? (await pickMode(described));
  if (mode === undefined) return undefined;
  const reveal = given.reveal ?? (await pickReveal(described));
  if (reveal === undefined) return undefined;
  const { maxError = defaults.maxError, minAgreement = defaults.minAgreement } = given;
  const tolerances = given.askTolerances === true ? await askTolerances() : { maxError, minAgreement };
  return tolerances === undefined ? undefined : { mode, reveal, ...tolerances };
}

async function askTolerances(): Promise<Pick<Choices, 'maxError' | 'minAgreement'> | undefined> {
  const maxError = await askShare(
    vscode.l10n.t('Largest error of a score, as a share of a typical one'),
    defaults.maxError,
  );
  if (maxError === undefined) return undefined;
  const minAgreement = await askShare(
    vscode.l10n.t('Least share of answers that agree with the model'),
    defaults.minAgreement,
  );
  return minAgreement === undefined ? undefined : { maxError, minAgreement };
}

async function askShare(title: string, proposed: number): Promise<number | undefined> {
  const typed = await vscode.window.showInputBox({
    title,
    value: String(proposed),
    ignoreFocusOut: true,
    validateInput: (text) =>
      isShare(Number(text)) && text.trim() !== '' ? undefined : vscode.l10n.t('A number from 0 to 1.'),
  });
  return typed === undefined ? undefined : Number(typed);
}

function isShare(value: number): boolean {
  return value >= 0 && value <= 1;
}

function withAnswers(error: unknown, { model, calibration, output }: VerbOptions<'compileModel'>): unknown {
  const known = toAppError(error);
  return known.code.startsWith('plan.') && known.code !== 'plan.calibration'
    ? new RefusedPlan({ model, calibration, output }, known)
    : error;
}

async function pickModel(): Promise<string | undefined> {
  return await pickFile({
    title: vscode.l10n.t('Model to compile'),
    extensions: modelExtensions,
    offered: modelExtensions.filter((extension) => !textExtensions.includes(extension)),
    // As XGBoost and LightGBM begin: few files of these extensions are models.
    offeredByStart: { extensions: textExtensions, start: /^(?:\s*\{\s*"(?:learner|version)"|tree\r?\n)/u },
  });
}

/** Files beside the model come first, before all those that are called after what they are for. */
async function pickCalibration(model: string): Promise<string | undefined> {
  const rank = ({ fsPath }: vscode.Uri): number =>
    Number(!/calib|train/iu.test(path.basename(fsPath))) + 2 * Number(path.dirname(fsPath) !== path.dirname(model));
  return await pickFile({
    title: vscode.l10n.t('Calibration rows'),
    placeHolder: vscode.l10n.t('A hundred training rows or more; the deployment tells only their ranges'),
    extensions: dataExtensions,
    offered: dataExtensions,
    rank,
  });
}

async function pickMode(described: ModelDescription): Promise<VerbOptions<'compileModel'>['mode'] | undefined> {
  const choices = [
    {
      label: vscode.l10n.t('Both'),
      description: 'auto',
      detail: vscode.l10n.t('A plan for each, and a job takes the faster one; larger keys, a longer compile.'),
      value: 'auto',
    },
    {
      label: vscode.l10n.t('Whole files'),
      description: 'throughput',
      detail: vscode.l10n.t('Most records a second, fewest bytes a record; one alone costs a whole query.'),
      value: 'throughput',
    },
    {
      label: vscode.l10n.t('One record'),
      description: 'latency',
      detail: vscode.l10n.t('A single record is answered soonest; a file costs that time for each record.'),
      value: 'latency',
    },
  ] as const;
  return await pickOne(vscode.l10n.t('What to be quick at'), choices, modelText(described));
}

/** Only of trees there is something to choose. What a pickle holds is known once its code ran. */
async function pickReveal(described: ModelDescription): Promise<VerbOptions<'compileModel'>['reveal'] | undefined> {
  if (described.kind !== 'trees' && described.kind !== 'pickle') return 'nothing';
  const title =
    described.kind === 'trees'
      ? vscode.l10n.t("What the data's owner may learn of the trees")
      : vscode.l10n.t("If it is made of trees: what the data's owner may learn of them");
  return await pickOne(title, [
    {
      label: vscode.l10n.t('Nothing of their splits'),
      description: 'nothing',
      detail: vscode.l10n.t('Thresholds move to a grid: larger queries, and a few answers may change.'),
      value: 'nothing',
    },
    {
      label: vscode.l10n.t('Their thresholds'),
      description: 'thresholds',
      detail: vscode.l10n.t('Exact and mostly smaller; client.zip lists what features are compared with.'),
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
  const report = vscode.l10n.t('Open Report');
  const { warnings = [] } = outcome;
  const show = warnings.length === 0 ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
  const chosen = await show([compiledText(outcome), ...warnings].join(' '), create, report);
  const target = { deployment: outcome.path };
  if (chosen === create) await vscode.commands.executeCommand('sealpoint.createKeys', target);
  if (chosen === report) await vscode.commands.executeCommand('sealpoint.openReport', target);
}
