import type { Memento } from 'vscode';
import type { RunOutcome } from '../../core/artifact/outcomes.ts';

const mostDeployments = 20;
const mostResults = 30;

/** What the editor remembers between windows: folders and outcomes (ids, counts, paths), no values and no secrets. */
export interface Memory {
  /** Deployment folders, the newest first. */
  readonly deployments: () => readonly string[];
  readonly rememberDeployment: (folder: string) => Promise<void>;
  /** Outcomes of jobs that finished here, the newest first. */
  readonly results: () => readonly RunOutcome[];
  readonly rememberResult: (outcome: RunOutcome) => Promise<void>;
}

export function mementoMemory(memento: Memento): Memory {
  const deployments = (): readonly string[] => memento.get<readonly string[]>('deployments', []);
  const results = (): readonly RunOutcome[] => memento.get<readonly RunOutcome[]>('results', []);
  return {
    deployments,
    rememberDeployment: async (folder) => {
      const others = deployments().filter((known) => known !== folder);
      await memento.update('deployments', [folder, ...others].slice(0, mostDeployments));
    },
    results,
    rememberResult: async (outcome) => {
      const others = results().filter((known) => known.job !== outcome.job);
      await memento.update('results', [outcome, ...others].slice(0, mostResults));
    },
  };
}
