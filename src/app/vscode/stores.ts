import { groupNodes, levelNodes, rootNodes, type Listing, type Node, type ProfileNode } from './tree-model.ts';
import type { VerbOutcome } from './verb-table.ts';
import type { Verbs } from './verbs.ts';

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
      return node.children ?? groupNodes(node, await list(verbs, node.profile, `${node.group}/`));
    case 'folder':
      return levelNodes(node.profile, await list(verbs, node.profile, node.prefix));
    default:
      return [];
  }
}

/** URIs of deployments in every store that answers; one that does not is left out here, the tree says why. */
export async function storedDeployments(verbs: Verbs): Promise<readonly string[]> {
  const profiles = await profileNodes(verbs);
  const found = await Promise.all(
    profiles.map(async (profile) => {
      const listing = await list(verbs, profile, 'models/').catch((): Listing => ({ objects: [], folders: [] }));
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

async function list(verbs: Verbs, profile: ProfileNode, prefix: string): Promise<Listing> {
  return await verbs.call('listArtifacts', { profile: profile.name, prefix });
}
