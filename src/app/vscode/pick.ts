import path from 'node:path';
import * as vscode from 'vscode';
import { AppError } from '../../core/error.ts';
import { readStart } from '../../io/model-file.ts';

/** Pickers. Each gives undefined where the person closed it: the command then ends without a word. */

export const dataExtensions = ['csv', 'tsv', 'jsonl', 'ndjson', 'parquet'] as const;
export const modelExtensions = ['onnx', 'ubj', 'pkl', 'joblib', 'json', 'txt'] as const;

export interface FileKind {
  readonly title: string;
  readonly placeHolder?: string;
  readonly extensions: readonly string[];
  /** Which files of the workspace are offered; the others are reached by Browse. */
  readonly offered: readonly string[];
  /** Of these extensions only files that begin as a file of this kind does. */
  readonly offeredByStart?: { readonly extensions: readonly string[]; readonly start: RegExp };
  /** The lower the earlier in the list; by default the file in front comes first. */
  readonly rank?: (file: vscode.Uri) => number;
}

const mostFiles = 200;
const startBytes = 64;
/** What nobody means: dependencies, and predictions made from other files. */
const leftOut = '{**/node_modules/**,**/.*/**,**/*.predictions*.*}';

/** A path of this machine. Files behind other file systems cannot be read by the worker. */
export function localPath(uri: vscode.Uri): string {
  if (uri.scheme === 'file') return uri.fsPath;
  throw new AppError('usage.arguments', `${path.posix.basename(uri.path)} does not lie in a folder of this machine.`, {
    hint: 'Save a copy in a local folder and choose that.',
  });
}

/** Offers the workspace's files of a kind, the one in front first, and Browse for all others. */
export async function pickFile(kind: FileKind): Promise<string | undefined> {
  const front = vscode.window.activeTextEditor?.document.uri.toString();
  const rank = kind.rank ?? ((uri: vscode.Uri): number => (uri.toString() === front ? 0 : 1));
  const files = (await offeredFiles(kind)).toSorted((a, b) => rank(a) - rank(b) || a.path.localeCompare(b.path));
  if (files.length === 0) return await browse(kind);
  const items = files.map((uri) => ({ label: path.posix.basename(uri.path), description: folderOf(uri), uri }));
  const other = { label: vscode.l10n.t('Browse…'), description: '', uri: undefined, alwaysShow: true };
  const chosen = await vscode.window.showQuickPick([...items, separator, other], {
    title: kind.title,
    matchOnDescription: true,
    ...(kind.placeHolder === undefined ? {} : { placeHolder: kind.placeHolder }),
  });
  if (chosen === undefined) return undefined;
  return 'uri' in chosen && chosen.uri !== undefined ? localPath(chosen.uri) : await browse(kind);
}

async function offeredFiles({ offered, offeredByStart }: FileKind): Promise<readonly vscode.Uri[]> {
  const found = await findFiles(offered);
  if (offeredByStart === undefined) return found;
  const candidates = await findFiles(offeredByStart.extensions);
  const begins = await Promise.all(candidates.map(async (uri) => offeredByStart.start.test(await startOf(uri))));
  return [...found, ...candidates.filter((_, index) => begins[index])];
}

async function findFiles(extensions: readonly string[]): Promise<readonly vscode.Uri[]> {
  return await vscode.workspace.findFiles(`**/*.{${extensions.join(',')}}`, leftOut, mostFiles);
}

async function startOf(uri: vscode.Uri): Promise<string> {
  if (uri.scheme !== 'file') return '';
  const bytes = await readStart(uri.fsPath, startBytes).catch(() => new Uint8Array(0));
  return new TextDecoder('latin1').decode(bytes);
}

export const separator = { label: '', kind: vscode.QuickPickItemKind.Separator } as const;

async function browse(kind: FileKind): Promise<string | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const chosen = await vscode.window.showOpenDialog({
    title: kind.title,
    openLabel: vscode.l10n.t('Choose'),
    filters: { [kind.title]: [...kind.extensions], [vscode.l10n.t('All files')]: ['*'] },
    ...(folder === undefined ? {} : { defaultUri: folder }),
  });
  return chosen?.[0] === undefined ? undefined : localPath(chosen[0]);
}

export async function pickFolder(title: string, openLabel: string): Promise<string | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    title,
    openLabel,
    canSelectFiles: false,
    canSelectFolders: true,
  });
  return chosen?.[0] === undefined ? undefined : localPath(chosen[0]);
}

/** A file or folder to be made; the dialog asks by itself before something is replaced. */
export async function pickNew(title: string, saveLabel: string, proposed: string): Promise<string | undefined> {
  const chosen = await vscode.window.showSaveDialog({ title, saveLabel, defaultUri: vscode.Uri.file(proposed) });
  return chosen === undefined ? undefined : localPath(chosen);
}

export interface Choice<T> {
  readonly label: string;
  readonly description?: string;
  readonly detail: string;
  readonly value: T;
}

export async function pickOne<T>(
  title: string,
  choices: readonly Choice<T>[],
  placeHolder?: string,
): Promise<T | undefined> {
  const options = { title, matchOnDetail: true, ...(placeHolder === undefined ? {} : { placeHolder }) };
  return (await vscode.window.showQuickPick(choices, options))?.value;
}

/** `folder/name`, or `folder/name-2`, … where that is taken. */
export async function freePath(folder: string, stem: string, extension: string): Promise<string> {
  for (let n = 1; ; n++) {
    const file = path.join(folder, `${stem}${n === 1 ? '' : `-${String(n)}`}${extension}`);
    if (!(await exists(file))) return file;
  }
}

export async function exists(file: string): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(vscode.Uri.file(file));
    return true;
  } catch {
    return false;
  }
}

function folderOf(uri: vscode.Uri): string {
  const folder = path.posix.dirname(vscode.workspace.asRelativePath(uri, true));
  return folder === '.' ? '' : folder;
}
