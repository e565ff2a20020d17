import * as vscode from 'vscode';
import type { Memory } from './memory.ts';
import { summaryMarkdown } from './words.ts';

const scheme = 'sealpoint-summary';

/** Read-only pages: a job's summary as Markdown, an artifact's description as JSON. */
export interface Summaries {
  readonly dispose: () => void;
  readonly openJob: (job: string) => Promise<void>;
  readonly openJson: (name: string, document: unknown) => Promise<void>;
}

export function openSummaries(memory: Memory): Summaries {
  const documents = new Map<string, string>();
  const provider = vscode.workspace.registerTextDocumentContentProvider(scheme, {
    provideTextDocumentContent: (uri) => {
      const result = memory.results().find(({ job }) => uri.query === job);
      return result === undefined ? (documents.get(uri.path) ?? '') : summaryMarkdown(result);
    },
  });
  return {
    openJob: async (job) => {
      // The preview is titled after the path; the job's id keeps two summaries apart.
      const uri = vscode.Uri.from({ scheme, path: `/Summary ${job.slice(0, 8)}.md`, query: job });
      await vscode.commands.executeCommand('markdown.showPreview', uri);
    },
    openJson: async (name, document) => {
      const uri = vscode.Uri.from({ scheme, path: `/${name}.json` });
      documents.set(uri.path, `${JSON.stringify(document, undefined, 2)}\n`);
      await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: true });
    },
    dispose: () => {
      provider.dispose();
    },
  };
}
