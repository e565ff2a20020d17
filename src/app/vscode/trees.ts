import * as vscode from 'vscode';
import { toAppError } from '../../core/error.ts';
import type { Log } from './log.ts';
import { artifactChildren, artifactRoots, storedDeployments } from './stores.ts';
import { treeItem } from './tree-items.ts';
import type { Node } from './tree-model.ts';
import type { Verbs } from './verbs.ts';
import { errorText } from './words.ts';

export interface Trees {
  readonly dispose: () => void;
  /** Reads anew what is visible. */
  readonly refresh: () => void;
  /** URIs of the deployments in the stores of all profiles that answer. */
  readonly storedDeployments: () => Promise<readonly string[]>;
  /** The providers, for tests. */
  readonly artifacts: vscode.TreeDataProvider<Node>;
  readonly keys: vscode.TreeDataProvider<Node>;
}

/** Both trees. Nothing is read before the editor asks for a visible view's children. */
export function openTrees(verbs: Verbs, log: Log): Trees {
  const changed = new vscode.EventEmitter<undefined>();
  const provider = (children: (node: Node | undefined) => Promise<readonly Node[]>): vscode.TreeDataProvider<Node> => ({
    onDidChangeTreeData: changed.event,
    getTreeItem: treeItem,
    getChildren: async (node) => [...(await orNote(() => children(node), log))],
  });
  const artifacts = provider((node) => (node === undefined ? artifactRoots(verbs) : artifactChildren(verbs, node)));
  const keys = provider(async (node) => (node === undefined ? await keySets(verbs) : []));
  const views = [
    vscode.window.createTreeView('sealpoint.artifacts', { treeDataProvider: artifacts, showCollapseAll: true }),
    vscode.window.createTreeView('sealpoint.keys', { treeDataProvider: keys }),
  ];
  return {
    refresh: () => {
      changed.fire(undefined);
    },
    storedDeployments: () => storedDeployments(verbs),
    artifacts,
    keys,
    dispose: () => {
      for (const view of views) view.dispose();
      changed.dispose();
    },
  };
}

async function keySets(verbs: Verbs): Promise<readonly Node[]> {
  const { keys } = await verbs.call('listKeySets', {});
  return keys.toSorted((a, b) => a.name.localeCompare(b.name)).map((set): Node => ({ kind: 'keySet', keys: set }));
}

/** A store that does not answer is a line in the tree: the other stores stay usable, and no message pops up unasked. */
async function orNote(children: () => Promise<readonly Node[]>, log: Log): Promise<readonly Node[]> {
  try {
    return await children();
  } catch (error) {
    const known = toAppError(error);
    log.failure('tree', known);
    return [{ kind: 'note', text: errorText(known), failed: true }];
  }
}
