import * as vscode from 'vscode';
import type {
  CompileOutcome,
  FilesOutcome,
  InspectOutcome,
  KeySetOutcome,
  RunOutcome,
} from '../../core/artifact/outcomes.ts';
import type { ReportDocument } from '../../core/artifact/report.ts';
import { AppError } from '../../core/error.ts';
import { copyId, copyUri, inspectArtifact, publishDeployment } from './artifacts.ts';
import { compileModel, type CompileRequest } from './compile.ts';
import type { Context } from './context.ts';
import { encryptFile } from './encrypt.ts';
import { showFailure } from './failure.ts';
import {
  createKeys,
  deleteKeys,
  exportKeys,
  importKeys,
  renameKeys,
  type CreateKeysRequest,
  type KeyRequest,
} from './key-sets.ts';
import { addProfile, removeProfile, type ProfileRequest } from './profiles.ts';
import { openReport, type ReportRequest } from './report.ts';
import { openResult, type ResultRequest } from './result.ts';
import { resumeJob, type ResumeRequest } from './resume.ts';
import { runInference, type RunRequest } from './run.ts';
import type { Node } from './tree-model.ts';

/** Every contributed command with what it takes and gives; a test holds the ids against package.json. */
export interface CommandMap {
  'sealpoint.compile': (target?: vscode.Uri | CompileRequest) => Promise<CompileOutcome | undefined>;
  'sealpoint.createKeys': (target?: CreateKeysRequest | Node) => Promise<KeySetOutcome | undefined>;
  'sealpoint.encrypt': (target?: vscode.Uri | RunRequest | Node) => Promise<FilesOutcome | undefined>;
  'sealpoint.run': (target?: vscode.Uri | RunRequest | Node) => Promise<RunOutcome | undefined>;
  'sealpoint.resume': (target?: ResumeRequest | Node) => Promise<RunOutcome | undefined>;
  'sealpoint.openResult': (target?: ResultRequest | Node) => Promise<RunOutcome | undefined>;
  'sealpoint.openReport': (target?: ReportRequest | Node) => Promise<ReportDocument | undefined>;
  'sealpoint.showLog': () => Promise<void>;
  'sealpoint.inspect': (target?: vscode.Uri | Node) => Promise<InspectOutcome | undefined>;
  'sealpoint.refresh': () => Promise<void>;
  'sealpoint.copyUri': (target?: Node) => Promise<void>;
  'sealpoint.copyId': (target?: Node) => Promise<void>;
  'sealpoint.renameKeys': (target?: KeyRequest | Node) => Promise<KeySetOutcome | undefined>;
  'sealpoint.exportKeys': (target?: KeyRequest | Node) => Promise<string | undefined>;
  'sealpoint.importKeys': (target?: { readonly file: string }) => Promise<KeySetOutcome | undefined>;
  'sealpoint.deleteKeys': (target?: KeyRequest | Node) => Promise<void>;
  'sealpoint.addProfile': (target?: ProfileRequest) => Promise<void>;
  'sealpoint.removeProfile': (target?: Node) => Promise<void>;
  'sealpoint.publish': (target?: Node) => Promise<void>;
}

type CommandTable = { readonly [Id in keyof CommandMap]: (context: Context) => CommandMap[Id] };

/** From the id to the command, given its context. */
export const commands: CommandTable = {
  'sealpoint.compile': (context) => (target) => compileModel(context, target),
  'sealpoint.createKeys': (context) => (target) => createKeys(context, target),
  'sealpoint.encrypt': (context) => (target) => encryptFile(context, target),
  'sealpoint.run': (context) => (target) => runInference(context, target),
  'sealpoint.resume': (context) => (target) => resumeJob(context, target),
  'sealpoint.openResult': (context) => (target) => openResult(context, target),
  'sealpoint.openReport': (context) => (target) => openReport(context, target),
  'sealpoint.showLog': (context) => () => at(context.log.show),
  'sealpoint.inspect': (context) => (target) => inspectArtifact(context, target),
  'sealpoint.refresh': (context) => () => at(context.trees.refresh),
  'sealpoint.copyUri': () => (target) => copyUri(target),
  'sealpoint.copyId': () => (target) => copyId(target),
  'sealpoint.renameKeys': (context) => (target) => renameKeys(context, target),
  'sealpoint.exportKeys': (context) => (target) => exportKeys(context, target),
  'sealpoint.importKeys': (context) => (target) => importKeys(context, target),
  'sealpoint.deleteKeys': (context) => (target) => deleteKeys(context, target),
  'sealpoint.addProfile': (context) => (target) => addProfile(context, target),
  'sealpoint.removeProfile': (context) => (target) => removeProfile(context, target),
  'sealpoint.publish': (context) => (target) => publishDeployment(context, target),
};

/** Whatever computes or writes waits for trust; looking, copying names and profiles do not. A test holds this against package.json. */
export const needTrust: ReadonlySet<string> = new Set<keyof CommandMap>([
  'sealpoint.compile',
  'sealpoint.createKeys',
  'sealpoint.encrypt',
  'sealpoint.run',
  'sealpoint.resume',
  'sealpoint.renameKeys',
  'sealpoint.exportKeys',
  'sealpoint.importKeys',
  'sealpoint.deleteKeys',
  'sealpoint.publish',
]);

function at(work: () => void): Promise<void> {
  work();
  return Promise.resolve();
}

type Handler = (...given: readonly unknown[]) => Promise<unknown>;

/** Registers the table. This is the only place where an error becomes a message; the command itself then gives undefined. */
export function registerCommands(context: Context): readonly vscode.Disposable[] {
  return Object.entries(commands).map(([id, factory]) => {
    const handler = (factory as (context: Context) => Handler)(context);
    return vscode.commands.registerCommand(id, async (...given: readonly unknown[]) => {
      try {
        // Menus leave these out by themselves; key bindings and other extensions do not ask.
        if (needTrust.has(id) && !vscode.workspace.isTrusted) throw untrusted();
        return await handler(...given);
      } catch (error) {
        showFailure(id, error, context.log);
        return undefined;
      }
    });
  });
}

function untrusted(): AppError {
  return new AppError('usage.arguments', 'Sealpoint compiles, encrypts and runs only in a workspace that you trust.', {
    hint: 'Manage Workspace Trust is in the palette.',
  });
}
