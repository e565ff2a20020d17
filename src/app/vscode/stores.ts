import {
  groupNodes,
  levelNodes,
  rootNodes,
  type GroupNode,
  type JobNode,
  type Listing,
  type Node,
  type ProfileNode,
} from './tree-model.ts';
import type { VerbOutcome } from './verb-table.ts';
import type { Verbs } from './verbs.ts';

/** Pages of 1,000 entries; a tree with more than this many is no help to anybody. */
const mostPages = 5;

/** The stores of all profiles, `local` first. Empty while `local` holds nothing and is the only one: the welcome text shows then. */
export async function artifactRoots(verbs: Verbs): Promise<readonly Node[]> {
  const profiles = await profileNodes(verbs);
  const [only] = profiles;
  if (profiles.length !== 1 || only === undefined) return profiles;
  const listing = await list(verbs, only, '');
  return listing.folders.length + listing.objects.length === 0 ? [] : profiles;
}

export async function artifactChildren(verbs: Verbs, node: Node): Promise<readonly Node[]> {
  switch (node.kind) {
    case 'profile':
      return rootNodes(node, await list(verbs, node, ''));
    case 'group':
      return node.children ?? (await groupChildren(verbs, node));
    case 'folder':
      return levelNodes(node.profile, await list(verbs, node.profile, node.prefix));
    default:
      return [];
  }
}

/** What this machine knows of what lies there, added. */
async function groupChildren(verbs: Verbs, node: GroupNode): Promise<readonly Node[]> {
  const nodes = groupNodes(node, await list(verbs, node.profile, `${node.group}/`));
  if (node.group === 'models') return await Promise.all(nodes.map(async (entry) => await withReport(verbs, entry)));
  if (node.group === 'keys') return await withNames(verbs, nodes);
  return await inOrderOfLedgers(verbs, nodes);
}

async function inOrderOfLedgers(verbs: Verbs, nodes: readonly Node[]): Promise<readonly Node[]> {
  const { jobs } = await verbs.call('listJobs', {});
  const known = new Map(jobs.map((row) => [row.job, row]));
  // The newest first, as the ledger has them; jobs of other machines after them.
  const rank = new Map(jobs.map((row, index) => [row.job, index]));
  const rankOf = (entry: Node): number =>
    entry.kind === 'job' ? (rank.get(entry.id) ?? jobs.length) : jobs.length + 1;
  return nodes
    .map((entry): Node => (entry.kind === 'job' ? withLedger(entry, known.get(entry.id)) : entry))
    .toSorted((a, b) => rankOf(a) - rankOf(b));
}

/** A store elsewhere is not asked for a report of each deployment. */
async function withReport(verbs: Verbs, node: Node): Promise<Node> {
  if (node.kind !== 'deployment' || !node.uri.startsWith('file://')) return node;
  const report = await verbs.call('readDeploymentReport', { deployment: node.uri }).catch(() => undefined);
  if (report === undefined) return node;
  return { ...node, made: { model: report.model.file, modes: report.plans.map(({ mode }) => mode) } };
}

async function withNames(verbs: Verbs, nodes: readonly Node[]): Promise<readonly Node[]> {
  const { keys } = await verbs.call('listKeySets', {});
  const names = new Map(keys.map(({ key, name }) => [key, name]));
  return nodes.map((node): Node => {
    const name = node.kind === 'evaluationKeys' ? names.get(node.id) : undefined;
    return node.kind === 'evaluationKeys' && name !== undefined ? { ...node, name } : node;
  });
}

function withLedger(node: JobNode, row: VerbOutcome<'listJobs'>['jobs'][number] | undefined): JobNode {
  return row === undefined ? node : { ...node, ledger: { state: row.state, records: row.records, file: row.file } };
}

/** URIs of deployments in every store that answers; one that does not is left out here, the tree says why. */
export async function storedDeployments(verbs: Verbs): Promise<readonly string[]> {
  const profiles = await profileNodes(verbs);
  const found = await Promise.all(
    profiles.map(async (profile) => {
      const listing = await list(verbs, profile, 'models/').catch((): Listing => ({
        objects: [],
        folders: [],
        more: false,
      }));
      return groupNodes({ kind: 'group', group: 'models', profile }, listing);
    }),
  );
  return found.flat().flatMap((node) => (node.kind === 'deployment' ? [node.uri] : []));
}

async function profileNodes(verbs: Verbs): Promise<readonly ProfileNode[]> {
  const { profiles }: VerbOutcome<'listProfiles'> = await verbs.call('listProfiles', {});
  return profiles.map(({ name, store }): ProfileNode => ({
    kind: 'profile',
    name,
    uri: store.endsWith('/') ? store : `${store}/`,
  }));
}

/** A level of a store, page by page. */
async function list(verbs: Verbs, profile: ProfileNode, prefix: string): Promise<Listing> {
  const rows: VerbOutcome<'listArtifacts'>['artifacts'][number][] = [];
  let next: string | undefined;
  for (let page = 0; page < mostPages; page++) {
    const options = { profile: profile.name, prefix, ...(next === undefined ? {} : { next }) };
    const listing = await verbs.call('listArtifacts', options);
    rows.push(...listing.artifacts);
    next = listing.next;
    if (next === undefined) break;
  }
  const folders = rows.filter(({ kind }) => kind === 'folder').map(({ key }) => key);
  const objects = rows.flatMap(({ kind, key, sizeBytes = 0, modified }) =>
    kind === 'folder' ? [] : [{ key, sizeBytes, ...(modified === undefined ? {} : { modified }) }],
  );
  return { folders, objects, more: next !== undefined };
}
