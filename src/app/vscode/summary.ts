import * as vscode from 'vscode';
import type { ReportDocument } from '../../core/artifact/report.ts';
import type { Memory } from './memory.ts';
import { reportMarkdown } from './report-page.ts';
import type { Verbs } from './verbs.ts';
import { summaryMarkdown } from './words.ts';

const scheme = 'sealpoint-summary';

/** Read-only pages: a job's summary and a deployment's report as Markdown, an artifact's description as JSON. */
export interface Summaries {
  readonly dispose: () => void;
  readonly openJob: (job: string) => Promise<void>;
  readonly openReport: (deployment: string, report: ReportDocument) => Promise<void>;
  readonly openJson: (name: string, document: unknown) => Promise<void>;
}

export function openSummaries(memory: Memory, verbs: Verbs): Summaries {
  const documents = new Map<string, string>();
  const readReport = async (deployment: string): Promise<string> =>
    reportMarkdown(await verbs.call('readDeploymentReport', { deployment }));
  const provider = vscode.workspace.registerTextDocumentContentProvider(scheme, {
    // Previews outlive their window: what they show is found again by what they were opened for.
    provideTextDocumentContent: async (uri) => {
      const { job, report } = parseQuery(uri.query);
      const result = memory.results().find((known) => known.job === job);
      if (result !== undefined) return summaryMarkdown(result);
      return report === undefined ? (documents.get(uri.path) ?? '') : await readReport(report);
    },
  });
  return {
    openJob: async (job) => {
      // The preview is titled after the path.
      await showPreview(`Summary ${job.slice(0, 8)}`, { job });
    },
    openReport: async (deployment, { model }) => {
      await showPreview(`Report ${model.file}`, { report: deployment });
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

/** What a page is of. */
interface PageQuery {
  readonly job?: string;
  /** A deployment's place. */
  readonly report?: string;
}

async function showPreview(title: string, query: PageQuery): Promise<void> {
  const uri = vscode.Uri.from({ scheme, path: `/${title}.md`, query: JSON.stringify(query) });
  await vscode.commands.executeCommand('markdown.showPreview', uri);
}

function parseQuery(query: string): PageQuery {
  return query === '' ? {} : (JSON.parse(query) as PageQuery);
}
